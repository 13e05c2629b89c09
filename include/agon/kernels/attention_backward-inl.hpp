namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
T dot(std::int64_t n, const T* a, const T* b) {
  using V = Vec<T>;
  V total = V::zero();
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) total = fmadd(V::load(a + i), V::load(b + i), total);
  if (i < n) total = fmadd(V::load_first(a + i, n - i), V::load_first(b + i, n - i), total);
  return sum(total);
}

/// What a block of queries lends to every key: itself and its upstream gradient as panels and as rows, log-sum-exp (to
/// base 2) and inner products of upstream gradient and output. The panels for scores are scaled, and those for their
/// gradients and the inner products too, so that nothing after them needs to be.
template <class T>
struct QueryBlock {
  using V = Vec<T>;
  const Head<T>& head;
  std::int64_t first = 0, count = 0, wide = 0;  ///< wide: count in whole vectors
  Workspace<T> q_panels, g_panels, padded_q, padded_g, lse, inner;
  MatView<const T> query{}, upstream{};

  explicit QueryBlock(const Head<T>& of)
      : head(of),
        q_panels(ScoreBlock<T>::cols * of.shape.dk),
        g_panels(ScoreBlock<T>::cols * of.shape.dv),
        padded_q(ScoreBlock<T>::cols * detail::round_up(of.shape.dk, V::lanes)),
        padded_g(ScoreBlock<T>::cols * detail::round_up(of.shape.dv, V::lanes)),
        lse(ScoreBlock<T>::cols),
        inner(ScoreBlock<T>::cols) {}

  void load(std::int64_t i, std::int64_t n, const T* q, const T* o, const T* all_lse, const T* g) {
    constexpr T log2e = detail::MathTable<T>::log2e;
    const auto& shape = head.shape;
    const std::int64_t ld_g = shape.heads * shape.dv;
    first = i, count = n, wide = detail::round_up(n, V::lanes);
    const T* const lse_head = all_lse + (head.b * shape.heads + head.h) * shape.lq + i;
    for (std::int64_t r = 0; r < wide; ++r) {
      lse.data()[r] = r < n ? lse_head[r] * log2e : -hidden_score<T>;  // the rest of a vector has probability 0
      inner.data()[r] = r < n ? shape.scale * dot(shape.dv, head.output(g, i + r), head.output(o, i + r)) : T(0);
    }
    pack_transposed_panels(n, shape.dk, shape.scale * log2e, head.query(q, i), shape.ld_q, q_panels.data());
    pack_transposed_panels(n, shape.dv, shape.scale, head.output(g, i), ld_g, g_panels.data());
    query = for_rows(n, shape.dk, T(1), head.query(q, i), shape.ld_q, padded_q.data());
    upstream = for_rows(n, shape.dv, T(1), head.output(g, i), ld_g, padded_g.data());
  }
};

/// One key and the queries [from, to): s receives the probabilities p, dp the gradient of the scores, p (dp - inner).
/// Both are zero where the key is not seen: before `first` and where `seen` is false.
template <class T>
void score_gradients(std::int64_t from, std::int64_t to, std::int64_t first, const bool* seen, const T* lse,
                     const T* inner, T* s, T* dp) {
  using V = Vec<T>;
  for (std::int64_t i = from; i < to; i += V::lanes) {
    V p = probability(V::load(s + i) - V::load(lse + i));
    if (i < first) p = select<T>(V::first(first - i), V::zero(), p);
    if (seen) p = select<T>(load_mask<T>(seen + i), p, V::zero());
    p.store(s + i);
    (p * (V::load(dp + i) - V::load(inner + i))).store(dp + i);
  }
}

/// Puts the probabilities p where scores would stand, key by key, given the log-sum-exp of the queries.
template <class T>
struct PutProbabilitiesOfKeys {
  T* s;
  const T* lse;

  template <int vectors>
  AGON_INLINE void operator()(std::int64_t r, std::int64_t i, const Vec<T> (&x)[vectors]) const {
    using V = Vec<T>;
    T* const to = s + r * ScoreBlock<T>::width + i;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) probability(x[v] - V::load(lse + i + v * V::lanes)).store(to + v * V::lanes);
  }
};

/// Puts the gradients of the scores, p (dp - inner), given dp.
template <class T>
struct PutScoreGradients {
  const T *p, *inner;
  T* to;

  template <int vectors>
  AGON_INLINE void operator()(std::int64_t r, std::int64_t i, const Vec<T> (&dp)[vectors]) const {
    using V = Vec<T>;
    const std::int64_t row = r * ScoreBlock<T>::width + i;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t lane = v * V::lanes;
      (V::load(p + row + lane) * (dp[v] - V::load(inner + i + lane))).store(to + row + lane);
    }
  }
};

/// The mask of key j for queries [i, i + n), one after another and up to a whole vector.
template <class T>
const bool* mask_of_key(const Head<T>& head, std::int64_t j, std::int64_t i, std::int64_t n, bool* seen) {
  const bool* const from = head.mask(i, j);
  if (!from) return nullptr;
  const std::int64_t wide = detail::round_up(n, Vec<T>::lanes);
  for (std::int64_t r = 0; r < wide; ++r) seen[r] = r < n && from[r * head.shape.mask_row];
  return seen;
}

/// to[j][i] = from[i][j], for rows x cols elements of `from`, by way of `scratch` [cols, whole vectors of rows].
template <class T>
void write_transpose(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t ld, T* scratch, T* to,
                     std::int64_t ld_to) {
  const std::int64_t width = detail::round_up(rows, Vec<T>::lanes);
  pack_transpose(cols, rows, from, ld, scratch, width);
  for (std::int64_t j = 0; j < cols; ++j) copy_run(rows, scratch + j * width, to + j * ld_to);
}

/// What a block of at most `count` queries from `first` on reads.
template <class T>
void add_queries(const Head<T>& head, std::int64_t first, std::int64_t count, const T* q, const T* o, const T* g,
                 SoonQueue<T>& soon, SoonLines<T>& lines) {
  const auto& shape = head.shape;
  const std::int64_t n = detail::smaller(count, shape.lq - first), ld_g = shape.heads * shape.dv;
  lines.add({head.output(g, first), ld_g, shape.dv, n}, soon);
  lines.add({head.output(o, first), ld_g, shape.dv, n}, soon);
  soon.add({head.query(q, first), shape.ld_q, shape.dk, n});
}

/// What the job reads first that comes after the one with the keys up to `end` of the head of this number.
template <class T>
void add_next_keys(const AttentionShape<T>& shape, std::int64_t number, std::int64_t end, std::int64_t queries,
                   const T* q, const T* k, const T* v, const T* o, const T* g, SoonQueue<T>& soon,
                   SoonLines<T>& lines) {
  const bool same = end < shape.lk;
  const std::int64_t next = same ? number : number + 1, begin = same ? end : 0;
  if (next >= shape.batch * shape.heads) return;
  const Head<T> head{shape, next / shape.heads, next % shape.heads};
  const std::int64_t keys = detail::smaller(ScoreBlock<T>::cols, shape.lk - begin);
  if (!same || queries < shape.lq) add_queries(head, 0, queries, q, o, g, soon, lines);
  soon.add({head.key(k, begin), shape.ld_k, shape.dk, keys});
  soon.add({head.value(v, begin), shape.ld_v, shape.dv, keys});
}

/// The share of the keys [begin, end) of one head in the gradients: all of dk and dv there, and their part of dq, which
/// is written for every query, to rows that are ld_dq apart. Scores lie as keys x queries, so that what belongs to a
/// query is a lane.
template <class T>
void attend_backward_keys(const AttentionShape<T>& shape, std::int64_t number, std::int64_t begin, std::int64_t end,
                          const T* q, const T* k, const T* v, const T* o, const T* lse, const T* g, T* dq,
                          std::int64_t ld_dq, T* dk, T* dv) {
  using V = Vec<T>;
  using Block = ScoreBlock<T>;
  const Head<T> head{shape, number / shape.heads, number % shape.heads};
  QueryBlock<T> block(head);
  const std::int64_t height = detail::even_pieces(end - begin, Block::most_rows_of(shape), Tile<T>::rows);
  const Workspace<T> scores(height * Block::width), gradients(height * Block::width);
  const Workspace<T> dq_columns(shape.dk * Block::width);
  const Workspace<bool> seen(Block::width);

  const auto score = [&](std::int64_t r) { return scores.data() + r * Block::width; };
  const auto gradient = [&](std::int64_t r) { return gradients.data() + r * Block::width; };

  const std::int64_t step = detail::even_pieces(shape.lq, Block::cols, Tile<T>::cols);
  for (std::int64_t i = 0; i < shape.lq; i += step) {
    const std::int64_t n = detail::smaller(step, shape.lq - i);
    block.load(i, n, q, o, lse, g);
    for (std::int64_t c = 0; c < shape.dk * Block::width; c += V::lanes) V::zero().store(dq_columns.data() + c);
    // Products leave the lanes beyond the last query as they are; no result depends on them.
    for (std::int64_t r = 0; r < height; ++r) {
      V::zero().store(score(r) + block.wide - V::lanes);
      V::zero().store(gradient(r) + block.wide - V::lanes);
    }
    Soon<T> soon;
    SoonLines<T> lines(n, shape.dv, block.upstream.ld);
    if (i + n < shape.lq)
      add_queries(head, i + n, step, q, o, g, soon.read, lines);
    else
      add_next_keys(shape, number, end, step, q, k, v, o, g, soon.read, lines);
    soon.read.spread(prefetches_in<T>((2 * (end - begin) + shape.dk * detail::ceil_div(end - begin, height)) * n));
    auto ahead = lines.ahead();
    for (std::int64_t j = begin; j < end; j += height) {
      const std::int64_t rows = detail::smaller(height, end - j);
      const std::int64_t unseen = head.any_seen(i, n, j, rows) ? head.first_to_see(j, i, n) : n;
      if (unseen == n && i > 0) continue;  // the first block writes all of dk and dv, seen or not
      const std::int64_t from = unseen < n ? unseen / Tile<T>::cols * Tile<T>::cols : 0;
      const std::int64_t to = unseen < n ? n : 0, depth = to - from;
      soon.written.clear();
      soon.written.add({head.value(dv, j), shape.ld_v, shape.dv, rows});
      soon.written.add({head.key(dk, j), shape.ld_k, shape.dk, rows});
      soon.written.spread(prefetches_in<T>(rows * depth));
      std::int64_t done = 0;
      if (!shape.causal && !shape.mask) {
        done = put_products(rows, LeftOperand<T>{head.key(k, j), shape.ld_k, 1}, shape.dk, block.q_panels.data(), n,
                            soon, PutProbabilitiesOfKeys<T>{scores.data(), block.lse.data()});
        put_products(rows, LeftOperand<T>{head.value(v, j), shape.ld_v, 1}, shape.dv, block.g_panels.data(), n, soon,
                     PutScoreGradients<T>{scores.data(), block.inner.data(), gradients.data()});
      }
      multiply_packed(rows - done, {head.key(k, j + done), shape.ld_k, 1}, shape.dk, block.q_panels.data(), block.wide,
                      score(done), Block::width, from, to, soon);
      multiply_packed(rows - done, {head.value(v, j + done), shape.ld_v, 1}, shape.dv, block.g_panels.data(),
                      block.wide, gradient(done), Block::width, from, to, soon);
      for (std::int64_t r = done; r < rows; ++r)
        score_gradients(from, to, head.first_to_see(j + r, i, n), mask_of_key(head, j + r, i, n, seen.data()),
                        block.lse.data(), block.inner.data(), score(r), gradient(r));
      multiply(rows, {score(0) + from, Block::width, 1}, depth, block.upstream.data + from * block.upstream.ld,
               block.upstream.ld, head.value(dv, j), shape.ld_v, shape.dv, i > 0, depth == n ? &ahead : nullptr);
      multiply(rows, {gradient(0) + from, Block::width, 1}, depth, block.query.data + from * block.query.ld,
               block.query.ld, head.key(dk, j), shape.ld_k, shape.dk, i > 0);
      multiply_panels(shape.dk, {head.key(k, j), 1, shape.ld_k}, rows, gradients.data(), Tile<T>::cols, Block::width,
                      Block::width, dq_columns.data(), Block::width, from, to, true, soon);
    }
    write_transpose(shape.dk, n, dq_columns.data(), Block::width, block.padded_q.data(), dq + i * ld_dq, ld_dq);
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
