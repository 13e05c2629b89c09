# What runs a test program once more: with its slow cases, and with each instruction set forced through AGON_ISA.

# agon_add_tagged_test(FOLDER TAG TIMEOUT SOURCES...): the cases tagged TAG as FOLDER.TAG, labelled TAG. Catch2 3 fails
# where no case matches, so there is an entry only where a source has the tag.
function(agon_add_tagged_test folder tag timeout)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} tagged REGEX "\\[\\.?${tag}\\]" LIMIT_COUNT 1)
    if(tagged)
      add_test(NAME ${folder}.${tag} COMMAND agon_test_${folder} "[${tag}]")
      set_tests_properties(${folder}.${tag} PROPERTIES LABELS ${tag} TIMEOUT ${timeout} SKIP_RETURN_CODE 4)
      return()
    endif()
  endforeach()
endfunction()

# The sets this processor has; agon refuses the others, so their entries are disabled.
set(agon_isa_here generic)
if(EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo cpu REGEX "^flags" LIMIT_COUNT 1)
  if("${cpu} " MATCHES " avx2 " AND "${cpu} " MATCHES " fma ")
    list(APPEND agon_isa_here avx2)
  endif()
  if("${cpu} " MATCHES " avx512f " AND "${cpu} " MATCHES " avx512vl " AND "${cpu} " MATCHES " avx512dq "
     AND "${cpu} " MATCHES " avx512bw ")
    list(APPEND agon_isa_here avx512)
  endif()
endif()

function(agon_add_isa_tests folder)
  foreach(isa IN ITEMS generic avx2 avx512)
    set(name ${folder}.${isa})
    add_test(NAME ${name} COMMAND agon_test_${folder})
    set_tests_properties(${name} PROPERTIES LABELS isa TIMEOUT 900 ENVIRONMENT AGON_ISA=${isa})
    if(NOT isa IN_LIST agon_isa_here)
      set_tests_properties(${name} PROPERTIES DISABLED TRUE)
    endif()
  endforeach()
endfunction()
