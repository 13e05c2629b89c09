#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/activation.hpp>
#include <agon/kernels/broadcast.hpp>
#include <agon/kernels/simd_loop.hpp>
#include <agon/kernels/simd_math.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace agon::kernels {

/// Elementwise functions of one argument. affine is p x + q, power is x^p; leaky_relu has slope p.
enum class Unary {
  negate,
  exp,
  log,
  sqrt,
  rsqrt,
  square,
  reciprocal,
  tanh,
  sigmoid,
  softplus,
  relu,
  leaky_relu,
  abs,
  affine,
  power
};

/// Elementwise functions of two arguments; maximum takes the first at ties, and NaN where either is.
enum class Binary { add, subtract, multiply, divide, maximum };

/// Comparisons of two arguments.
enum class Compare { less, less_equal, greater, greater_equal, equal, not_equal };

}  // namespace agon::kernels

#define AGON_KERNEL_BODY <agon/kernels/map-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

// Elements of one piece of work: a few microseconds, so that handing it to a thread is cheap beside it.
inline constexpr std::int64_t map_grain = 32768;

/// x^p for any p, by the standard library in double.
template <Real T>
void power(std::int64_t n, const T* x, T* y, T p) {
  parallel_for(n, 4096, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i)
      y[i] = static_cast<T>(std::pow(static_cast<double>(x[i]), static_cast<double>(p)));
  });
}

template <Element T>
void compare_row(Compare op, std::int64_t n, const T* a, std::int64_t step_a, const T* b, std::int64_t step_b,
                 bool* y) {
  const auto loop = [&](auto holds) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = holds(a[i * step_a], b[i * step_b]);
  };
  switch (op) {
    case Compare::less:
      return loop([](T u, T v) { return u < v; });
    case Compare::less_equal:
      return loop([](T u, T v) { return u <= v; });
    case Compare::greater:
      return loop([](T u, T v) { return u > v; });
    case Compare::greater_equal:
      return loop([](T u, T v) { return u >= v; });
    case Compare::equal:
      return loop([](T u, T v) { return u == v; });
    case Compare::not_equal:
      return loop([](T u, T v) { return u != v; });
  }
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// y[i] = op(x[i]) for i < n; x and y may be the same memory.
template <Real T>
void unary(Unary op, std::int64_t n, const T* x, T* y, T p = 0, T q = 0) {
  if (op == Unary::power && !(std::abs(p) <= 16 && p == std::trunc(p))) return detail::power(n, x, y, p);
  parallel_for(n, detail::map_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(unary_chunk(op, last - first, x + first, y + first, p, q));
  });
}

/// y = a op b under `plan`; y may be the memory of an operand that is not broadcast.
template <Real T>
void binary(Binary op, const BroadcastPlan& plan, const T* a, const T* b, T* y) {
  parallel_for(plan.numel, plan.grain(detail::map_grain), [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(binary_chunk(op, plan, first, last, a, b, y));
  });
}

/// y = a op b under `plan`, for every element type.
template <Element T>
void compare(Compare op, const BroadcastPlan& plan, const T* a, const T* b, bool* y) {
  parallel_for(plan.numel, plan.grain(detail::map_grain), [&](std::int64_t first, std::int64_t last) {
    for (PlanRows row(plan, first, last); row.count > 0; row.next())
      detail::compare_row(op, row.count, a + row.a, plan.inner_a(), b + row.b, plan.inner_b(), y + row.position);
  });
}

/// y[i] = condition[i] ? a[i] : b[i] for i < n.
template <Real T>
void select(std::int64_t n, const bool* condition, const T* a, const T* b, T* y) {
  parallel_for(n, detail::map_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(select_chunk(last - first, condition + first, a + first, b + first, y + first));
  });
}

/// dx[i] = g[i] act'(x[i]), written with the result y[i] = act(x[i]) alone. dx may be the memory of g.
template <Real T>
void activation_grad(const Activation& activation, std::int64_t n, const T* y, const T* g, T* dx) {
  parallel_for(n, detail::map_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(activation_grad_chunk(activation, last - first, y + first, g + first, dx + first));
  });
}

/// y[i] += x[i] for i < n.
template <Real T>
void add_to(std::int64_t n, const T* x, T* y) {
  parallel_for(n, detail::map_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(add_to_chunk(last - first, x + first, y + first));
  });
}

/// Sets n elements to one value.
template <Element T>
void fill(std::int64_t n, T value, T* y) {
  parallel_for(n, detail::map_grain,
               [&](std::int64_t first, std::int64_t last) { std::fill(y + first, y + last, value); });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
