#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/core/rng.hpp>
#include <agon/kernels/portable_math.hpp>
#include <agon/kernels/simd.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#define AGON_KERNEL_BODY <agon/kernels/random-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

inline constexpr std::int64_t random_grain = 4096, normal_grain = 256;

/// One standard normal number from four words (Box and Muller 1958).
AGON_NO_CONTRACTION inline double box_muller(const std::array<std::uint32_t, 4>& words) {
  AGON_NO_CONTRACTION_BODY
  const double u = 1 - to_unit(words[0], words[1]);  // in (0, 1]
  return std::sqrt(-2 * portable_log(u)) * portable_cos_turns(to_unit(words[2], words[3]));
}

/// p x + q, rounded twice everywhere.
AGON_NO_CONTRACTION inline double scale_and_shift(double x, double p, double q) {
  AGON_NO_CONTRACTION_BODY
  return p * x + q;
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// Uniform in [low, high). Element i takes block (offset + i) of the stream `key`, here and in the functions below, so
/// the result does not depend on how the work is split; it is the same on every machine and instruction set.
template <Real T>
void uniform(StreamKey key, std::uint64_t offset, std::int64_t n, T low, T high, T* out) {
  const double p = static_cast<double>(high) - static_cast<double>(low), q = static_cast<double>(low);
  const T below_high = std::nextafter(high, low);  // where rounding to T would reach high
  parallel_for(n, detail::random_grain, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i) {
      const auto words = philox(key, offset + static_cast<std::uint64_t>(i));
      const T value = static_cast<T>(detail::scale_and_shift(to_unit(words[0], words[1]), p, q));
      out[i] = value < high ? value : below_high;
    }
  });
}

/// Normal with mean and standard deviation, by Box and Muller.
template <Real T>
void normal(StreamKey key, std::uint64_t offset, std::int64_t n, T mean, T deviation, T* out) {
  parallel_for(n, detail::normal_grain, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i) {
      const double z = detail::box_muller(philox(key, offset + static_cast<std::uint64_t>(i)));
      out[i] = static_cast<T>(detail::scale_and_shift(z, static_cast<double>(deviation), static_cast<double>(mean)));
    }
  });
}

/// Inverted dropout: y = keep(i) ? x / (1 - p) : 0, where keep(i) has probability 1 - p, 0 <= p <= 1. The adjoint is
/// the same call on the upstream gradient. y may be x.
template <Real T>
void dropout(StreamKey key, std::uint64_t offset, std::int64_t n, double p, const T* x, T* y) {
  const auto dropped = static_cast<std::uint64_t>(p * 0x1p32);  // of 2^32 words
  const T factor = static_cast<T>(p < 1 ? 1 / (1 - p) : 0.0);
  parallel_for(n, detail::random_grain, [&](std::int64_t first, std::int64_t last) {
    AGON_DISPATCH(dropout_chunk(key, offset + static_cast<std::uint64_t>(first), last - first, dropped, factor,
                                x + first, y + first));
  });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
