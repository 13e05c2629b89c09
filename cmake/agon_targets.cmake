# The library targets agon::agon, agon::compiled and agon::io. They carry include paths, C++20 and dependencies; no flag
# of ours.

file(GLOB_RECURSE agon_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/agon/*.hpp")
set(agon_io_headers ${agon_headers})
list(FILTER agon_io_headers INCLUDE REGEX "/include/agon/io/")
list(FILTER agon_headers EXCLUDE REGEX "/include/agon/io/")

add_library(agon INTERFACE)
add_library(agon::agon ALIAS agon)
target_sources(agon INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${agon_headers})
target_compile_features(agon INTERFACE cxx_std_20)

# The installed package looks for Eigen and OpenMP on the consumer's side, hence BUILD_INTERFACE.
include("${PROJECT_SOURCE_DIR}/cmake/agon_eigen.cmake")
if(agon_eigen)
  target_link_libraries(agon INTERFACE $<BUILD_INTERFACE:${agon_eigen}>)
else()
  message(STATUS "agon: Eigen 3.4 or newer not found, agon/interop/eigen.hpp will not compile")
endif()
if(AGON_USE_OPENMP)
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(agon INTERFACE $<BUILD_INTERFACE:OpenMP::OpenMP_CXX>)
  else()
    message(STATUS "agon: OpenMP not found, kernels will run on one thread")
  endif()
endif()

# Kernels and operations compiled once, for projects with many units: see agon/compiled.hpp, which agon/agon.hpp includes
# where AGON_COMPILED is defined. Without the option it is built where it is used and not installed.
add_library(agon_compiled STATIC "${PROJECT_SOURCE_DIR}/cmake/compiled/kernels.cpp"
                                 "${PROJECT_SOURCE_DIR}/cmake/compiled/ops.cpp")
add_library(agon::compiled ALIAS agon_compiled)
set_target_properties(agon_compiled PROPERTIES EXPORT_NAME compiled POSITION_INDEPENDENT_CODE ON)
if(NOT AGON_COMPILED)
  set_target_properties(agon_compiled PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
target_link_libraries(agon_compiled PUBLIC agon)
target_compile_definitions(agon_compiled PUBLIC AGON_COMPILED)
# Position-independent code would otherwise not inline what another module might replace.
target_compile_options(agon_compiled PRIVATE $<$<CXX_COMPILER_ID:GNU,Clang>:-fno-semantic-interposition>)

if(AGON_IO)
  include("${PROJECT_SOURCE_DIR}/cmake/agon_io.cmake")
  if(NOT agon_io_missing)
    add_library(agon_io INTERFACE)
    add_library(agon::io ALIAS agon_io)
    set_target_properties(agon_io PROPERTIES EXPORT_NAME io)
    target_sources(agon_io INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include"
                                     FILES ${agon_io_headers})
    target_link_libraries(agon_io INTERFACE agon ${agon_io_libraries})
  elseif(AGON_IO STREQUAL "AUTO")
    message(STATUS "agon: no agon::io, missing (Debian's names): ${agon_io_missing}")
  else()
    message(FATAL_ERROR "agon::io was asked for with AGON_IO=${AGON_IO}, missing (Debian's names): ${agon_io_missing}")
  endif()
endif()
