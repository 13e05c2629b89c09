namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Rows of two matrices side by side: to = [a, b], `width` elements each.
template <class T>
void pack_pair(std::int64_t rows, std::int64_t width, const T* a, const T* b, std::int64_t ld, T* to) {
  for (std::int64_t r = 0; r < rows; ++r, a += ld, b += ld, to += 2 * width) {
    pack_copy(1, width, a, ld, to, width);
    pack_copy(1, width, b, ld, to + width, width);
  }
}

/// One query's row of attend_second: from scores s, gradients of the probabilities dp, w and u to p, ds, e and ds2, in
/// this order and place, for the keys [0, n); zero from there up to `width`.
template <class T>
void second_row(std::int64_t n, std::int64_t width, const bool* mask, T lse, T* s, T* dp, T* w, T* u) {
  using V = Vec<T>;
  V inner = V::zero(), mean_w = V::zero(), mean = V::zero();
  for (std::int64_t j = 0; j < n; j += V::lanes) {
    const bool whole = j + V::lanes <= n;
    const V score = whole ? load_scores(s, mask, j) : load_last_scores(s, mask, j, n - j);
    const V p = probability(score - V::set1(lse)), a = V::load(dp + j), b = V::load(w + j);
    inner = fmadd(p, a, inner);
    mean_w = fmadd(p, b, mean_w);
    mean = fmadd(p, fmadd(a, b, V::load(u + j)), mean);
    p.store(s + j);
  }
  const V d = V::set1(sum(inner)), m = V::set1(sum(mean_w));
  const V r = V::set1(sum(mean)) - V::set1(T(2)) * d * m;
  for (std::int64_t j = 0; j < n; j += V::lanes) {
    const V p = V::load(s + j), a = V::load(dp + j), b = V::load(w + j);
    (p * (a - d)).store(dp + j);
    (p * (b - m)).store(w + j);
    (p * (fmadd(b, a - d, V::load(u + j)) - fmadd(m, a, r))).store(u + j);
  }
  for (std::int64_t j = detail::round_up(n, V::lanes); j < width; j += V::lanes)
    for (T* row : {s, dp, w, u}) V::zero().store(row + j);
}

/// What a job of the head after the one of this number reads first.
template <class T>
void add_next_head(const AttentionShape<T>& shape, std::int64_t number, const AttentionSecond<T>& x,
                   SoonQueue<T>& soon) {
  if (number + 1 >= shape.batch * shape.heads) return;
  const Head<T> head{shape, (number + 1) / shape.heads, (number + 1) % shape.heads};
  const std::int64_t n = detail::smaller(ScoreBlock<T>::cols, shape.lk);
  for (const T* keys : {x.k, x.b}) soon.add({head.key(keys, 0), shape.ld_k, shape.dk, n});
  for (const T* values : {x.v, x.c}) soon.add({head.value(values, 0), shape.ld_v, shape.dv, n});
}

/// Differentiates attention_backward for one head and the queries [first, last): with cotangents a, b, c of dq, dk, dv,
///   s = scale q k^T, p = softmax(s), dp = g v^T, d = sum p dp, ds = p (dp - d), w = scale (a k^T + q b^T), u = g c^T,
///   m = sum p w, e = p (w - m), r = w (dp - d) - m dp + u, ds2 = p (r - sum p r),
/// the gradients are e v + p c for g, scale (ds2 k + ds b) for q, scale (ds2^T q + ds^T a) for k and e^T g for v. Those
/// of k and v are the share of these queries, written to rows that are ld_to_k and ld_to_v apart.
template <class T>
void attend_second_queries(const AttentionShape<T>& shape, std::int64_t number, std::int64_t first, std::int64_t last,
                           const AttentionSecond<T>& x, T* to_k, std::int64_t ld_to_k, T* to_v, std::int64_t ld_to_v) {
  using V = Vec<T>;
  using Block = ScoreBlock<T>;
  constexpr T log2e = detail::MathTable<T>::log2e;
  const Head<T> head{shape, number / shape.heads, number % shape.heads};
  const std::int64_t lk = shape.lk, dk = shape.dk, dv = shape.dv, ld_g = shape.heads * dv;
  const std::int64_t wide = detail::round_up(lk, V::lanes), ld = wide + V::lanes;
  const std::int64_t wide_k = detail::round_up(dk, V::lanes), wide_v = detail::round_up(dv, V::lanes);
  // Keys, values and their cotangents as panels and as rows.
  const Workspace<T> k_panels(wide * dk), v_panels(wide * dv), c_panels(wide * dv), kb_panels(wide * 2 * dk);
  const Workspace<T> kb(lk * 2 * dk), k_rows(lk * wide_k), b_rows(lk * wide_k), v_rows(lk * wide_v),
      c_rows(lk * wide_v);
  pack_transposed_panels(lk, dk, shape.scale * log2e, head.key(x.k, 0), shape.ld_k, k_panels.data());
  pack_transposed_panels(lk, dv, T(1), head.value(x.v, 0), shape.ld_v, v_panels.data());
  pack_transposed_panels(lk, dv, T(1), head.value(x.c, 0), shape.ld_v, c_panels.data());
  pack_pair(lk, dk, head.key(x.k, 0), head.key(x.b, 0), shape.ld_k, kb.data());
  pack_transposed_panels(lk, 2 * dk, shape.scale, kb.data(), 2 * dk, kb_panels.data());
  const auto key = for_rows(lk, dk, shape.scale, head.key(x.k, 0), shape.ld_k, k_rows.data());
  const auto b = for_rows(lk, dk, shape.scale, head.key(x.b, 0), shape.ld_k, b_rows.data());
  const auto value = for_rows(lk, dv, T(1), head.value(x.v, 0), shape.ld_v, v_rows.data());
  const auto c = for_rows(lk, dv, T(1), head.value(x.c, 0), shape.ld_v, c_rows.data());

  // Higher blocks only where the four of them stay in the second-level cache.
  constexpr std::int64_t cached = (320 << 10) / (4 * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t most = detail::larger(Block::rows, detail::smaller(Block::most_rows_of(shape), cached / ld));
  const std::int64_t height = detail::even_pieces(last - first, most, Tile<T>::rows);
  const Workspace<T> score(height * ld), gradient(height * ld), weight(height * ld), mixed(height * ld);
  const Workspace<T> aq(height * 2 * dk), q_rows(height * wide_k), a_rows(height * wide_k);
  const Workspace<T> g_rows(height * wide_v);
  const T* const lse = x.lse + (head.b * shape.heads + head.h) * shape.lq;
  Soon<T> soon;
  if (last == shape.lq) add_next_head(shape, number, x, soon.read);
  soon.read.spread(prefetches_in<T>(4 * (last - first) * lk));
  for (std::int64_t i = first; i < last; i += height) {
    const std::int64_t rows = detail::smaller(height, last - i);
    const std::int64_t depth = head.any_seen(i, rows, 0, lk) ? head.visible(i + rows - 1, 0, lk) : 0;
    const std::int64_t cols = detail::round_up(depth, V::lanes);
    T *const dq = head.query(x.dq, i), *const dg = head.output(x.dg, i);
    pack_pair(rows, dk, head.query(x.a, i), head.query(x.q, i), shape.ld_q, aq.data());
    const auto query = whole_vectors(rows, dk, shape.scale, head.query(x.q, i), shape.ld_q, q_rows.data());
    const auto a = whole_vectors(rows, dk, shape.scale, head.query(x.a, i), shape.ld_q, a_rows.data());
    const auto upstream = whole_vectors(rows, dv, T(1), head.output(x.g, i), ld_g, g_rows.data());
    const LeftOperand<T> q{head.query(x.q, i), shape.ld_q, 1}, g{head.output(x.g, i), ld_g, 1};
    multiply_packed(rows, q, dk, k_panels.data(), wide, score.data(), ld, 0, cols, soon);
    multiply_packed(rows, g, dv, v_panels.data(), wide, gradient.data(), ld, 0, cols, soon);
    multiply_packed(rows, g, dv, c_panels.data(), wide, mixed.data(), ld, 0, cols, soon);
    multiply_packed(rows, {aq.data(), 2 * dk, 1}, 2 * dk, kb_panels.data(), wide, weight.data(), ld, 0, cols, soon);
    // The first queries write all rows of the gradients of k and v, whether they see them or not.
    const std::int64_t width = i == first ? lk : depth;
    for (std::int64_t r = 0; r < rows; ++r)
      second_row(detail::smaller(depth, head.visible(i + r, 0, lk)), width, head.mask(i + r, 0), lse[i + r] * log2e,
                 score.data() + r * ld, gradient.data() + r * ld, weight.data() + r * ld, mixed.data() + r * ld);
    // As rows: the queries' shares. As columns: those of keys and values.
    const LeftOperand<T> p{score.data(), ld, 1}, ds{gradient.data(), ld, 1}, e{weight.data(), ld, 1},
        ds2{mixed.data(), ld, 1};
    const auto columns = [](const LeftOperand<T>& of) { return LeftOperand<T>{of.data, of.step, of.row}; };
    multiply(rows, e, depth, value.data, value.ld, dg, ld_g, dv, false);
    multiply(rows, p, depth, c.data, c.ld, dg, ld_g, dv, true);
    multiply(rows, ds2, depth, key.data, key.ld, dq, shape.ld_q, dk, false);
    multiply(rows, ds, depth, b.data, b.ld, dq, shape.ld_q, dk, true);
    multiply(width, columns(e), rows, upstream.data, upstream.ld, to_v, ld_to_v, dv, i > first);
    multiply(width, columns(ds2), rows, query.data, query.ld, to_k, ld_to_k, dk, i > first);
    multiply(width, columns(ds), rows, a.data, a.ld, to_k, ld_to_k, dk, true);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
