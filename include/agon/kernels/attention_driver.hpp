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

/// How many pieces of a head's queries or keys give enough jobs, each with at least 64 rows and some work.
inline std::int64_t pieces_of_head(std::int64_t heads, std::int64_t length, std::int64_t work) {
  constexpr std::int64_t min_jobs = 16, job_work = 1 << 18;
  if (heads >= min_jobs) return 1;
  return larger(1, smaller(ceil_div(min_jobs, heads), smaller(length / 64, work / job_work)));
}

template <class T>
void zero_rows(std::int64_t rows, std::int64_t width, T* to, std::int64_t ld) {
  for (std::int64_t r = 0; r < rows; ++r) std::fill_n(to + r * ld, width, T(0));
}

}  // namespace attention_driver

template <Real T>
void attention(const AttentionShape<T>& shape, const T* q, const T* k, const T* v, T* o, T* lse) {
  using namespace attention_driver;
  constexpr std::int64_t most_rows = 224, job_work = 1 << 17;
  const std::int64_t heads = shape.batch * shape.heads;
  if (heads * shape.lq <= 0) return;
  if (shape.lk <= 0) {
    std::fill_n(o, heads * shape.lq * shape.dv, T(0));
    std::fill_n(lse, heads * shape.lq, T(0));
    return;
  }
  const Isa isa = active_isa();
  const std::int64_t work = shape.lq * shape.lk * (shape.dk + shape.dv);
  const std::int64_t pieces = larger(pieces_of_head(heads, shape.lq, work), ceil_div(shape.lq, most_rows));
  const std::int64_t rows = ceil_div(shape.lq, pieces);
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
  constexpr std::int64_t job_work = 1 << 17, grain = 1 << 14;
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
  // Each piece of the keys has its own share of dq; the shares are added in the order of the keys.
  const std::int64_t pieces = pieces_of_head(heads, shape.lk, work), keys = ceil_div(shape.lk, pieces);
  const std::int64_t jobs = ceil_div(shape.lk, keys), width = shape.heads * shape.dk, rows = shape.batch * shape.lq;
  const Workspace<T> shares((jobs - 1) * rows * width);
  parallel_for(heads * jobs, job_work / (work / pieces + 1), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t job = from; job < to; ++job) {
      const std::int64_t head = job / jobs, piece = job % jobs, begin = piece * keys;
      const std::int64_t ld = piece == 0 ? shape.ld_q : width;
      T* const share = (piece == 0 ? dq : shares.data() + (piece - 1) * rows * width) +
                       head / shape.heads * shape.lq * ld + head % shape.heads * shape.dk;
      attend_backward(isa, shape, head, begin, smaller(begin + keys, shape.lk), q, k, v, o, lse, g, share, ld, dk, dv);
    }
  });
  if (jobs > 1)
    parallel_for(rows, grain / (width + 1), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r)
        add_parts(isa, width, jobs - 1, rows * width, shares.data() + r * width, dq + r * shape.ld_q);
    });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
