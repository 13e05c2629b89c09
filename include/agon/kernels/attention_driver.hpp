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
                     const T* q, const T* k, const T* v, const T* o, const T* lse, const T* g, T* dq, T* dk, T* dv) {
  AGON_DISPATCH_ON(isa, attend_backward_keys(shape, head, begin, end, q, k, v, o, lse, g, dq, dk, dv));
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
    std::fill_n(dq, heads * shape.lq * shape.dk, T(0));
    std::fill_n(dk, heads * shape.lk * shape.dk, T(0));
    std::fill_n(dv, heads * shape.lk * shape.dv, T(0));
    return;
  }
  const Isa isa = active_isa();
  const std::int64_t work = shape.lq * shape.lk * (3 * shape.dk + 2 * shape.dv);
  // Each piece of the keys has its own share of dq; the shares are added in the order of the keys.
  const std::int64_t pieces = pieces_of_head(heads, shape.lk, work), keys = ceil_div(shape.lk, pieces);
  const std::int64_t jobs = larger(1, ceil_div(shape.lk, larger(1, keys))), size = heads * shape.lq * shape.dk;
  const Workspace<T> shares((jobs - 1) * size);
  parallel_for(heads * jobs, job_work / (work / pieces + 1), [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t job = from; job < to; ++job) {
      const std::int64_t piece = job % jobs, begin = piece * keys;
      T* const share = piece == 0 ? dq : shares.data() + (piece - 1) * size;
      attend_backward(isa, shape, job / jobs, begin, smaller(begin + keys, shape.lk), q, k, v, o, lse, g, share, dk,
                      dv);
    }
  });
  if (jobs > 1)
    parallel_for(size, grain, [&](std::int64_t first, std::int64_t last) {
      add_parts(isa, last - first, jobs - 1, size, shares.data() + first, dq + first);
    });
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
