#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/reduce.hpp>
#include <agon/kernels/simd_math.hpp>

#include <cmath>
#include <cstdint>

namespace agon::kernels {

/// Settings of one step of Adam.
struct AdamStep {
  double lr, beta1, beta2, eps;
  double weight_decay = 0;
  bool decoupled = false;  ///< AdamW: p -= lr weight_decay p; otherwise weight_decay p is added to g
  std::int64_t step = 1;   ///< number of this step, from 1, for the bias corrections
};

}  // namespace agon::kernels

namespace agon::kernels::detail {

/// What an element of Adam's sweep needs: p = shrink p - rate m / (root sqrt(v) + eps), with decay p added to g before.
template <Real T>
struct AdamFactors {
  T beta1, rest1, beta2, rest2, rate, root, eps, shrink, decay;

  explicit AdamFactors(const AdamStep& s)
      : beta1(static_cast<T>(s.beta1)),
        rest1(static_cast<T>(1 - s.beta1)),
        beta2(static_cast<T>(s.beta2)),
        rest2(static_cast<T>(1 - s.beta2)),
        rate(static_cast<T>(s.lr / (1 - std::pow(s.beta1, static_cast<double>(s.step))))),
        root(static_cast<T>(1 / std::sqrt(1 - std::pow(s.beta2, static_cast<double>(s.step))))),
        eps(static_cast<T>(s.eps)),
        shrink(static_cast<T>(s.decoupled ? 1 - s.lr * s.weight_decay : 1.0)),
        decay(static_cast<T>(s.decoupled ? 0.0 : s.weight_decay)) {}
};

}  // namespace agon::kernels::detail

#define AGON_KERNEL_BODY <agon/kernels/optimizer-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

inline constexpr std::int64_t optimizer_grain = 16384;

template <Real T>
double dispatch_sum_squares_piece(std::int64_t n, const T* x) {
  AGON_DISPATCH(sum_squares_piece(n, x));
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// One step of SGD over n parameters: d = g + weight_decay p; v = momentum v + d (when momentum > 0);
/// p -= lr (nesterov ? d + momentum v : v). velocity may be null when momentum is 0.
template <Real T>
void sgd(std::int64_t n, T* p, const T* g, T* velocity, double lr, double momentum, double weight_decay,
         bool nesterov) {
  parallel_for(n, detail::optimizer_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(sgd_chunk(last - first, p + first, g + first, momentum > 0 ? velocity + first : nullptr,
                            static_cast<T>(lr), static_cast<T>(momentum), static_cast<T>(weight_decay), nesterov));
  });
}

/// One step of Adam (Kingma and Ba 2015) in one sweep: m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
template <Real T>
void adam(const AdamStep& step, std::int64_t n, T* p, const T* g, T* m, T* v) {
  const detail::AdamFactors<T> factors(step);
  parallel_for(n, detail::optimizer_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(adam_chunk(factors, last - first, p + first, g + first, m + first, v + first));
  });
}

/// One step of RMSProp: v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + eps).
template <Real T>
void rmsprop(std::int64_t n, T* p, const T* g, T* v, double lr, double alpha, double eps) {
  parallel_for(n, detail::optimizer_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(rmsprop_chunk(last - first, p + first, g + first, v + first, static_cast<T>(lr),
                                static_cast<T>(alpha), static_cast<T>(1 - alpha), static_cast<T>(eps)));
  });
}

/// average = beta average + (1 - beta) value.
template <Real T>
void ema(std::int64_t n, double beta, T* average, const T* value) {
  parallel_for(n, detail::optimizer_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(
        ema_chunk(last - first, static_cast<T>(beta), static_cast<T>(1 - beta), average + first, value + first));
  });
}

/// Sum of squares of n elements, added in double in an order that depends on n alone.
template <Real T>
double sum_of_squares(std::int64_t n, const T* x) {
  return detail::sum_in_chunks(
      n, [x](std::int64_t first, std::int64_t count) { return detail::dispatch_sum_squares_piece(count, x + first); });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
