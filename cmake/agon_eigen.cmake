# Finds Eigen 3.4 or newer. find_package(Eigen3 3.4) would refuse 5.x and a range would refuse 3.4.0, so the package is
# looked up without a version and checked here. Used by the build and by the installed package.
# Sets agon_eigen_problem: empty, or a sentence that says what is wrong.
set(agon_eigen_problem "")
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 CONFIG QUIET)
  if(NOT TARGET Eigen3::Eigen)
    string(CONCAT agon_eigen_problem "agon needs Eigen 3.4 or newer, which was not found. Install it (apt-get install "
                  "libeigen3-dev, brew install eigen, vcpkg install eigen3) or add its prefix to CMAKE_PREFIX_PATH.")
  elseif(Eigen3_VERSION VERSION_LESS 3.4)
    set(agon_eigen_problem "agon needs Eigen 3.4 or newer, found ${Eigen3_VERSION} in ${Eigen3_DIR}.")
  endif()
endif()
