# Finds what agon::io is made of. Used by the build and by the installed package.
# Sets agon_io_libraries, and agon_io_missing: Debian's names of what is not there, separated by spaces.
find_package(ZLIB QUIET)
find_package(PNG QUIET)
find_package(nlohmann_json CONFIG QUIET)
set(agon_io_libraries ZLIB::ZLIB PNG::PNG nlohmann_json::nlohmann_json)
set(agon_io_packages zlib1g-dev libpng-dev nlohmann-json3-dev)
set(agon_io_missing "")
foreach(agon_library agon_package IN ZIP_LISTS agon_io_libraries agon_io_packages)
  if(NOT TARGET ${agon_library})
    list(APPEND agon_io_missing ${agon_package})
  endif()
endforeach()
list(JOIN agon_io_missing " " agon_io_missing)
