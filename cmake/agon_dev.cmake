# Flags for agon's own tests, examples and benchmarks: agon_dev is linked PRIVATE and neither installed nor exported.
option(AGON_WERROR "Treat warnings in agon's own targets as errors" OFF)
option(AGON_NATIVE "Compile agon's own executables for this machine's processor" OFF)
set(AGON_SANITIZE "" CACHE STRING "Sanitizers for agon's own executables, for example address,undefined")

add_library(agon_dev INTERFACE)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(agon_dev INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(AGON_WERROR)
    target_compile_options(agon_dev INTERFACE -Werror)
  endif()
  if(AGON_NATIVE)
    target_compile_options(agon_dev INTERFACE -march=native)
  endif()
  if(AGON_SANITIZE)
    set(sanitize -fsanitize=${AGON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(agon_dev INTERFACE ${sanitize})
    target_link_options(agon_dev INTERFACE ${sanitize})
  endif()
endif()

# The kernels' names carry the build's fingerprint: our programs and the library they link are built alike.
target_link_libraries(agon_compiled PRIVATE $<BUILD_INTERFACE:agon_dev>)

# agon::compiled for our own programs, whose units include single headers instead of agon/agon.hpp.
add_library(agon_dev_compiled INTERFACE)
target_link_libraries(agon_dev_compiled INTERFACE agon_compiled agon_dev)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(agon_compiled PRIVATE -O2)  # also in a debug build: tests would take hours otherwise
  target_compile_options(agon_dev_compiled INTERFACE "SHELL:-include agon/compiled.hpp")
endif()
