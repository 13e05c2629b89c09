namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Block of scores that stays in the first- and second-level cache: queries x keys.
template <class T>
struct ScoreBlock {
  static constexpr std::int64_t rows = 4 * Tile<T>::rows, keys = 1024 / static_cast<std::int64_t>(sizeof(T));
  static constexpr std::int64_t width = keys + Vec<T>::lanes;  ///< row stride that spreads rows over the cache sets
};

/// What masked scores are set to. Far below any score, and finite: compilers may assume that there are no infinities.
template <class T>
constexpr T hidden_score = sizeof(T) == 4 ? T(-1e30) : T(-1e300);

/// One head of one sequence: its operands, and who sees whom.
template <class T>
struct Head {
  const AttentionShape<T>& shape;
  std::int64_t b, h;

  const T* query(const T* q, std::int64_t i) const { return q + (b * shape.lq + i) * shape.ld_q + h * shape.dk; }
  const T* key(const T* k, std::int64_t j) const { return k + (b * shape.lk + j) * shape.ld_k + h * shape.dk; }
  const T* value(const T* v, std::int64_t j) const { return v + (b * shape.lk + j) * shape.ld_v + h * shape.dv; }
  /// Element of a contiguous [batch, length, heads * width].
  std::int64_t at(std::int64_t length, std::int64_t i, std::int64_t width) const {
    return ((b * length + i) * shape.heads + h) * width;
  }
  /// Number of keys from j on, at most n, that the order of time lets query i see.
  std::int64_t visible(std::int64_t i, std::int64_t j, std::int64_t n) const {
    if (!shape.causal) return n;
    return detail::larger(0, detail::smaller(n, i + shape.lk - shape.lq + 1 - j));
  }
  const bool* mask(std::int64_t i, std::int64_t j) const {
    return shape.mask ? shape.mask + b * shape.mask_batch + i * shape.mask_row + j : nullptr;
  }
};

#if AGON_VECTOR_BYTES
typedef signed char FloatLaneBytes __attribute__((vector_size(AGON_VECTOR_BYTES / 4)));
typedef signed char DoubleLaneBytes __attribute__((vector_size(AGON_VECTOR_BYTES / 8)));

template <class T, class Bytes>
AGON_INLINE typename Vec<T>::Mask widen_mask(const bool* p, std::int64_t n, Bytes bytes) {
  if (n >= Vec<T>::lanes)
    std::memcpy(&bytes, p, sizeof(bytes));
  else
    for (std::int64_t i = 0; i < n; ++i) bytes[i] = p[i];
  return __builtin_convertvector(bytes, typename Vec<T>::Mask) != 0;
}
#endif

/// The first n lanes of a mask; false beyond them.
template <class T>
AGON_INLINE typename Vec<T>::Mask load_mask(const bool* p, std::int64_t n) {
#if AGON_VECTOR_BYTES
  if constexpr (sizeof(T) == 4)
    return widen_mask<T>(p, n, FloatLaneBytes{});
  else
    return widen_mask<T>(p, n, DoubleLaneBytes{});
#else
  return n > 0 && *p;
#endif
}

/// scale s - shift for the first n <= lanes scores; hidden_score beyond them and where the mask is false.
template <class T>
AGON_INLINE Vec<T> load_scores(const T* s, std::int64_t n, Vec<T> scale, const bool* mask,
                               Vec<T> shift = Vec<T>::zero()) {
  using V = Vec<T>;
  const V hidden = V::set1(hidden_score<T>);
  const V v = fmadd(n >= V::lanes ? V::load(s) : V::load_first(s, n), scale, -shift);
  if (mask) return select<T>(load_mask<T>(mask, n), v, hidden);
  return n >= V::lanes ? v : select<T>(V::first(n), v, hidden);
}

/// exp(x) for scores from which their maximum or log-sum-exp was subtracted, so that it cannot overflow; 0 for hidden
/// ones. A NaN passes.
template <class T>
AGON_INLINE Vec<T> probability(Vec<T> x) {
  using K = detail::MathTable<T>;
  const auto [n, m] = exp_parts(max(Vec<T>::set1(K::exp_lowest), x));
  return keep_nan(x, scale(Vec<T>::set1(T(1)) + m, n));
}

/// What is subtracted from the scores of a row whose highest is given: nothing where all are hidden.
template <class T>
T shift_of_row(T highest) {
  return highest < hidden_score<T> / 2 ? T(0) : highest;
}

/// max(highest, largest visible score).
template <class T>
T highest_score(const T* s, std::int64_t n, T scale, const bool* mask, T highest) {
  using V = Vec<T>;
  V top = V::set1(highest);
  for (std::int64_t j = 0; j < n; j += V::lanes)
    top = max(load_scores(s + j, n - j, V::set1(scale), mask ? mask + j : nullptr), top);
  return max_lane(top);
}

/// s = exp(scale s - shift) where visible and zero up to `width`; returns the sum.
template <class T>
T exp_scores(T* s, std::int64_t n, std::int64_t width, T scale, const bool* mask, T shift) {
  using V = Vec<T>;
  V total = V::zero();
  std::int64_t j = 0;
  for (; j < n; j += V::lanes) {
    const V p = probability(load_scores(s + j, n - j, V::set1(scale), mask ? mask + j : nullptr, V::set1(shift)));
    total = total + p;
    p.store(s + j);
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
    select<T>(empty, V::zero(), top + log(select<T>(empty, V::set1(T(1)), t))).store_first(out + i, count - i);
  }
  for (std::int64_t i = 0; i < count; ++i)
    if (total[i] != T(0)) scale_run(shape.dv, V::set1(T(1) / total[i]), o + head.at(shape.lq, first + i, shape.dv));
}

/// c (+)= a b, where b has whole vectors in its rows.
template <class T>
void multiply(std::int64_t rows, const detail::Rows<T>& a, const T* b, std::int64_t ldb, T* const* c, std::int64_t n,
              bool accumulate) {
  for (std::int64_t j = 0; j < n; j += Tile<T>::cols)
    multiply_panel(rows, a, b + j, ldb, c, j, detail::smaller(Tile<T>::cols, n - j), accumulate);
}

/// The transpose of b [n, depth] in panels.
template <class T>
void pack_transposed_panels(std::int64_t n, std::int64_t depth, const T* b, std::int64_t ldb, T* panels) {
  for (std::int64_t j = 0; j < n; j += Tile<T>::cols) {
    const std::int64_t cols = detail::smaller(Tile<T>::cols, n - j);
    pack_transpose(depth, cols, b + j * ldb, ldb, panels + j * depth, detail::round_up(cols, Vec<T>::lanes));
  }
}

/// The first `cols` columns of c = a b, b in panels of together n columns.
template <class T>
void multiply_panels(std::int64_t rows, const detail::Rows<T>& a, const T* panels, std::int64_t n, T* const* c,
                     std::int64_t cols) {
  for (std::int64_t j = 0; j < cols; j += Tile<T>::cols) {
    const std::int64_t ldb = detail::round_up(detail::smaller(Tile<T>::cols, n - j), Vec<T>::lanes);
    multiply_panel(rows, a, panels + j * a.length, ldb, c, j, detail::smaller(Tile<T>::cols, cols - j), false);
  }
}

/// A matrix whose rows are whole vectors: itself, or a copy in `padded`.
template <class T>
MatView<const T> whole_vectors(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t ld, T* padded) {
  const std::int64_t width = detail::round_up(cols, Vec<T>::lanes);
  if (width == cols) return {from, rows, cols, ld};
  pack_copy(rows, cols, from, ld, padded, width);
  return {padded, rows, cols, width};
}

/// Queries [first, first + count) of one head; heads are numbered through all sequences.
template <class T>
void attend_rows(const AttentionShape<T>& shape, std::int64_t number, std::int64_t first, std::int64_t count,
                 const T* q, const T* k, const T* v, T* o, T* lse) {
  using V = Vec<T>;
  using Block = ScoreBlock<T>;
  const Head<T> head{shape, number / shape.heads, number % shape.heads};
  const Workspace<T> scores(Block::rows * Block::width), keys(Block::keys * shape.dk);
  const Workspace<T> values(Block::keys * detail::round_up(shape.dv, V::lanes));
  const Workspace<T> highest(detail::round_up(count, V::lanes)), total(detail::round_up(count, V::lanes));
  for (std::int64_t i = 0; i < count; ++i) highest.data()[i] = hidden_score<T>, total.data()[i] = T(0);
  const T* query[Block::rows];
  const T* weight[Block::rows];
  T* score[Block::rows];
  T* out[Block::rows];
  for (std::int64_t i = 0; i < Block::rows; ++i) weight[i] = score[i] = scores.data() + i * Block::width;

  const std::int64_t step = detail::even_pieces(shape.lk, Block::keys, Tile<T>::cols);
  const std::int64_t seen = head.visible(first + count - 1, 0, shape.lk);
  for (std::int64_t j = 0; j < detail::larger(seen, 1); j += step) {
    const std::int64_t n = detail::smaller(step, shape.lk - j);
    pack_transposed_panels(n, shape.dk, head.key(k, j), shape.ld_k, keys.data());
    const auto value = whole_vectors(n, shape.dv, head.value(v, j), shape.ld_v, values.data());
    for (std::int64_t i = first; i < first + count; i += Block::rows) {
      const std::int64_t rows = detail::smaller(Block::rows, first + count - i);
      const std::int64_t depth = head.visible(i + rows - 1, j, n);
      if (depth == 0 && j > 0) continue;
      for (std::int64_t r = 0; r < rows; ++r) {
        query[r] = head.query(q, i + r);
        out[r] = o + head.at(shape.lq, i + r, shape.dv);
      }
      multiply_panels(rows, {query, &detail::whole_depth, 1, shape.dk, 1}, keys.data(), n, score, depth);
      for (std::int64_t r = 0; r < rows; ++r) {
        T& top = highest.data()[i - first + r];
        T& sum_of_row = total.data()[i - first + r];
        const std::int64_t visible = head.visible(i + r, j, n);
        const bool* const mask = head.mask(i + r, j);
        const T before = top;
        top = highest_score(score[r], visible, shape.scale, mask, top);
        const T shift = shift_of_row(top);
        if (j > 0 && before != top) {
          const V shrink = probability(V::set1(before - shift));
          T factor[V::lanes];
          shrink.store(factor);
          sum_of_row *= factor[0];
          scale_run(shape.dv, shrink, out[r]);
        }
        sum_of_row += exp_scores(score[r], visible, depth, shape.scale, mask, shift);
      }
      multiply(rows, {weight, &detail::whole_depth, 1, depth, 1}, value.data, value.ld, out, shape.dv, j > 0);
    }
  }
  finish_attention(head, first, count, highest.data(), total.data(), o, lse);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
