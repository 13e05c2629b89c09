# Headers, the CMake package (find_package(agon [COMPONENTS io compiled])), agon.pc; with AGON_COMPILED the library.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(agon_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/agon")

install(TARGETS agon EXPORT agonTargets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT agonTargets NAMESPACE agon:: DESTINATION "${agon_package_dir}")
if(TARGET agon_io)
  install(TARGETS agon_io EXPORT agonIoTargets FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(EXPORT agonIoTargets NAMESPACE agon:: DESTINATION "${agon_package_dir}")
endif()
set(agon_architecture ARCH_INDEPENDENT)
if(AGON_COMPILED)
  install(TARGETS agon_compiled EXPORT agonCompiledTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT agonCompiledTargets NAMESPACE agon:: DESTINATION "${agon_package_dir}")
  set(agon_architecture "")
endif()

configure_package_config_file(
  cmake/agonConfig.cmake.in "${PROJECT_BINARY_DIR}/agonConfig.cmake"
  INSTALL_DESTINATION "${agon_package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/agonConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion
  ${agon_architecture})
install(FILES "${PROJECT_BINARY_DIR}/agonConfig.cmake" "${PROJECT_BINARY_DIR}/agonConfigVersion.cmake"
              cmake/agon_eigen.cmake cmake/agon_io.cmake
        DESTINATION "${agon_package_dir}")

cmake_path(SET agon_pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${agon_pc_dir}"
           OUTPUT_VARIABLE agon_pc_prefix)
configure_file(cmake/agon.pc.in "${PROJECT_BINARY_DIR}/agon.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/agon.pc" DESTINATION "${agon_pc_dir}")

install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/agon")
