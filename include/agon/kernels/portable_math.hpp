#pragma once

#include <agon/core/build.hpp>

#include <cstdint>
#include <cstring>

/// Code whose bits must not depend on the compiler's flags: no multiplication and addition is contracted into one.
#if defined(__clang__)
#define AGON_NO_CONTRACTION
#define AGON_NO_CONTRACTION_BODY _Pragma("clang fp contract(off)")
#elif defined(__GNUC__)
#define AGON_NO_CONTRACTION __attribute__((optimize("fp-contract=off")))
#define AGON_NO_CONTRACTION_BODY
#else
#define AGON_NO_CONTRACTION
#define AGON_NO_CONTRACTION_BODY
#endif

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

template <int n>
AGON_NO_CONTRACTION constexpr double polynomial(double x, const double (&c)[n]) {
  AGON_NO_CONTRACTION_BODY
  double result = c[n - 1];
  for (int i = n - 2; i >= 0; --i) result = result * x + c[i];
  return result;
}

/// log(x) for normal x > 0, within 1 ulp, the same bits on every machine.
AGON_NO_CONTRACTION inline double portable_log(double x) {
  AGON_NO_CONTRACTION_BODY
  // 2 atanh(s) = 2 s + s^3 P(s^2), minimax for |s| <= 3 - sqrt(8).
  constexpr double c[] = {0x1.555555555558bp-1, 0x1.9999999981a4bp-2, 0x1.24924940a55f4p-2, 0x1.c71c52ef8c84bp-3,
                          0x1.7466158e19745p-3, 0x1.39a5712f9a711p-3, 0x1.2ee3a7e1a8b57p-3};
  constexpr std::int64_t sqrt_half = 0x3fe6a09e667f3bcd, mantissa = 0x000fffffffffffff;
  std::int64_t bits;
  std::memcpy(&bits, &x, sizeof(x));
  bits -= sqrt_half;
  const auto e = static_cast<double>(bits >> 52);
  bits = (bits & mantissa) + sqrt_half;
  double f;
  std::memcpy(&f, &bits, sizeof(f));
  f -= 1;
  const double s = f / (2 + f), z = s * s;
  const double tail = s * (f - z * polynomial(z, c)) - e * 0x1.a39ef35793c76p-33;
  return e * 0x1.62e42fee00000p-1 + (f - tail);
}

/// cos(2 pi u) for 0 <= u < 1, within 1 ulp of 1, the same bits on every machine.
AGON_NO_CONTRACTION inline double portable_cos_turns(double u) {
  AGON_NO_CONTRACTION_BODY
  // sin(pi t / 2) = t S(t^2) and cos(pi t / 2) = 1 + t^2 C(t^2), minimax for |t| <= 1/2.
  constexpr double S[] = {0x1.921fb54442d18p+0,  -0x1.4abbce625be53p-1,  0x1.466bc6775aad9p-4,  -0x1.32d2cce62ac24p-8,
                          0x1.50783485cc006p-13, -0x1.e3074b502de1fp-19, 0x1.e8eed159ae936p-25, -0x1.6c5b93983c0b1p-31};
  constexpr double C[] = {-0x1.3bd3cc9be45dep+0,  0x1.03c1f081b5ab0p-2,  -0x1.55d3c7e3c95bcp-6, 0x1.e1f50683b42b2p-11,
                          -0x1.a6d1ecb73d888p-16, 0x1.f9cc6acd27657p-22, -0x1.b26fe76fb03c6p-28};
  const auto quarter = static_cast<int>(4 * u + 0.5);
  const double t = 4 * u - quarter, z = t * t;
  const double value = quarter % 2 ? t * polynomial(z, S) : 1 + z * polynomial(z, C);
  return quarter == 1 || quarter == 2 ? -value : value;
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail
