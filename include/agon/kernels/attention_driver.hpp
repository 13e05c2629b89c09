#pragma once

#include <agon/kernels/attention.hpp>

namespace agon::kernels {
inline namespace AGON_BUILD {
namespace attention_driver {

using detail::ceil_div, detail::larger, detail::round_up, detail::smaller;

template <class T>
void attend(Isa isa, const AttentionShape<T>& shape, std::int64_t head, std::int64_t first, std::int64_t count,
            const T* q, const T* k, const T* v, T* o, T* lse) {
  AGON_DISPATCH_ON(isa, attend_rows(shape, head, first, count, q, k, v, o, lse));
}

template <class T>
void attend_backward(Isa isa, const AttentionShape<T>& shape, std::int64_t head, std::int64_t begin, std::int64_t end,
                     const T* q, const T* k, const T* v, const T* o, const T* lse, const T* g, T* dq,
                     std::int64_t ld_dq, T* dk, T* dv) {
  AGON_DISPATCH_ON(isa, attend_backward_keys(shape, head, begin, end, q, k, v, o, lse, g, dq, ld_dq, dk, dv));
}

template <class T>
void add_parts(Isa isa, std::int64_t n, std::int64_t parts, std::int64_t stride, const T* part, T* to) {
  AGON_DISPATCH_ON(isa, add_parts(n, parts, stride, part, to));
}

template <class T>
void attend_second(Isa isa, const AttentionShape<T>& shape, std::int64_t head, std::int64_t first, std::int64_t last,
                   const AttentionSecond<T>& x, T* to_k, std::int64_t ld_k, T* to_v, std::int64_t ld_v) {
  AGON_DISPATCH_ON(isa, attend_second_queries(shape, head, first, last, x, to_k, ld_k, to_v, ld_v));
}

/// How many pieces of a head's queries or keys give enough jobs, each with at least 64 rows and some work.
inline std::int64_t pieces_of_head(std::int64_t heads, std::int64_t length, std::int64_t work) {
  constexpr std::int64_t min_jobs = 16, job_work = 1 << 18;
  if (heads >= min_jobs) return 1;
  return larger(1, smaller(ceil_div(min_jobs, heads), smaller(length / 64, work / job_work)));
}

/// Where the jobs of one piece of the queries or keys put their share of a gradient [batch * length rows of `width`
/// elements]: the first piece into the result, whose rows are ld apart, the others into memory of their own.
template <class T>
class Shares {
 public:
  Shares(const AttentionShape<T>& shape, std::int64_t length, std::int64_t size, std::int64_t pieces, T* to,
         std::int64_t ld)
      : heads_(shape.heads),
        length_(length),
        size_(size),
        rows_(shape.batch * length),
        pieces_(pieces),
        to_(to),
        ld_(ld),
        others_((pieces - 1) * rows_ * heads_ * size) {}

  std::int64_t ld(std::int64_t piece) const { return piece == 0 ? ld_ : heads_ * size_; }
  /// The first row of a head; heads are numbered through all sequences.
  T* at(std::int64_t piece, std::int64_t head) const {
    T* const begin = piece == 0 ? to_ : others_.data() + (piece - 1) * rows_ * heads_ * size_;
    return begin + head / heads_ * length_ * ld(piece) + head % heads_ * size_;
  }
  /// Adds the other shares to the result, in the order of the pieces.
  void add(Isa isa) const {
    constexpr std::int64_t grain = 1 << 14;
    const std::int64_t width = heads_ * size_;
    if (pieces_ == 1) return;
    parallel_for(rows_, grain / (width + 1), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r)
        add_parts(isa, width, pieces_ - 1, rows_ * width, others_.data() + r * width, to_ + r * ld_);
    });
  }

 private:
  std::int64_t heads_, length_, size_, rows_, pieces_;
  T* to_;
  std::int64_t ld_;
  Workspace<T> others_;
};

template <class T>
void zero_rows(std::int64_t rows, std::int64_t width, T* to, std::int64_t ld) {
  for (std::int64_t r = 0; r < rows; ++r) std::fill_n(to + r * ld, width, T(0));
}

}  // namespace attention_driver

template <Real T>
void attention(const AttentionShape<T>& shape, const T* q, const T* k, const T* v, T* o, T* lse) {
  using namespace attention_driver;
  constexpr std::int64_t most_rows = 448, job_work = 1 << 17;
  constexpr std::int64_t tile_rows = 14;  // of AVX-512, for every instruction set: jobs depend on the shape alone
  const std::int64_t heads = shape.batch * shape.heads;
  if (heads * shape.lq <= 0) return;
  if (shape.lk <= 0) {
    std::fill_n(o, heads * shape.lq * shape.dv, T(0));
    std::fill_n(lse, heads * shape.lq, T(0));
    return;
  }
  const Isa isa = active_isa();
  const std::int64_t work = shape.lq * shape.lk * (shape.dk + shape.dv);
  const std::int64_t for_jobs = pieces_of_head(heads, shape.lq, work), for_cache = ceil_div(shape.lq, most_rows);
  const std::int64_t pieces = larger(for_jobs, for_cache);
  const std::int64_t rows = round_up(ceil_div(shape.lq, pieces), for_cache >= for_jobs ? tile_rows : 1);
  const std::int64_t jobs = ceil_div(shape.lq, rows);
  parallel_for(heads * jobs, job_work / (work / pieces + 1), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t job = from; job < to; ++job) {
      const std::int64_t first = job % jobs * rows;
      attend(isa, shape, job / jobs, first, smaller(rows, shape.lq - first), q, k, v, o, lse);
    }
  });
}

template <Real T>
void attention_backward(const AttentionShape<T>& shape, const T* q, const T* k, const T* v, const T* o, const T* lse,
                        const T* g, T* dq, T* dk, T* dv) {
  using namespace attention_driver;
  constexpr std::int64_t job_work = 1 << 17;
  const std::int64_t heads = shape.batch * shape.heads;
  if (heads <= 0) return;
  if (shape.lq <= 0 || shape.lk <= 0) {
    zero_rows(shape.batch * shape.lq, shape.heads * shape.dk, dq, shape.ld_q);
    zero_rows(shape.batch * shape.lk, shape.heads * shape.dk, dk, shape.ld_k);
    zero_rows(shape.batch * shape.lk, shape.heads * shape.dv, dv, shape.ld_v);
    return;
  }
  const Isa isa = active_isa();
  const std::int64_t work = shape.lq * shape.lk * (3 * shape.dk + 2 * shape.dv);
  const std::int64_t keys = ceil_div(shape.lk, pieces_of_head(heads, shape.lk, work));
  const std::int64_t pieces = ceil_div(shape.lk, keys);
  const Shares<T> share(shape, shape.lq, shape.dk, pieces, dq, shape.ld_q);
  parallel_for(heads * pieces, job_work / (work / pieces + 1), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t job = from; job < to; ++job) {
      const std::int64_t head = job / pieces, piece = job % pieces, begin = piece * keys;
      attend_backward(isa, shape, head, begin, smaller(begin + keys, shape.lk), q, k, v, o, lse, g,
                      share.at(piece, head), share.ld(piece), dk, dv);
    }
  });
  share.add(isa);
}

template <Real T>
void attention_second(const AttentionShape<T>& shape, const AttentionSecond<T>& x) {
  using namespace attention_driver;
  constexpr std::int64_t job_work = 1 << 17;
  const std::int64_t heads = shape.batch * shape.heads;
  if (heads <= 0) return;
  if (shape.lq <= 0 || shape.lk <= 0) {
    zero_rows(shape.batch * shape.lq, shape.heads * shape.dk, x.dq, shape.ld_q);
    zero_rows(shape.batch * shape.lk, shape.heads * shape.dk, x.dk, shape.ld_k);
    zero_rows(shape.batch * shape.lk, shape.heads * shape.dv, x.dv, shape.ld_v);
    zero_rows(shape.batch * shape.lq, shape.heads * shape.dv, x.dg, shape.heads * shape.dv);
    return;
  }
  const Isa isa = active_isa();
  const std::int64_t work = shape.lq * shape.lk * (7 * shape.dk + 5 * shape.dv);
  const std::int64_t queries = ceil_div(shape.lq, pieces_of_head(heads, shape.lq, work));
  const std::int64_t pieces = ceil_div(shape.lq, queries);
  const Shares<T> share_k(shape, shape.lk, shape.dk, pieces, x.dk, shape.ld_k);
  const Shares<T> share_v(shape, shape.lk, shape.dv, pieces, x.dv, shape.ld_v);
  parallel_for(heads * pieces, job_work / (work / pieces + 1), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t job = from; job < to; ++job) {
      const std::int64_t head = job / pieces, piece = job % pieces, begin = piece * queries;
      attend_second(isa, shape, head, begin, smaller(begin + queries, shape.lq), x, share_k.at(piece, head),
                    share_k.ld(piece), share_v.at(piece, head), share_v.ld(piece));
    }
  });
  share_k.add(isa);
  share_v.add(isa);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
