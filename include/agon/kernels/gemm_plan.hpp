#pragma once

#include <agon/kernels/tile.hpp>
#include <agon/kernels/view.hpp>

#include <cstdint>

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// C [m, n] = op(A) op(B), the sum over k.
template <class T>
struct GemmProblem {
  MatView<const T> a;
  bool transpose_a;
  MatView<const T> b;
  bool transpose_b;
  std::int64_t m, n, k;
};

/// A job: rows [i, i + m) and columns [j, j + n) of C from the depths [k, k + k_size).
struct GemmBlock {
  std::int64_t i, m, j, n, k, k_size;
};

/// How a product is cut into jobs: m_jobs x n_jobs blocks of C, and where C is too small to give every thread one,
/// k_jobs ranges of k whose partial products are added in order. It follows from the problem and the register tile
/// alone, never from the number of threads.
struct GemmPlan {
  std::int64_t m_block, n_block, k_block;
  std::int64_t m_jobs, n_jobs, k_jobs;
  std::int64_t depth;  ///< how much of k goes through the tiles before C is touched

  std::int64_t jobs() const { return m_jobs * n_jobs * k_jobs; }
};

/// Size of equal pieces of at most `most`, each a multiple of `unit` but the last.
constexpr std::int64_t even_pieces(std::int64_t size, std::int64_t most, std::int64_t unit) {
  const std::int64_t count = larger(ceil_div(size, most), 1);
  return larger(round_up(ceil_div(size, count), unit), 1);
}

constexpr std::int64_t max_depth = 640;  ///< a panel of this depth stays in the second-level cache

/// How much goes through the tiles before C is touched, at most: low tiles touch it more often, and read two panels of
/// this depth from the second-level cache fast enough.
constexpr std::int64_t max_run(const TileSize& tile) { return low_tiles(tile.rows) ? 2 * max_depth : max_depth; }

/// Counts the jobs of a plan whose block sizes are chosen.
inline GemmPlan count_jobs(GemmPlan plan, std::int64_t m, std::int64_t n, std::int64_t k) {
  plan.m_jobs = ceil_div(m, plan.m_block);
  plan.n_jobs = ceil_div(n, plan.n_block);
  plan.k_jobs = larger(ceil_div(k, larger(plan.k_block, 1)), 1);
  return plan;
}

/// So few rows are mostly sums of rows of B, or inner products, and take as long as B takes to arrive: it is read in
/// pieces of so many columns.
constexpr std::int64_t most_summed_rows = 4, summed_columns = 1024;

/// So few rows are not cut, but columns, as long as there are enough of them.
constexpr std::int64_t few_rows = 140;

/// The plan for C [m, n], the sum over k. `transpose_a`: A is read by columns, of which a block reads few at a time.
inline GemmPlan plan_gemm(std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a, const TileSize& tile) {
  constexpr std::int64_t serial_work = 1 << 16;  // multiply-adds that are done before a second thread has started
  constexpr std::int64_t job_work = 1 << 18;
  constexpr std::int64_t min_jobs = 16, max_jobs = 64;  // enough to keep 16 threads evenly busy
  const std::int64_t work = m * n * k;
  GemmPlan plan{m, n, k, 1, 1, 1, 1};
  if (work > serial_work) {
    // Few rows are one block, and columns are shared out, unless those are few too: then k is.
    const bool sums = m <= most_summed_rows, deep = k >= 4 * max_depth && k >= 4 * smaller(m, n);
    const bool few = m <= few_rows && !(deep && n < min_jobs * (sums ? summed_columns : 2 * tile.cols));
    const std::int64_t widest = ceil_div(n, 12 * tile.cols);
    std::int64_t pieces = larger(widest, few ? smaller(min_jobs, work / job_work) : 1);
    if (sums) pieces = larger(few ? 2 : 1, smaller(min_jobs, ceil_div(n, summed_columns)));
    if (pieces > 1 && (few || widest >= min_jobs)) pieces = round_up(pieces, 2);  // shared out better
    const std::int64_t narrowest = (n < min_jobs / 2 * tile.cols ? 1 : 2) * tile.cols;
    plan.n_block = larger(round_up(ceil_div(n, pieces), tile.cols), narrowest);
    const std::int64_t columns = ceil_div(n, plan.n_block);
    const std::int64_t wanted = larger(ceil_div(m * columns, max_jobs), job_work / (plan.n_block * k));
    const bool whole = few ? columns > 1 : columns >= min_jobs && !transpose_a;
    // Columns that are copied are read in pieces of some cache lines.
    const std::int64_t lowest = (transpose_a && low_tiles(tile.rows) ? 8 : 4) * tile.rows;
    const std::int64_t most = larger(lowest, smaller(wanted, 224 / tile.rows * tile.rows));
    plan.m_block = even_pieces(m, whole ? m : most, tile.rows);
    const std::int64_t blocks = ceil_div(m, plan.m_block) * columns;
    if (blocks < min_jobs && deep && !few) {
      plan.m_block = m;
      // Shared out better if even in number, and not fewer jobs than the threads of a small machine.
      const std::int64_t ranges = ceil_div(k, larger(max_depth, k * columns / (max_jobs / 2)));
      plan.k_block = ceil_div(k, round_up(larger(ranges, min_jobs / 2 / columns), 2));
    }
  }
  plan = count_jobs(plan, m, n, k);
  plan.depth = even_pieces(plan.k_block, max_run(tile), 1);
  return plan;
}

/// Whether C^T = op(B)^T op(A)^T takes less time than C where k is split, so that partial products lie in memory of
/// their own anyhow: vectors of the right operand are filled better, or fewer of its elements have to be transposed. A
/// column of a panel costs as much as any, one that is transposed as much as some more rows.
template <class T>
bool prefer_transposed(const GemmProblem<T>& p, const TileSize& tile) {
  constexpr std::int64_t transposing = 12;
  if (smaller(p.m, p.n) < tile.cols) return false;
  const auto cost = [&](std::int64_t m, std::int64_t n, bool transposed) {
    return (m + (transposed ? transposing : 0)) * round_up(n, tile.cols);
  };
  return 21 * cost(p.n, p.m, !p.transpose_a) < 20 * cost(p.m, p.n, p.transpose_b);
}

inline GemmBlock job_of(const GemmPlan& plan, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t job) {
  const std::int64_t i = job % plan.m_jobs * plan.m_block, j = job / plan.m_jobs % plan.n_jobs * plan.n_block;
  const std::int64_t from = job / (plan.m_jobs * plan.n_jobs) * plan.k_block;
  return {i, smaller(plan.m_block, m - i), j, smaller(plan.n_block, n - j), from, smaller(plan.k_block, k - from)};
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail
