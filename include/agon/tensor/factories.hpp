#pragma once

#include <agon/kernels/map.hpp>
#include <agon/kernels/random.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace agon {

/// A tensor whose elements are not initialised: for operations that write every one of them.
template <Element T>
Tensor<T> empty(const Shape& shape) {
  return Tensor<T>::uninitialized(shape);
}

/// A tensor of the same shape whose elements are not initialised.
template <Element T>
Tensor<T> empty_like(const Tensor<T>& like) {
  return empty<T>(like.shape());
}

/// Every element `value`.
template <Element T>
Tensor<T> full(const Shape& shape, T value) {
  auto t = empty<T>(shape);
  kernels::fill(t.numel(), value, t.mutable_data().data());
  return t;
}

/// Every element 0.
template <Element T>
Tensor<T> zeros(const Shape& shape) {
  return full<T>(shape, T{});
}

/// Every element 1.
template <Element T>
Tensor<T> ones(const Shape& shape) {
  return full<T>(shape, T{1});
}

/// Zeros of the same shape.
template <Element T>
Tensor<T> zeros_like(const Tensor<T>& like) {
  return zeros<T>(like.shape());
}

/// Ones of the same shape.
template <Element T>
Tensor<T> ones_like(const Tensor<T>& like) {
  return ones<T>(like.shape());
}

/// A rank-0 tensor.
template <Element T>
Tensor<T> scalar(T value) {
  return full<T>({}, value);
}

/// A copy of `values` in row-major order. Throws ShapeError unless their number fits the shape.
template <Element T>
Tensor<T> from_data(std::span<const T> values, const Shape& shape) {
  check<ShapeError>(static_cast<std::int64_t>(values.size()) == shape.numel(), "from_data: ", values.size(),
                    " values for shape ", shape, "; expected ", shape.numel());
  auto t = empty<T>(shape);
  std::copy(values.begin(), values.end(), t.mutable_data().begin());
  return t;
}

/// A copy of values written out: `from_data<float>({1, 2, 3, 4}, {2, 2})`.
template <Element T>
Tensor<T> from_data(std::initializer_list<T> values, const Shape& shape) {
  return from_data(std::span<const T>(values.begin(), values.size()), shape);
}

/// A copy of the values of a vector.
template <Element T>
requires(!std::same_as<T, bool>) Tensor<T> from_data(const std::vector<T>& values, const Shape& shape) {
  return from_data(std::span<const T>(values), shape);
}

/// first, first + step, ... : `count` elements.
template <Element T>
Tensor<T> arange(std::int64_t count, T first = T{}, T step = T{1}) {
  auto t = empty<T>({count});
  auto out = t.mutable_data();
  for (std::int64_t i = 0; i < count; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<T>(first + static_cast<T>(i) * step);
  return t;
}

/// The identity matrix [n, n].
template <Element T>
Tensor<T> eye(std::int64_t n) {
  auto t = zeros<T>({n, n});
  auto out = t.mutable_data();
  for (std::int64_t i = 0; i < n; ++i) out[static_cast<std::size_t>(i * n + i)] = T{1};
  return t;
}

/// Independent uniform elements in [low, high), or low where both are equal; one block of the stream each.
/// Throws Error unless low <= high.
template <Real T>
Tensor<T> uniform(const Shape& shape, T low, T high, Rng& rng) {
  check(low <= high, "uniform: from ", low, " to ", high, "; expected low <= high");
  auto t = empty<T>(shape);
  kernels::uniform(rng.key(), rng.take(static_cast<std::uint64_t>(t.numel())), t.numel(), low, high,
                   t.mutable_data().data());
  return t;
}

/// Independent normal elements, one block of the stream each. Throws Error unless the deviation is 0 or more.
template <Real T>
Tensor<T> normal(const Shape& shape, T mean, T deviation, Rng& rng) {
  check(deviation >= 0, "normal: deviation ", deviation, "; expected 0 or more");
  auto t = empty<T>(shape);
  kernels::normal(rng.key(), rng.take(static_cast<std::uint64_t>(t.numel())), t.numel(), mean, deviation,
                  t.mutable_data().data());
  return t;
}

/// Independent uniform integers in [0, n), one block of the stream each: random labels. Throws ShapeError unless n > 0.
template <Index I>
Tensor<I> randint(const Shape& shape, I n, Rng& rng) {
  check<ShapeError>(n > 0, "randint: upper bound ", n, "; expected at least 1");
  auto t = empty<I>(shape);
  for (auto& x : t.mutable_data()) x = static_cast<I>(rng.below(n));
  return t;
}

namespace detail {

template <Element To, Element From>
To convert(From v) {
  using Limits = std::numeric_limits<To>;
  if constexpr (Real<To> || std::same_as<To, bool> || std::same_as<From, bool>) {
    return static_cast<To>(v);
  } else if constexpr (Real<From>) {
    // As a From the upper limit may be rounded up, to a power of two: what is below it fits all the same.
    if (v >= static_cast<From>(Limits::max())) return Limits::max();
    if (v <= static_cast<From>(Limits::min())) return Limits::min();
    return is_finite(v) ? static_cast<To>(v) : To{0};
  } else {
    return std::cmp_greater(v, Limits::max()) ? Limits::max()
           : std::cmp_less(v, Limits::min())  ? Limits::min()
                                              : static_cast<To>(v);
  }
}

}  // namespace detail

/// The elements converted to another type, without a graph. Integer types cut the fraction off, take their limits for
/// what lies beyond them and 0 for NaN; bool is whether an element differs from 0.
/// Throws GraphError for tensors that require a gradient, unless under NoGrad: detach first, there is no derivative
/// across element types.
template <Element To, Element From>
Tensor<To> cast(const Tensor<From>& x) {
  if constexpr (Real<From>)
    check<GraphError>(!x.requires_grad() || !grad_enabled(), "cast: ", type_name<From>(), " tensor ", x.shape(),
                      " requires a gradient; expected detach() before the conversion");
  auto y = empty<To>(x.shape());
  std::transform(x.data().begin(), x.data().end(), y.mutable_data().begin(),
                 [](From v) { return detail::convert<To>(v); });
  return y;
}

}  // namespace agon
