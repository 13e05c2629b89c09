namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Block of scores, queries x keys forward and keys x queries backward. `rows` of it stay in the first-level cache. The
/// low tiles of AVX2 read the other operand often: the derivatives are faster with `most_rows`.
template <class T>
struct ScoreBlock {
  static constexpr std::int64_t rows = 28 / Tile<T>::rows * Tile<T>::rows;
  static constexpr std::int64_t most_rows = AGON_VECTOR_BYTES == 32 ? 96 : rows;
  /// Low blocks skip more of what is not seen.
  static std::int64_t most_rows_of(const AttentionShape<T>& shape) {
    return shape.causal || shape.mask ? rows : most_rows;
  }
  static constexpr std::int64_t cols = 1024 / static_cast<std::int64_t>(sizeof(T));
  static constexpr std::int64_t width = cols + Vec<T>::lanes;  ///< row stride that spreads rows over the cache sets
};

/// What masked scores are set to. Far below any score, and finite: compilers may assume that there are no infinities.
template <class T>
constexpr T hidden_score = sizeof(T) == 4 ? T(-1e30) : T(-1e300);

/// One head of one sequence: its operands, and who sees whom.
template <class T>
struct Head {
  const AttentionShape<T>& shape;
  std::int64_t b, h;

  // Rows of this head in q, k, v and what has their layout.
  template <class P>
  P* query(P* q, std::int64_t i) const {
    return q + (b * shape.lq + i) * shape.ld_q + h * shape.dk;
  }
  template <class P>
  P* key(P* k, std::int64_t j) const {
    return k + (b * shape.lk + j) * shape.ld_k + h * shape.dk;
  }
  template <class P>
  P* value(P* v, std::int64_t j) const {
    return v + (b * shape.lk + j) * shape.ld_v + h * shape.dv;
  }
  template <class P>
  P* output(P* o, std::int64_t i) const {
    return o + ((b * shape.lq + i) * shape.heads + h) * shape.dv;
  }
  /// Number of keys from j on, at most n, that the order of time lets query i see.
  std::int64_t visible(std::int64_t i, std::int64_t j, std::int64_t n) const {
    if (!shape.causal) return n;
    return detail::larger(0, detail::smaller(n, i + shape.lk - shape.lq + 1 - j));
  }
  /// The first query from i on, at most i + n, that the order of time lets see key j, counted from i.
  std::int64_t first_to_see(std::int64_t j, std::int64_t i, std::int64_t n) const {
    if (!shape.causal) return 0;
    return detail::larger(0, detail::smaller(n, j + shape.lq - shape.lk - i));
  }
  const bool* mask(std::int64_t i, std::int64_t j) const {
    return shape.mask ? shape.mask + b * shape.mask_batch + i * shape.mask_row + j : nullptr;
  }
  /// Whether the mask lets one of the queries [i, i + rows) see one of the keys [j, j + cols).
  bool any_seen(std::int64_t i, std::int64_t rows, std::int64_t j, std::int64_t cols) const {
    if (!shape.mask) return true;
    for (std::int64_t r = 0; r < (shape.mask_row == 0 ? 1 : rows); ++r)
      if (std::memchr(mask(i + r, j), true, static_cast<std::size_t>(cols))) return true;
    return false;
  }
};

/// The `lanes` elements of a mask.
template <class T>
AGON_INLINE typename Vec<T>::Mask load_mask(const bool* p) {
#if AGON_VECTOR_BYTES == 64
  // The widening that g++ 12 makes of __builtin_convertvector goes lane by lane.
  if constexpr (sizeof(T) == 4) {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return (typename Vec<T>::Mask)_mm512_maskz_cvtepi8_epi32(0xffff, bytes) != 0;
  } else {
    const auto bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return (typename Vec<T>::Mask)_mm512_maskz_cvtepi8_epi64(0xff, bytes) != 0;
  }
#elif AGON_VECTOR_BYTES
  typename Vec<T>::Mask mask;
  for (int i = 0; i < Vec<T>::lanes; ++i) mask[i] = p[i];
  return mask != 0;
#else
  return *p;
#endif
}

/// The scores at j, all lanes of them; hidden_score where the mask is false.
template <class T>
AGON_INLINE Vec<T> load_scores(const T* s, const bool* mask, std::int64_t j) {
  const auto v = Vec<T>::load(s + j);
  return mask ? select<T>(load_mask<T>(mask + j), v, Vec<T>::set1(hidden_score<T>)) : v;
}

/// The last n < lanes scores of a row from j on; hidden_score beyond them and where the mask is false.
template <class T>
AGON_INLINE Vec<T> load_last_scores(const T* s, const bool* mask, std::int64_t j, std::int64_t n) {
  using V = Vec<T>;
  const V v = V::load(s + j), hidden = V::set1(hidden_score<T>);
  if (!mask) return select<T>(V::first(n), v, hidden);
  bool seen[V::lanes] = {};
  for (std::int64_t i = 0; i < n; ++i) seen[i] = mask[j + i];
  return select<T>(load_mask<T>(seen), v, hidden);
}

/// 2^x for scores from which their maximum or log-sum-exp was subtracted; 0 for hidden ones. A NaN passes, and infinity
/// comes out where rounding of enormous scores makes x large.
template <class T>
AGON_INLINE Vec<T> probability(Vec<T> x) {
  using V = Vec<T>;
  using K = detail::MathTable<T>;
#if AGON_VECTOR_BYTES == 64
  const V y = max(V::set1(K::exp2_lowest), x), n = round(y);
  return scale(horner(y - n, K::exp2.c), n);  // none of these instructions loses a NaN
#else
  // pow2 makes 0 of the lowest exponent and infinity of the highest. Subnormal probabilities are not worth the
  // operations they would take.
  const V y = min(V::set1(K::bias + 1), max(V::set1(-K::bias), x)), n = round(y);
  return keep_nan(x, horner(y - n, K::exp2.c) * pow2(n));
#endif
}

/// What is subtracted from the scores of a row whose highest is given: nothing where all are hidden.
template <class T>
T shift_of_row(T highest) {
  return highest < hidden_score<T> / 2 ? T(0) : highest;
}

/// max(highest, largest visible score).
template <class T>
T highest_score(const T* s, std::int64_t n, const bool* mask, T highest) {
  using V = Vec<T>;
  V top = V::set1(highest);
  std::int64_t j = 0;
  if (!mask && n >= 4 * V::lanes) {
    V tops[4] = {top, top, top, top};
    for (; j + 4 * V::lanes <= n; j += 4 * V::lanes)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) tops[i] = max(V::load(s + j + i * V::lanes), tops[i]);
    top = max(max(tops[0], tops[1]), max(tops[2], tops[3]));
  }
  for (; j + V::lanes <= n; j += V::lanes) top = max(load_scores(s, mask, j), top);
  if (j < n) top = max(load_last_scores(s, mask, j, n - j), top);
  return max_lane(top);
}

/// s = p; returns total + p.
template <class T>
AGON_INLINE Vec<T> put_probability(Vec<T> p, T* s, Vec<T> total) {
  p.store(s);
  return total + p;
}

/// s = 2^(s - shift) where visible and zero up to `width`; returns the sum.
template <class T>
T exp_scores(T* s, std::int64_t n, std::int64_t width, const bool* mask, T shift) {
  using V = Vec<T>;
  const V from = V::set1(shift);
  V total = V::zero();
  std::int64_t j = 0;
  for (; j + V::lanes <= n; j += V::lanes)
    total = put_probability(probability(load_scores(s, mask, j) - from), s + j, total);
  if (j < n) {
    total = put_probability(probability(load_last_scores(s, mask, j, n - j) - from), s + j, total);
    j += V::lanes;
  }
  for (; j < width; j += V::lanes) V::zero().store(s + j);
  return sum(total);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
