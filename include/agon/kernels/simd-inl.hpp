namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// One register of T, the kernels' only view of the instruction set. Without compiler vectors it holds one element.
template <class T>
struct Vec {
#if AGON_VECTOR_BYTES
  typedef T Raw __attribute__((vector_size(AGON_VECTOR_BYTES)));
  using Int = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  typedef Int Mask __attribute__((vector_size(AGON_VECTOR_BYTES)));
  static constexpr int lanes = AGON_VECTOR_BYTES / static_cast<int>(sizeof(T));
#else
  using Raw = T;
  using Mask = bool;
  static constexpr int lanes = 1;
#endif

  Raw raw;

  static AGON_INLINE Vec set1(T value) {
#if AGON_VECTOR_BYTES
    return {value - Raw{}};
#else
    return {value};
#endif
  }
  static AGON_INLINE Vec zero() { return {Raw{}}; }
  static AGON_INLINE Vec load(const T* p) {
    Vec v;
    std::memcpy(&v.raw, p, sizeof(Raw));
    return v;
  }
  AGON_INLINE void store(T* p) const { std::memcpy(p, &raw, sizeof(Raw)); }

  /// The first n <= lanes elements; the others are zero and not read.
  static AGON_INLINE Vec load_first(const T* p, std::int64_t n) {
#if AGON_VECTOR_BYTES == 64
    if constexpr (sizeof(T) == 4)
      return {(Raw)_mm512_maskz_loadu_ps(first_bits(n), p)};
    else
      return {(Raw)_mm512_maskz_loadu_pd(static_cast<__mmask8>(first_bits(n)), p)};
#elif AGON_VECTOR_BYTES == 32
    if constexpr (sizeof(T) == 4)
      return {(Raw)_mm256_maskload_ps(p, (__m256i)first(n))};
    else
      return {(Raw)_mm256_maskload_pd(p, (__m256i)first(n))};
#else
    T lane[lanes] = {};
    for (int i = 0; i < lanes && i < n; ++i) lane[i] = p[i];
    return load(lane);
#endif
  }
  AGON_INLINE void store_first(T* p, std::int64_t n) const {
#if AGON_VECTOR_BYTES == 64
    if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_ps(p, first_bits(n), (__m512)raw);
    else
      _mm512_mask_storeu_pd(p, static_cast<__mmask8>(first_bits(n)), (__m512d)raw);
#elif AGON_VECTOR_BYTES == 32
    if constexpr (sizeof(T) == 4)
      _mm256_maskstore_ps(p, (__m256i)first(n), (__m256)raw);
    else
      _mm256_maskstore_pd(p, (__m256i)first(n), (__m256d)raw);
#else
    T lane[lanes];
    store(lane);
    for (int i = 0; i < lanes && i < n; ++i) p[i] = lane[i];
#endif
  }

  /// True in the first n lanes.
  static AGON_INLINE Mask first(std::int64_t n) {
#if AGON_VECTOR_BYTES
    Mask index;
    for (int i = 0; i < lanes; ++i) index[i] = static_cast<Int>(i);
    return index < static_cast<Int>(n > lanes ? lanes : n) - Mask{};
#else
    return n > 0;
#endif
  }

  friend AGON_INLINE Vec operator+(Vec a, Vec b) { return {a.raw + b.raw}; }
  friend AGON_INLINE Vec operator-(Vec a, Vec b) { return {a.raw - b.raw}; }
  friend AGON_INLINE Vec operator*(Vec a, Vec b) { return {a.raw * b.raw}; }
  friend AGON_INLINE Vec operator/(Vec a, Vec b) { return {a.raw / b.raw}; }
  friend AGON_INLINE Vec operator-(Vec a) { return {-a.raw}; }
  friend AGON_INLINE Mask operator<(Vec a, Vec b) { return a.raw < b.raw; }
  friend AGON_INLINE Mask operator>(Vec a, Vec b) { return a.raw > b.raw; }
  friend AGON_INLINE Mask operator==(Vec a, Vec b) { return a.raw == b.raw; }

#if AGON_VECTOR_BYTES == 64
 private:
  static AGON_INLINE __mmask16 first_bits(std::int64_t n) {
    return static_cast<__mmask16>(n >= lanes ? 0xffffu : (1u << n) - 1u);
  }
#endif
};

/// a * b + c, rounded once where the instruction set has a fused multiply-add.
template <class T>
AGON_INLINE Vec<T> fmadd(Vec<T> a, Vec<T> b, Vec<T> c) {
#if AGON_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm512_fmadd_ps((__m512)a.raw, (__m512)b.raw, (__m512)c.raw)};
  else
    return {(typename Vec<T>::Raw)_mm512_fmadd_pd((__m512d)a.raw, (__m512d)b.raw, (__m512d)c.raw)};
#elif AGON_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm256_fmadd_ps((__m256)a.raw, (__m256)b.raw, (__m256)c.raw)};
  else
    return {(typename Vec<T>::Raw)_mm256_fmadd_pd((__m256d)a.raw, (__m256d)b.raw, (__m256d)c.raw)};
#else
  return {a.raw * b.raw + c.raw};
#endif
}

/// Per lane: mask ? a : b.
template <class T>
AGON_INLINE Vec<T> select(typename Vec<T>::Mask mask, Vec<T> a, Vec<T> b) {
  return {mask ? a.raw : b.raw};
}

/// a > b ? a : b per lane, so b where one is NaN.
template <class T>
AGON_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
#if AGON_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm512_mask_max_ps((__m512)a.raw, 0xffff, (__m512)a.raw, (__m512)b.raw)};
  else
    return {(typename Vec<T>::Raw)_mm512_mask_max_pd((__m512d)a.raw, 0xff, (__m512d)a.raw, (__m512d)b.raw)};
#elif AGON_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm256_max_ps((__m256)a.raw, (__m256)b.raw)};
  else
    return {(typename Vec<T>::Raw)_mm256_max_pd((__m256d)a.raw, (__m256d)b.raw)};
#else
  return select<T>(a > b, a, b);
#endif
}

/// a < b ? a : b per lane, so b where one is NaN.
template <class T>
AGON_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
#if AGON_VECTOR_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm512_mask_min_ps((__m512)a.raw, 0xffff, (__m512)a.raw, (__m512)b.raw)};
  else
    return {(typename Vec<T>::Raw)_mm512_mask_min_pd((__m512d)a.raw, 0xff, (__m512d)a.raw, (__m512d)b.raw)};
#elif AGON_VECTOR_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Raw)_mm256_min_ps((__m256)a.raw, (__m256)b.raw)};
  else
    return {(typename Vec<T>::Raw)_mm256_min_pd((__m256d)a.raw, (__m256d)b.raw)};
#else
  return select<T>(a < b, a, b);
#endif
}

#if AGON_VECTOR_BYTES
/// Lane i of the result is lane i ^ distance of v.
template <int distance, class T, std::size_t... lane>
AGON_INLINE Vec<T> exchange_lanes(Vec<T> v, std::index_sequence<lane...>) {
  return {__builtin_shufflevector(v.raw, v.raw, (static_cast<int>(lane) ^ distance)...)};
}
#endif

template <int width, class T>
AGON_INLINE T sum_halves(Vec<T> v) {
#if AGON_VECTOR_BYTES
  if constexpr (width > 0)
    return sum_halves<width / 2>(v + exchange_lanes<width>(v, std::make_index_sequence<Vec<T>::lanes>{}));
  else
    return v.raw[0];
#else
  return v.raw;
#endif
}

/// Sum of the lanes, halves added first: the same order on every run.
template <class T>
AGON_INLINE T sum(Vec<T> v) {
  return sum_halves<Vec<T>::lanes / 2>(v);
}

template <int width, class T>
AGON_INLINE T max_halves(Vec<T> v) {
#if AGON_VECTOR_BYTES
  if constexpr (width > 0)
    return max_halves<width / 2>(max(v, exchange_lanes<width>(v, std::make_index_sequence<Vec<T>::lanes>{})));
  else
    return v.raw[0];
#else
  return v.raw;
#endif
}

/// The largest lane.
template <class T>
AGON_INLINE T max_lane(Vec<T> v) {
  return max_halves<Vec<T>::lanes / 2>(v);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
