namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

#if AGON_VECTOR_BYTES
template <class T>
using Bits = typename Vec<T>::Mask;
#else
template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
#endif

template <class T>
AGON_INLINE Bits<T> bits(Vec<T> v) {
  Bits<T> result;
  std::memcpy(&result, &v.raw, sizeof(result));
  return result;
}

template <class T>
AGON_INLINE Vec<T> from_bits(Bits<T> v) {
  Vec<T> result;
  std::memcpy(&result.raw, &v, sizeof(v));
  return result;
}

template <class T>
AGON_INLINE Vec<T> abs(Vec<T> x) {
  const auto sign = bits(Vec<T>::set1(T(-0.0)));
  return from_bits<T>(bits(x) & ~sign);
}

/// |x| with the sign of `from`.
template <class T>
AGON_INLINE Vec<T> copysign(Vec<T> x, Vec<T> from) {
  const auto sign = bits(Vec<T>::set1(T(-0.0)));
  return from_bits<T>((bits(x) & ~sign) | (bits(from) & sign));
}

// Masks that take all lanes, here and below: g++ 12 warns about the undefined operand of the plain intrinsics.

/// Correctly rounded square root.
template <class T>
AGON_INLINE Vec<T> sqrt(Vec<T> x) {
#if AGON_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm512_mask_sqrt_ps((__m512)x.raw, 0xffff, (__m512)x.raw)};
  else
    return {(typename Vec<T>::Raw)_mm512_mask_sqrt_pd((__m512d)x.raw, 0xff, (__m512d)x.raw)};
#elif AGON_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm256_sqrt_ps((__m256)x.raw)};
  else
    return {(typename Vec<T>::Raw)_mm256_sqrt_pd((__m256d)x.raw)};
#elif AGON_VECTOR_BYTES == 16 && AGON_X86 && defined(__SSE2__)
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm_sqrt_ps((__m128)x.raw)};
  else
    return {(typename Vec<T>::Raw)_mm_sqrt_pd((__m128d)x.raw)};
#else
  T lane[Vec<T>::lanes];
  x.store(lane);
  for (T& value : lane) value = static_cast<T>(std::sqrt(value));
  return Vec<T>::load(lane);
#endif
}

/// The nearest integer of |x| < 2^(mantissa bits - 2).
template <class T>
AGON_INLINE Vec<T> round(Vec<T> x) {
#if AGON_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm512_mask_roundscale_ps((__m512)x.raw, 0xffff, (__m512)x.raw, 8)};
  else
    return {(typename Vec<T>::Raw)_mm512_mask_roundscale_pd((__m512d)x.raw, 0xff, (__m512d)x.raw, 8)};
#elif AGON_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm256_round_ps((__m256)x.raw, 8)};
  else
    return {(typename Vec<T>::Raw)_mm256_round_pd((__m256d)x.raw, 8)};
#else
  // By way of integers: adding and subtracting a large number would be cancelled by -ffast-math.
  const auto away = x + copysign(Vec<T>::set1(T(0.5)), x);
#if AGON_VECTOR_BYTES
  return {__builtin_convertvector(__builtin_convertvector(away.raw, Bits<T>), typename Vec<T>::Raw)};
#else
  return {static_cast<T>(static_cast<Bits<T>>(away.raw))};
#endif
#endif
}

/// 2^n for integers n in the exponent range of normal numbers.
template <class T>
AGON_INLINE Vec<T> pow2(Vec<T> n) {
  using K = detail::MathTable<T>;
  return from_bits<T>(bits(n + Vec<T>::set1(K::integer_shift + K::bias)) << K::mantissa_bits);
}

/// x 2^n for integers n, through overflow to infinity and underflow to subnormals and zero.
template <class T>
AGON_INLINE Vec<T> scale(Vec<T> x, Vec<T> n) {
#if AGON_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm512_mask_scalef_ps((__m512)x.raw, 0xffff, (__m512)x.raw, (__m512)n.raw)};
  else
    return {(typename Vec<T>::Raw)_mm512_mask_scalef_pd((__m512d)x.raw, 0xff, (__m512d)x.raw, (__m512d)n.raw)};
#else
  const auto half = round(n * Vec<T>::set1(T(0.5)));
  return x * pow2(half) * pow2(n - half);
#endif
}

/// y, but NaN where x is NaN. Ordinary arithmetic does this; under -ffast-math it takes a look at the bits.
template <class T>
AGON_INLINE Vec<T> keep_nan([[maybe_unused]] Vec<T> x, Vec<T> y) {
#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
  return select<T>(bits(abs(x)) > detail::MathTable<T>::infinity, x, y);
#else
  return y;
#endif
}

/// Whether a is larger than b, per lane, NaN being larger than every number: a maximum taken with it passes NaN on, and
/// the first of equals or of several NaN stays.
template <class T>
AGON_INLINE typename Vec<T>::Mask exceeds(Vec<T> a, Vec<T> b) {
  return (a.raw <= b.raw) ^ (b.raw == b.raw);
}

template <int i = 0, class T, int n>
AGON_INLINE Vec<T> horner(Vec<T> x, const T (&c)[n]) {
  if constexpr (i + 1 == n)
    return Vec<T>::set1(c[i]);
  else
    return fmadd(horner<i + 1>(x, c), x, Vec<T>::set1(c[i]));
}

/// x = n ln(2) + r with integer n and |r| <= ln(2) / 2; m = exp(r) - 1 without cancellation.
template <class T>
struct ExpParts {
  Vec<T> n, m;
};

template <class T>
AGON_INLINE ExpParts<T> exp_parts(Vec<T> x) {
  using K = detail::MathTable<T>;
  using V = Vec<T>;
  const V n = round(x * V::set1(K::log2e));
  const V r = fmadd(n, V::set1(-K::ln2_low), fmadd(n, V::set1(-K::ln2_high), x));
  return {n, fmadd(horner(r, K::exp) * r, r, r)};
}

/// exp(x), within 1 ulp over the whole range, subnormal results included.
template <class T>
AGON_INLINE Vec<T> exp(Vec<T> x) {
  using K = detail::MathTable<T>;
  using V = Vec<T>;
  // Operands in this order let NaN pass.
  V y = select<T>(V::set1(K::exp_highest) < x, V::set1(K::exp_highest), x);
  y = select<T>(y < V::set1(K::exp_lowest), V::set1(K::exp_lowest), y);
  const auto [n, m] = exp_parts(y);
  return keep_nan(x, scale(V::set1(T(1)) + m, n));
}

/// log(x), within 1 ulp; -inf at 0, NaN below.
template <class T>
AGON_INLINE Vec<T> log(Vec<T> x) {
  using K = detail::MathTable<T>;
  using V = Vec<T>;
  const auto subnormal = bits(x) < Bits<T>{} + K::smallest_normal;
  const V up = select<T>(subnormal, x * V::set1(T(std::int64_t{1} << K::mantissa_bits)), x);
  // up = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
  const auto shifted = bits(abs(up)) - K::sqrt_half;
  const V f = from_bits<T>((shifted & K::mantissa_mask) + K::sqrt_half) - V::set1(T(1));
  const V shift = V::set1(K::integer_shift);
  const V steps = from_bits<T>((shifted >> K::mantissa_bits) + bits(shift)) - shift;
  const V e = steps - select<T>(subnormal, V::set1(T(K::mantissa_bits)), V::zero());
  // log(1 + f) = 2 atanh(s) = f - s (f - s^2 P(s^2)), s = f / (2 + f).
  const V s = f / (V::set1(T(2)) + f);
  const V z = s * s;
  const V tail = s * (f - z * horner(z, K::log)) - e * V::set1(K::ln2_low);
  V y = fmadd(e, V::set1(K::ln2_high), f - tail);
  const auto nan = from_bits<T>(Bits<T>{} + K::nan);
  y = select<T>(bits(x) < Bits<T>{}, nan, y);
  y = select<T>(bits(abs(up)) == Bits<T>{}, -from_bits<T>(Bits<T>{} + K::infinity), y);
  return select<T>(bits(x) >= Bits<T>{} + K::infinity, x, y);
}

/// log(1 + u) for 0 <= u <= 1, within 1 ulp.
template <class T>
AGON_INLINE Vec<T> log1p_unit(Vec<T> u) {
  using V = Vec<T>;
  const V s = u / (V::set1(T(2)) + u);
  const V z = s * s;
  return u - s * (u - z * horner(z, detail::MathTable<T>::log1p));
}

/// tanh(x), within 2.5 ulp, relative near 0 as well.
template <class T>
AGON_INLINE Vec<T> tanh(Vec<T> x) {
  using V = Vec<T>;
  const V highest = V::set1(detail::MathTable<T>::tanh_highest), twice = abs(x) + abs(x);
  const auto [n, m] = exp_parts(select<T>(highest < twice, highest, twice));
  const V power = pow2(n);
  const V e = fmadd(m, power, power - V::set1(T(1)));  // exp(2 |x|) - 1
  return keep_nan(x, copysign(e / (e + V::set1(T(2))), x));
}

/// 1 / (1 + exp(-x)), within 2 ulp, relative for large negative x as well.
template <class T>
AGON_INLINE Vec<T> sigmoid(Vec<T> x) {
  using V = Vec<T>;
  const V e = exp(-abs(x));
  return select<T>(x < V::zero(), e, V::set1(T(1))) / (V::set1(T(1)) + e);
}

/// log(1 + exp(x)), within 2 ulp.
template <class T>
AGON_INLINE Vec<T> softplus(Vec<T> x) {
  using V = Vec<T>;
  return select<T>(x > V::zero(), x, V::zero()) + log1p_unit(exp(-abs(x)));
}

/// The activation of x, NaN where x is; `slope` is used by leaky_relu alone.
template <Activation::Kind kind, class T>
AGON_INLINE Vec<T> activate(Vec<T> x, [[maybe_unused]] Vec<T> slope) {
  using Kind = Activation::Kind;
  if constexpr (kind == Kind::relu)
    return select<T>(Vec<T>::zero() > x, Vec<T>::zero(), x);
  else if constexpr (kind == Kind::leaky_relu)
    return select<T>(x > Vec<T>::zero(), x, slope * x);
  else if constexpr (kind == Kind::tanh)
    return AGON_ISA::tanh(x);
  else if constexpr (kind == Kind::sigmoid)
    return AGON_ISA::sigmoid(x);
  else
    return x;
}

/// The upstream gradient g times the derivative of the activation whose result is y.
template <Activation::Kind kind, class T>
AGON_INLINE Vec<T> activate_grad(Vec<T> y, Vec<T> g, [[maybe_unused]] Vec<T> slope) {
  using Kind = Activation::Kind;
  const auto one = Vec<T>::set1(T(1));
  if constexpr (kind == Kind::relu)
    return select<T>(y.raw <= Vec<T>::zero().raw, Vec<T>::zero(), g);
  else if constexpr (kind == Kind::leaky_relu)
    return select<T>(y > Vec<T>::zero(), g, slope * g);
  else if constexpr (kind == Kind::tanh)
    return g * (one - y * y);
  else if constexpr (kind == Kind::sigmoid)
    return g * (y * (one - y));
  else
    return g;
}

/// Calls body(kind) with the activation's kind as a compile-time constant, kind.value.
template <class Body>
AGON_INLINE void with_activation(const Activation& activation, const Body& body) {
  using Kind = Activation::Kind;
  switch (activation.kind) {
    case Kind::none:
      return body(std::integral_constant<Kind, Kind::none>{});
    case Kind::relu:
      return body(std::integral_constant<Kind, Kind::relu>{});
    case Kind::leaky_relu:
      return body(std::integral_constant<Kind, Kind::leaky_relu>{});
    case Kind::tanh:
      return body(std::integral_constant<Kind, Kind::tanh>{});
    case Kind::sigmoid:
      return body(std::integral_constant<Kind, Kind::sigmoid>{});
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
