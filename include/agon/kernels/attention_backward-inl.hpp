namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
T dot(std::int64_t n, const T* a, const T* b) {
  using V = Vec<T>;
  V total = V::zero();
  for (std::int64_t i = 0; i < n; i += V::lanes)
    total = fmadd(V::load_first(a + i, n - i), V::load_first(b + i, n - i), total);
  return sum(total);
}

/// One row of the backward pass: s receives the probabilities p, dp the gradient of the scores, scale p (dp - inner),
/// both zero where nothing is visible, up to `width`.
template <class T>
void score_gradients(T* s, T* dp, std::int64_t n, std::int64_t width, T scale, const bool* mask, T lse, T inner) {
  using V = Vec<T>;
  std::int64_t j = 0;
  for (; j < n; j += V::lanes) {
    const V p = probability(load_scores(s + j, n - j, V::set1(scale), mask ? mask + j : nullptr, V::set1(lse)));
    p.store(s + j);
    const V d = p * (V::load(dp + j) - V::set1(inner)) * V::set1(scale);
    (n - j >= V::lanes ? d : select<T>(V::first(n - j), d, V::zero())).store(dp + j);
  }
  for (; j < width; j += V::lanes) {
    V::zero().store(s + j);
    V::zero().store(dp + j);
  }
}

/// The share of the keys [begin, end) of one head in the gradients: all of dk and dv there, and their part of dq, which
/// is written to `dq` for every query.
template <class T>
void attend_backward_keys(const AttentionShape<T>& shape, std::int64_t number, std::int64_t begin, std::int64_t end,
                          const T* q, const T* k, const T* v, const T* o, const T* lse, const T* g, T* dq, T* dk,
                          T* dv) {
  using V = Vec<T>;
  using Block = ScoreBlock<T>;
  const Head<T> head{shape, number / shape.heads, number % shape.heads};
  const std::int64_t wide_k = detail::round_up(shape.dk, V::lanes), wide_v = detail::round_up(shape.dv, V::lanes);
  const Workspace<T> scores(Block::rows * Block::width), gradients(Block::rows * Block::width);
  const Workspace<T> keys(Block::keys * shape.dk), values(Block::keys * shape.dv), padded_keys(Block::keys * wide_k);
  const Workspace<T> padded_q(shape.lq * wide_k), padded_g(shape.lq * wide_v), inner(shape.lq);
  const std::int64_t ld_g = shape.heads * shape.dv;
  const T* const g_head = g + head.at(shape.lq, 0, shape.dv);
  for (std::int64_t i = 0; i < shape.lq; ++i) {
    const std::int64_t row = head.at(shape.lq, i, shape.dv);
    inner.data()[i] = dot(shape.dv, g + row, o + row);
  }
  const auto query = whole_vectors(shape.lq, shape.dk, head.query(q, 0), shape.ld_q, padded_q.data());
  const auto upstream = whole_vectors(shape.lq, shape.dv, g_head, ld_g, padded_g.data());
  const T* const lse_head = lse + (head.b * shape.heads + head.h) * shape.lq;

  const T *p_col[Block::keys], *ds_row[Block::rows], *ds_col[Block::keys];
  const T *q_row[Block::rows], *g_row[Block::rows];
  T *score[Block::rows], *gradient[Block::rows], *dq_row[Block::rows], *dk_row[Block::keys], *dv_row[Block::keys];
  for (std::int64_t i = 0; i < Block::rows; ++i) {
    score[i] = scores.data() + i * Block::width;
    ds_row[i] = gradient[i] = gradients.data() + i * Block::width;
  }
  for (std::int64_t j = 0; j < Block::keys; ++j) {
    p_col[j] = scores.data() + j;
    ds_col[j] = gradients.data() + j;
  }

  const std::int64_t step = detail::even_pieces(end - begin, Block::keys, Tile<T>::cols);
  for (std::int64_t j = begin; j < detail::larger(end, begin + 1); j += step) {
    const std::int64_t n = detail::larger(0, detail::smaller(step, end - j));
    pack_transposed_panels(n, shape.dk, head.key(k, j), shape.ld_k, keys.data());
    pack_transposed_panels(n, shape.dv, head.value(v, j), shape.ld_v, values.data());
    const auto key = whole_vectors(n, shape.dk, head.key(k, j), shape.ld_k, padded_keys.data());
    for (std::int64_t r = 0; r < n; ++r) {
      dk_row[r] = dk + head.at(shape.lk, j + r, shape.dk);
      dv_row[r] = dv + head.at(shape.lk, j + r, shape.dv);
    }
    // Every block of dk, dv and dq is written by the first product that reaches it, even where nothing is visible.
    for (std::int64_t i = 0; i < detail::larger(shape.lq, 1); i += Block::rows) {
      const std::int64_t rows = detail::smaller(Block::rows, shape.lq - i);
      const std::int64_t depth = head.visible(i + rows - 1, j, n);
      if (depth == 0 && i > 0 && j > begin) continue;
      for (std::int64_t r = 0; r < rows; ++r) {
        q_row[r] = query.data + (i + r) * query.ld;
        g_row[r] = upstream.data + (i + r) * upstream.ld;
        dq_row[r] = dq + head.at(shape.lq, i + r, shape.dk);
      }
      multiply_panels(rows, {q_row, &detail::whole_depth, 1, shape.dk, 1}, keys.data(), n, score, depth);
      multiply_panels(rows, {g_row, &detail::whole_depth, 1, shape.dv, 1}, values.data(), n, gradient, depth);
      // The first queries write all rows of dk and dv, whether they see them or not.
      const std::int64_t width = i == 0 ? n : depth;
      for (std::int64_t r = 0; r < rows; ++r)
        score_gradients(score[r], gradient[r], head.visible(i + r, j, n), width, shape.scale, head.mask(i + r, j),
                        lse_head[i + r], inner.data()[i + r]);
      multiply(width, {p_col, &detail::whole_depth, 1, rows, Block::width}, upstream.data + i * upstream.ld,
               upstream.ld, dv_row, shape.dv, i > 0);
      multiply(width, {ds_col, &detail::whole_depth, 1, rows, Block::width}, query.data + i * query.ld, query.ld,
               dk_row, shape.dk, i > 0);
      multiply(rows, {ds_row, &detail::whole_depth, 1, depth, 1}, key.data, key.ld, dq_row, shape.dk, j > begin);
    }
  }
}

template <class T>
void add_parts(std::int64_t n, std::int64_t parts, std::int64_t stride, const T* part, T* to) {
  using V = Vec<T>;
  for (std::int64_t i = 0; i < n; i += V::lanes) {
    V total = V::load_first(to + i, n - i);
    for (std::int64_t p = 0; p < parts; ++p) total = total + V::load_first(part + p * stride + i, n - i);
    total.store_first(to + i, n - i);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
