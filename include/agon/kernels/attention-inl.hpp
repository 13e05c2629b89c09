namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Block of scores that stays in the first-level cache: queries x keys forward, keys x queries backward.
template <class T>
struct ScoreBlock {
  static constexpr std::int64_t rows = 28 / Tile<T>::rows * Tile<T>::rows;
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

/// 2^x for scores from which their maximum or log-sum-exp was subtracted, so that it cannot overflow; 0 for hidden
/// ones. A NaN passes.
template <class T>
AGON_INLINE Vec<T> probability(Vec<T> x) {
  using K = detail::MathTable<T>;
  const auto y = max(Vec<T>::set1(K::exp2_lowest), x), n = round(y);
  const auto p = scale(horner(y - n, K::exp2.c), n);
#if AGON_VECTOR_BYTES == 64
  return p;  // none of these instructions loses a NaN
#else
  return keep_nan(x, p);
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

template <class T>
void scale_run(std::int64_t n, Vec<T> factor, T* p) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) (V::load(p + i) * factor).store(p + i);
  if (i < n) (V::load_first(p + i, n - i) * factor).store_first(p + i, n - i);
}

/// Divides the rows by their totals and writes the log-sum-exp. A row that sees nothing has total 0 and stays zero.
template <class T>
void finish_attention(const Head<T>& head, std::int64_t first, std::int64_t count, const T* highest, const T* total,
                      T* o, T* lse) {
  using V = Vec<T>;
  const auto& shape = head.shape;
  T* const out = lse + (head.b * shape.heads + head.h) * shape.lq + first;
  for (std::int64_t i = 0; i < count; i += V::lanes) {
    const V t = V::load_first(total + i, count - i), top = V::load_first(highest + i, count - i);
    const auto empty = t == V::zero();
    const V sum = fmadd(top, V::set1(std::numbers::ln2_v<T>), log(select<T>(empty, V::set1(T(1)), t)));
    select<T>(empty, V::zero(), sum).store_first(out + i, count - i);
  }
  for (std::int64_t i = 0; i < count; ++i)
    if (total[i] != T(0)) scale_run(shape.dv, V::set1(T(1) / total[i]), head.output(o, first + i));
}

/// c (+)= a b, where b has whole vectors in its rows.
template <class T>
void multiply(std::int64_t rows, const detail::Rows<T>& a, const T* b, std::int64_t ldb, T* const* c, std::int64_t n,
              bool accumulate) {
#if AGON_VECTOR_BYTES == 64
  // Half of each register would be padding.
  if (n > 0 && n <= Vec<T>::lanes / 2) return avx2::multiply_panel(rows, a, b, ldb, c, 0, n, accumulate);
#endif
  for (std::int64_t j = 0; j < n; j += Tile<T>::cols)
    multiply_panel(rows, a, b + j, ldb, c, j, detail::smaller(Tile<T>::cols, n - j), accumulate);
}

/// The transpose of factor b [n, depth] in panels.
template <class T>
void pack_transposed_panels(std::int64_t n, std::int64_t depth, T factor, const T* b, std::int64_t ldb, T* panels) {
  for (std::int64_t j = 0; j < n; j += Tile<T>::cols) {
    const std::int64_t cols = detail::smaller(Tile<T>::cols, n - j);
    pack_transpose(depth, cols, b + j * ldb, ldb, panels + j * depth, detail::round_up(cols, Vec<T>::lanes));
  }
  if (factor != T(1)) scale_run(depth * detail::round_up(n, Vec<T>::lanes), Vec<T>::set1(factor), panels);
}

/// The columns [first, last) of c = or += a b for a small depth. Panel q of b begins at b + q * panel, its rows are ldb
/// apart, or in a last one of fewer columns ldb_last; `first` begins a panel, and last is a whole vector.
template <class T>
void multiply_panels(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* b, std::int64_t panel,
                     std::int64_t ldb, std::int64_t ldb_last, T* c, std::int64_t ldc, std::int64_t first,
                     std::int64_t last, bool accumulate) {
  constexpr std::int64_t cols = Tile<T>::cols;
  b += first / cols * panel;
  for (; first + 2 * cols <= last; first += 2 * cols, b += 2 * panel)
    multiply_shallow<T, 2>(rows, a, depth, {{b, b + panel}, ldb}, c + first, ldc, accumulate);
  if (first + cols <= last) {
    multiply_shallow<T, 1>(rows, a, depth, {{b}, ldb}, c + first, ldc, accumulate);
    first += cols, b += panel;
  }
  if (first < last) multiply_narrow(rows, a, depth, b, ldb_last, c + first, ldc, last - first, accumulate);
}

/// The same for panels that lie one after another and have n columns together, whole vectors.
template <class T>
void multiply_packed(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* panels, std::int64_t n,
                     T* c, std::int64_t ldc, std::int64_t first, std::int64_t last) {
  constexpr std::int64_t cols = Tile<T>::cols;
  const std::int64_t begin = last / cols * cols;  // of the last panel, if only a part of it is asked for
  multiply_panels(rows, a, depth, panels, cols * depth, cols, detail::smaller(cols, n - begin), c, ldc, first, last,
                  false);
}

/// A matrix whose rows are whole vectors and, with a factor, scaled: itself, or a copy in `padded`.
template <class T>
MatView<const T> whole_vectors(std::int64_t rows, std::int64_t cols, T factor, const T* from, std::int64_t ld,
                               T* padded) {
  const std::int64_t width = detail::round_up(cols, Vec<T>::lanes);
  if (width == cols && factor == T(1)) return {from, rows, cols, ld};
  pack_copy(rows, cols, from, ld, padded, width);
  if (factor != T(1)) scale_run(rows * width, Vec<T>::set1(factor), padded);
  return {padded, rows, cols, width};
}

/// Queries [first, first + count) of one head; heads are numbered through all sequences. Scores are kept as logarithms
/// to base 2, the factor being part of the packed keys.
template <class T>
void attend_rows(const AttentionShape<T>& shape, std::int64_t number, std::int64_t first, std::int64_t count,
                 const T* q, const T* k, const T* v, T* o, T* lse) {
  using V = Vec<T>;
  using Block = ScoreBlock<T>;
  const Head<T> head{shape, number / shape.heads, number % shape.heads};
  const Workspace<T> scores(Block::rows * Block::width), keys(Block::cols * shape.dk);
  const Workspace<T> values(Block::cols * detail::round_up(shape.dv, V::lanes));
  const Workspace<T> highest(detail::round_up(count, V::lanes)), total(detail::round_up(count, V::lanes));
  for (std::int64_t i = 0; i < count; ++i) highest.data()[i] = hidden_score<T>, total.data()[i] = T(0);
  const T* weight[Block::rows];
  T* score[Block::rows];
  T* out[Block::rows];
  T before[Block::rows];
  for (std::int64_t i = 0; i < Block::rows; ++i) weight[i] = score[i] = scores.data() + i * Block::width;

  const std::int64_t step = detail::even_pieces(shape.lk, Block::cols, Tile<T>::cols);
  const std::int64_t seen = head.visible(first + count - 1, 0, shape.lk);
  for (std::int64_t j = 0; j < detail::larger(seen, 1); j += step) {
    const std::int64_t n = detail::smaller(step, shape.lk - j), wide = detail::round_up(n, V::lanes);
    pack_transposed_panels(n, shape.dk, shape.scale * detail::MathTable<T>::log2e, head.key(k, j), shape.ld_k,
                           keys.data());
    const auto value = whole_vectors(n, shape.dv, T(1), head.value(v, j), shape.ld_v, values.data());
    for (std::int64_t i = first; i < first + count; i += Block::rows) {
      const std::int64_t rows = detail::smaller(Block::rows, first + count - i);
      const std::int64_t depth = head.any_seen(i, rows, j, n) ? head.visible(i + rows - 1, j, n) : 0;
      if (depth == 0 && j > 0) continue;
      for (std::int64_t r = 0; r < rows; ++r) out[r] = head.output(o, i + r);
      multiply_packed(rows, {head.query(q, i), shape.ld_q, 1}, shape.dk, keys.data(), wide, scores.data(), Block::width,
                      0, detail::round_up(depth, V::lanes));
      // All maxima first: each is a chain of its own, and many are under way at a time.
      T* const tops = highest.data() + (i - first);
      T* const totals = total.data() + (i - first);
      for (std::int64_t r = 0; r < rows; ++r) {
        before[r] = tops[r];
        tops[r] =
            highest_score(score[r], detail::smaller(depth, head.visible(i + r, j, n)), head.mask(i + r, j), before[r]);
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        const T shift = shift_of_row(tops[r]);
        if (j > 0 && before[r] != tops[r]) {
          const V shrink = probability(V::set1(before[r] - shift));
          T factor[V::lanes];
          shrink.store(factor);
          totals[r] *= factor[0];
          scale_run(shape.dv, shrink, out[r]);
        }
        const std::int64_t visible = detail::smaller(depth, head.visible(i + r, j, n));
        totals[r] += exp_scores(score[r], visible, depth, head.mask(i + r, j), shift);
      }
      multiply(rows, {weight, &detail::whole_depth, 1, depth, 1}, value.data, value.ld, out, shape.dv, j > 0);
    }
  }
  finish_attention(head, first, count, highest.data(), total.data(), o, lse);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
