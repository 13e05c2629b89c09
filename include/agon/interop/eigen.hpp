#pragma once

#include <agon/tensor/factories.hpp>

#if !__has_include(<Eigen/Core>)
#error "agon/interop/eigen.hpp needs Eigen 3.4 or newer (apt-get install libeigen3-dev), found by CMake or with -I"
#endif
#include <Eigen/Core>

#include <cstdint>

namespace agon {

template <class T>
using RowMajorMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The tensor as an Eigen matrix that shares its memory, read-only: all axes but the last are rows. Valid while the
/// tensor lives. Throws ShapeError for a scalar.
template <Element T>
Eigen::Map<const RowMajorMatrix<T>> as_eigen(const Tensor<T>& x) {
  check<ShapeError>(x.rank() >= 1, "as_eigen: a scalar; expected at least one axis");
  const auto cols = x.size(-1);
  return {x.data().data(), cols > 0 ? x.numel() / cols : 0, cols};
}

/// The same, to be written; counts as a change of the tensor. See Tensor::mutable_data.
template <Element T>
Eigen::Map<RowMajorMatrix<T>> as_mutable_eigen(const Tensor<T>& x) {
  check<ShapeError>(x.rank() >= 1, "as_mutable_eigen: a scalar; expected at least one axis");
  const auto cols = x.size(-1);
  return {x.mutable_data().data(), cols > 0 ? x.numel() / cols : 0, cols};
}

/// A tensor [rows, cols] with a copy of an Eigen matrix or expression.
template <class Derived>
Tensor<typename Derived::Scalar> from_eigen(const Eigen::DenseBase<Derived>& matrix) {
  using T = typename Derived::Scalar;
  auto t = empty<T>({matrix.rows(), matrix.cols()});
  Eigen::Map<RowMajorMatrix<T>>(t.mutable_data().data(), matrix.rows(), matrix.cols()) = matrix.derived();
  return t;
}

}  // namespace agon
