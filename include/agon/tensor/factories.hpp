#pragma once

#include <agon/kernels/map.hpp>
#include <agon/kernels/random.hpp>
#include <agon/tensor/tensor.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace agon {

/// A tensor whose elements are not initialised: for operations that write every one of them.
template <Element T>
Tensor<T> empty(const Shape& shape) {
  return Tensor<T>::uninitialized(shape);
}

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

template <Element T>
Tensor<T> zeros(const Shape& shape) {
  return full<T>(shape, T{});
}

template <Element T>
Tensor<T> ones(const Shape& shape) {
  return full<T>(shape, T{1});
}

template <Element T>
Tensor<T> zeros_like(const Tensor<T>& like) {
  return zeros<T>(like.shape());
}

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

template <Element T>
Tensor<T> from_data(std::initializer_list<T> values, const Shape& shape) {
  return from_data(std::span<const T>(values.begin(), values.size()), shape);
}

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

/// Independent uniform elements in [low, high), one block of the stream each.
template <Real T>
Tensor<T> uniform(const Shape& shape, T low, T high, Rng& rng) {
  auto t = empty<T>(shape);
  kernels::uniform(rng.key(), rng.take(static_cast<std::uint64_t>(t.numel())), t.numel(), low, high,
                   t.mutable_data().data());
  return t;
}

/// Independent normal elements, one block of the stream each.
template <Real T>
Tensor<T> normal(const Shape& shape, T mean, T deviation, Rng& rng) {
  auto t = empty<T>(shape);
  kernels::normal(rng.key(), rng.take(static_cast<std::uint64_t>(t.numel())), t.numel(), mean, deviation,
                  t.mutable_data().data());
  return t;
}

/// Independent uniform integers in [0, n), one block of the stream each: random labels.
template <Index I>
Tensor<I> randint(const Shape& shape, I n, Rng& rng) {
  check<ShapeError>(n > 0, "randint: upper bound ", n, "; expected at least 1");
  auto t = empty<I>(shape);
  for (auto& x : t.mutable_data()) x = static_cast<I>(rng.below(n));
  return t;
}

/// The elements converted to another type, without a graph. Real tensors that require a gradient are refused: detach
/// first, there is no derivative across element types.
template <Element To, Element From>
Tensor<To> cast(const Tensor<From>& x) {
  if constexpr (Real<From>)
    check<GraphError>(!x.requires_grad() || !grad_enabled(), "cast: ", type_name<From>(), " tensor ", x.shape(),
                      " requires a gradient; expected detach() before the conversion");
  auto y = empty<To>(x.shape());
  std::transform(x.data().begin(), x.data().end(), y.mutable_data().begin(), [](From v) { return static_cast<To>(v); });
  return y;
}

}  // namespace agon
