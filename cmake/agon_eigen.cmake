# Finds Eigen 3.4 or newer, which agon/interop/eigen.hpp alone is for. find_package(Eigen3 3.4) would refuse 5.x and a
# range would refuse 3.4.0, so the package is looked up without a version and checked here. Used by the build and by the
# installed package. Sets agon_eigen to Eigen's target, or to nothing.
set(agon_eigen Eigen3::Eigen)
if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 CONFIG QUIET)
  if(NOT TARGET Eigen3::Eigen OR Eigen3_VERSION VERSION_LESS 3.4)
    set(agon_eigen "")
  endif()
endif()
