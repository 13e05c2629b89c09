namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

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

/// What probabilities may add up to whose scores had something else than their maximum subtracted.
constexpr double largest_total = 0x1p40;

/// Puts the probabilities of n keys where scores would stand and adds them to the totals of their rows, lane by lane.
/// What is subtracted from the scores of row i is shift[i], with `choose` the highest of the first few.
template <class T>
struct PutProbabilities {
  T* s;
  T* shift;
  Vec<T>* total;
  std::int64_t n;
  bool choose;

  template <int vectors>
  AGON_INLINE void operator()(std::int64_t i, std::int64_t j, const Vec<T> (&x)[vectors]) const {
    using V = Vec<T>;
    constexpr int last = vectors - 1;
    const std::int64_t left = n - j - last * V::lanes;
    const V end = left < V::lanes ? select<T>(V::first(left), x[last], V::set1(hidden_score<T>)) : x[last];
    if (choose && j == 0) {
      V top = end;
#pragma GCC unroll 4
      for (int v = 0; v < last; ++v) top = max(x[v], top);
      shift[i] = max_lane(top);
    }
    T* const to = s + i * ScoreBlock<T>::width + j;
    const V from = V::set1(shift[i]);
    V sum = total[i];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v)
      sum = put_probability(probability((v == last ? end : x[v]) - from), to + v * V::lanes, sum);
    total[i] = sum;
  }
};

/// Probabilities of the keys [0, n) in place of scores, with shifts that are chosen or given. Whether they will do for
/// whole tiles of `rows`: returns how many rows those are and adds their totals, or 0.
template <class T>
std::int64_t put_probabilities(std::int64_t rows, const LeftOperand<T>& q, std::int64_t dk, const T* keys,
                               std::int64_t n, T* s, T* shifts, bool choose, T* totals, Soon<T>& soon) {
  using V = Vec<T>;
  T shift[ScoreBlock<T>::rows];
  V lanes[ScoreBlock<T>::rows];
  for (std::int64_t r = 0; r < rows; ++r) shift[r] = shifts[r], lanes[r] = V::zero();
  const std::int64_t done = put_products(rows, q, dk, keys, n, soon, PutProbabilities<T>{s, shift, lanes, n, choose});
  T total[ScoreBlock<T>::rows];
  for (std::int64_t r = 0; r < done; ++r)
    if (total[r] = sum(lanes[r]); !(total[r] <= T(largest_total))) return 0;
  for (std::int64_t r = 0; r < done; ++r) shifts[r] = shift[r], totals[r] += total[r];
  return done;
}

/// What the job that attends from query `first` on, of the head of this number, reads before its first scores.
template <class T>
void add_next_rows(const AttentionShape<T>& shape, std::int64_t number, std::int64_t first, std::int64_t rows,
                   std::int64_t keys, const T* q, const T* k, const T* v, SoonQueue<T>& soon, SoonLines<T>& lines) {
  if (number >= shape.batch * shape.heads) return;
  const Head<T> head{shape, number / shape.heads, number % shape.heads};
  soon.add({head.key(k, 0), shape.ld_k, shape.dk, keys});
  lines.add({head.value(v, 0), shape.ld_v, shape.dv, keys}, soon);
  soon.add({head.query(q, first), shape.ld_q, shape.dk, detail::smaller(rows, shape.lq - first)});
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
  std::fill_n(highest.data(), count, hidden_score<T>);
  std::fill_n(total.data(), count, T(0));
  T before[Block::rows];
  const auto score = [&](std::int64_t r) { return scores.data() + r * Block::width; };

  const std::int64_t step = detail::even_pieces(shape.lk, Block::cols, Tile<T>::cols);
  const std::int64_t seen = head.visible(first + count - 1, 0, shape.lk), ld_o = shape.heads * shape.dv;
  for (std::int64_t j = 0; j < detail::larger(seen, 1); j += step) {
    const std::int64_t n = detail::smaller(step, shape.lk - j), wide = detail::round_up(n, V::lanes);
    pack_transposed_panels(n, shape.dk, shape.scale * detail::MathTable<T>::log2e, head.key(k, j), shape.ld_k,
                           keys.data());
    const auto value = for_rows(n, shape.dv, T(1), head.value(v, j), shape.ld_v, values.data());
    Soon<T> soon;
    SoonLines<T> lines(n, shape.dv, value.ld);
    if (j + n < seen) {
      const std::int64_t next = detail::smaller(step, shape.lk - j - n);
      soon.read.add({head.key(k, j + n), shape.ld_k, shape.dk, next});
      lines.add({head.value(v, j + n), shape.ld_v, shape.dv, next}, soon.read);
    } else if (first + count < shape.lq) {
      add_next_rows(shape, number, first + count, count, step < shape.lk ? step : 0, q, k, v, soon.read, lines);
    } else {
      add_next_rows(shape, number + 1, 0, count, detail::smaller(step, shape.lk), q, k, v, soon.read, lines);
    }
    soon.read.spread(prefetches_in<T>(count * n));
    auto ahead = lines.ahead();
    for (std::int64_t i = first; i < first + count; i += Block::rows) {
      const std::int64_t rows = detail::smaller(Block::rows, first + count - i);
      const std::int64_t depth = head.any_seen(i, rows, j, n) ? head.visible(i + rows - 1, j, n) : 0;
      T* const out = head.output(o, i);
      T* const tops = highest.data() + (i - first);
      T* const totals = total.data() + (i - first);
      if (depth > 0 || j == 0) {
        soon.written.clear();
        soon.written.add({out, ld_o, shape.dv, rows});
        soon.written.spread(prefetches_in<T>(rows * depth));
        const bool plain = !shape.causal && !shape.mask;
        const LeftOperand<T> query{head.query(q, i), shape.ld_q, 1};
        const std::int64_t done =
            plain ? put_probabilities(rows, query, shape.dk, keys.data(), n, scores.data(), tops, j == 0, totals, soon)
                  : 0;
        multiply_packed(rows - done, query.from_row(done), shape.dk, keys.data(), wide, score(done), Block::width, 0,
                        depth, soon);
        // All maxima first: each is a chain of its own, and many are under way at a time.
        for (std::int64_t r = done; r < rows; ++r) {
          before[r] = tops[r];
          tops[r] = highest_score(score(r), detail::smaller(depth, head.visible(i + r, j, n)), head.mask(i + r, j),
                                  before[r]);
        }
        for (std::int64_t r = done; r < rows; ++r) {
          const T shift = shift_of_row(tops[r]);
          if (j > 0 && before[r] != tops[r]) {
            const V shrink = probability(V::set1(before[r] - shift));
            T factor[V::lanes];
            shrink.store(factor);
            totals[r] *= factor[0];
            scale_run(shape.dv, shrink, out + r * ld_o);
          }
          const std::int64_t visible = detail::smaller(depth, head.visible(i + r, j, n));
          totals[r] += exp_scores(score(r), visible, depth, head.mask(i + r, j), shift);
        }
        multiply(rows, {scores.data(), Block::width, 1}, depth, value.data, value.ld, out, ld_o, shape.dv, j > 0,
                 depth == n ? &ahead : nullptr);
      }
      if (j + n >= seen) finish_attention(head, i, rows, tops, totals, o, lse);
    }
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
