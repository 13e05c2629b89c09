#pragma once

#include <agon/kernels/activation.hpp>
#include <agon/kernels/simd.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace agon::kernels::detail {

/// Constants of the vector functions in simd_math-inl.hpp. Polynomials are minimax over the reduced range, found with
/// the Remez algorithm: exp(r) = 1 + r + r^2 exp(r) on |r| <= ln(2) / 2, and 2 atanh(s) = 2 s + s^3 P(s^2), where P is
/// `log` for |s| <= 3 - sqrt(8) (logarithm of [sqrt(1/2), sqrt(2)]) and `log1p` for 0 <= s <= 1/3.
template <class T>
struct MathTable;

template <class T, int n>
struct Coefficients {
  T c[n];
};

/// The polynomial of 2^f on |f| <= 1/2 from that of exp.
template <class T, int n>
constexpr Coefficients<T, n + 2> exp2_from_exp(const T (&exp)[n]) {
  constexpr double ln2 = 0x1.62e42fefa39efp-1;
  Coefficients<T, n + 2> of{};
  of.c[0] = 1;
  of.c[1] = static_cast<T>(ln2);
  double power = ln2;
  for (int i = 0; i < n; ++i) of.c[i + 2] = static_cast<T>(static_cast<double>(exp[i]) * (power *= ln2));
  return of;
}

template <>
struct MathTable<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr std::int32_t infinity = 0x7f800000, nan = 0x7fc00000, smallest_normal = 0x00800000;
  static constexpr std::int32_t mantissa_mask = 0x007fffff, sqrt_half = 0x3f3504f3;
  static constexpr float integer_shift = 0x1.8p23f;  // adding it leaves an integer in the low bits of the mantissa
  static constexpr float bias = 127;
  static constexpr float exp_lowest = -104, exp_highest = 89, tanh_highest = 20;
  static constexpr float log2e = 0x1.715476p0f, ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;
  static constexpr float exp[] = {0.5f, 0.1666654348373413f, 0.04166628420352936f, 0.008366585709154606f,
                                  0.0013946426333859563f};
  // 2^x for |x| <= 1/2, with rounding to 1.7e-7; one term less than exp.
  static constexpr Coefficients<float, 6> exp2{
      {1, 0x1.62e42ap-1f, 0x1.ebf9bcp-3f, 0x1.c6b752p-5f, 0x1.3cea88p-7f, 0x1.5bba16p-10f}};
  static constexpr float exp2_lowest = -150;
  static constexpr float log[] = {0.6666677594184875f, 0.3997771739959717f, 0.2986801862716675f};
  static constexpr float log1p[] = {0.6666667461395264f, 0.39998888969421387f, 0.28616631031036377f,
                                    0.21430149674415588f, 0.24292311072349548f};
};

template <>
struct MathTable<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr std::int64_t infinity = 0x7ff0000000000000, nan = 0x7ff8000000000000;
  static constexpr std::int64_t smallest_normal = 0x0010000000000000, sqrt_half = 0x3fe6a09e667f3bcd;
  static constexpr std::int64_t mantissa_mask = 0x000fffffffffffff;
  static constexpr double integer_shift = 0x1.8p52;
  static constexpr double bias = 1023;
  static constexpr double exp_lowest = -746, exp_highest = 710, tanh_highest = 40;
  static constexpr double log2e = 0x1.71547652b82fep0, ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double exp[] = {0x1.0000000000005p-1,  0x1.555555555555cp-3,  0x1.5555555552126p-5,
                                   0x1.111111110e6c8p-7,  0x1.6c16c17f2ee14p-10, 0x1.a01a01b5dd1aep-13,
                                   0x1.a019a697b3885p-16, 0x1.71dde9f987da4p-19, 0x1.28a29f3bc9e72p-22,
                                   0x1.af76bfc197dc8p-26};
  static constexpr auto exp2 = exp2_from_exp(exp);
  static constexpr double exp2_lowest = -1076;
  static constexpr double log[] = {0x1.555555555558bp-1, 0x1.9999999981a4bp-2, 0x1.24924940a55f4p-2,
                                   0x1.c71c52ef8c84bp-3, 0x1.7466158e19745p-3, 0x1.39a5712f9a711p-3,
                                   0x1.2ee3a7e1a8b57p-3};
  static constexpr double log1p[] = {0x1.5555555555556p-1, 0x1.9999999999597p-2, 0x1.24924924c00a2p-2,
                                     0x1.c71c71a6cbba8p-3, 0x1.745d1ddefdf4ep-3, 0x1.3b12d94d26df3p-3,
                                     0x1.11230ee207cf4p-3, 0x1.dfe70ed3b14a9p-4, 0x1.c15357b012f5cp-4,
                                     0x1.1ee3911f9dbc9p-4, 0x1.50efd044840c7p-3};
};

}  // namespace agon::kernels::detail

#define AGON_KERNEL_BODY <agon/kernels/simd_math-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>
