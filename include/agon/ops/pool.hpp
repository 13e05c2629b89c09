#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/pool2d.hpp>
#include <agon/ops/index.hpp>

#include <cstdint>
#include <limits>

namespace agon {

/// Windows of the pooling operations, kernel_size x kernel_size, without padding.
struct PoolOptions {
  std::int64_t kernel_size = 2;
  std::int64_t stride = 0;  ///< kernel_size when 0
};

namespace detail {

inline kernels::PoolShape pool_shape(const Shape& x, const PoolOptions& options, std::string_view op) {
  const auto k = options.kernel_size, stride = options.stride == 0 ? k : options.stride;
  check<ShapeError>(x.rank() == 4, op, ": images ", x, "; expected [n, h, w, c]");
  check<ShapeError>(k >= 1 && stride >= 1 && k <= x[1] && k <= x[2], op, ": kernel ", k, " with stride ", stride,
                    " on images ", x, "; expected 1 <= kernel <= h, w and stride >= 1");
  return {x[0], x[1], x[2], x[3], k, stride, (x[1] - k) / stride + 1, (x[2] - k) / stride + 1};
}

template <Real T>
Tensor<T> avg_pool_grad(const Tensor<T>& g, const kernels::PoolShape& s);

template <Real T>
Tensor<T> avg_pool(const Tensor<T>& x, const kernels::PoolShape& s) {
  auto y = empty<T>({s.n, s.oh, s.ow, s.c});
  kernels::avg_pool2d(s, x.data().data(), y.mutable_data().data());
  return record("avg_pool2d", y, {x}, Save::nothing,
                [s](const Vjp<T>& v) -> Grads<T> { return {avg_pool_grad(v.grad(), s)}; });
}

template <Real T>
Tensor<T> avg_pool_grad(const Tensor<T>& g, const kernels::PoolShape& s) {
  auto x = empty<T>({s.n, s.h, s.w, s.c});
  kernels::avg_pool2d_grad(s, g.data().data(), x.mutable_data().data());
  return record("avg_pool2d_grad", x, {g}, Save::nothing,
                [s](const Vjp<T>& v) -> Grads<T> { return {avg_pool(v.grad(), s)}; });
}

}  // namespace detail

/// Largest element of each k x k window of x [n, h, w, c], per channel, NaN if there is one. Gradient: g to the first
/// largest of the window. Throws ShapeError unless 1 <= k <= h, w and stride >= 1, or for a window of more elements
/// than T can number, 2^24 for float.
template <Real T>
Tensor<T> max_pool2d(const Tensor<T>& x, const PoolOptions& options = {}) {
  const auto s = detail::pool_shape(x.shape(), options, "max_pool2d");
  constexpr auto most = std::int64_t{1} << std::numeric_limits<T>::digits;
  check<ShapeError>(s.k * s.k <= most, "max_pool2d: windows of ", s.k, " x ", s.k, " ", type_name<T>(),
                    " elements; expected at most ", most);
  auto y = empty<T>({s.n, s.oh, s.ow, s.c});
  auto index = empty<std::int64_t>(y.shape());
  kernels::max_pool2d(s, x.data().data(), y.mutable_data().data(), index.mutable_data().data());
  return detail::record_selection("max_pool2d", y, x, index);
}

/// Mean of each k x k window of x [n, h, w, c], per channel. Gradient: its adjoint, which spreads g / k^2.
/// Throws ShapeError unless 1 <= k <= h, w and stride >= 1.
template <Real T>
Tensor<T> avg_pool2d(const Tensor<T>& x, const PoolOptions& options = {}) {
  return detail::avg_pool(x, detail::pool_shape(x.shape(), options, "avg_pool2d"));
}

template <Real T>
Tensor<T> upsample_nearest2d_grad(const Tensor<T>& g, std::int64_t factor);

/// Each pixel of x [n, h, w, c] repeated factor x factor times: [n, h factor, w factor, c]. Gradient: sums of blocks.
/// Throws ShapeError for another rank, a factor below 1 or a result of too many elements.
template <Real T>
Tensor<T> upsample_nearest2d(const Tensor<T>& x, std::int64_t factor = 2) {
  check<ShapeError>(x.rank() == 4 && factor >= 1, "upsample_nearest2d: images ", x.shape(), " by factor ", factor,
                    "; expected [n, h, w, c] and a factor of at least 1");
  const auto scaled = [&](int axis) { return detail::multiply_sizes(x.size(axis), factor, "upsample_nearest2d"); };
  auto y = empty<T>({x.size(0), scaled(1), scaled(2), x.size(3)});
  kernels::upsample_nearest2d(x.size(0), x.size(1), x.size(2), x.size(3), factor, x.data().data(),
                              y.mutable_data().data());
  return record("upsample_nearest2d", y, {x}, Save::nothing,
                [factor](const Vjp<T>& v) -> Grads<T> { return {upsample_nearest2d_grad(v.grad(), factor)}; });
}

/// The adjoint of upsample_nearest2d: each factor x factor block of g [n, h factor, w factor, c] summed.
/// Throws ShapeError unless the factor divides the sizes of the images.
template <Real T>
Tensor<T> upsample_nearest2d_grad(const Tensor<T>& g, std::int64_t factor) {
  check<ShapeError>(g.rank() == 4 && factor >= 1 && g.size(1) % factor == 0 && g.size(2) % factor == 0,
                    "upsample_nearest2d_grad: gradient ", g.shape(), " by factor ", factor);
  auto x = empty<T>({g.size(0), g.size(1) / factor, g.size(2) / factor, g.size(3)});
  kernels::upsample_nearest2d_grad(x.size(0), x.size(1), x.size(2), x.size(3), factor, g.data().data(),
                                   x.mutable_data().data());
  return record("upsample_nearest2d_grad", x, {g}, Save::nothing,
                [factor](const Vjp<T>& v) -> Grads<T> { return {upsample_nearest2d(v.grad(), factor)}; });
}

}  // namespace agon
