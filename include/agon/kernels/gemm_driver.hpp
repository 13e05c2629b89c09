#pragma once

#include <agon/kernels/gemm.hpp>

#include <algorithm>
#include <cstdint>

namespace agon::kernels {
inline namespace AGON_BUILD {
namespace gemm_driver {

template <class T>
detail::TileSize tile_size(Isa isa) {
  AGON_DISPATCH_ON(isa, tile_size<T>());
}

template <class T>
bool prefer_dots(Isa isa, const detail::GemmProblem<T>& p) {
  AGON_DISPATCH_ON(isa, prefer_dots(p));
}

template <class T>
void gemm_pack_panels(Isa isa, const detail::GemmProblem<T>& p, std::int64_t j, std::int64_t cols, T* to) {
  AGON_DISPATCH_ON(isa, gemm_pack_panels(p, j, cols, 0, p.k, to));
}

template <class T>
void gemm_block(Isa isa, const detail::GemmProblem<T>& p, const T* packed_b, const detail::GemmPlan& plan,
                const detail::GemmBlock& block, T* c, std::int64_t ldc, const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, gemm_block(p, packed_b, plan, block, c, ldc, epilogue));
}

template <class T>
void gemm_reduce(Isa isa, std::int64_t i, std::int64_t rows, std::int64_t m, std::int64_t n, std::int64_t parts,
                 const T* part, MatView<T> c, const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, gemm_reduce(i, rows, m, n, parts, part, c, epilogue));
}

template <class T>
void gemm_reduce_transposed(Isa isa, std::int64_t i, std::int64_t rows, std::int64_t m, std::int64_t n,
                            std::int64_t parts, const T* part, MatView<T> c, const Epilogue<T>& epilogue) {
  AGON_DISPATCH_ON(isa, gemm_reduce_transposed(i, rows, m, n, parts, part, c, epilogue));
}

/// The instruction set for a product of n columns: half as wide vectors where AVX-512 would leave half of each empty,
/// as columns of A cannot be multiplied in pairs.
template <class T>
Isa isa_for_columns(std::int64_t n, bool transpose_a) {
  const Isa isa = active_isa();
  return isa == Isa::avx512 && transpose_a && n * static_cast<std::int64_t>(sizeof(T)) <= 32 ? Isa::avx2 : isa;
}

template <class T>
bool prefer_pairs(Isa isa, const detail::GemmProblem<T>& p) {
  AGON_DISPATCH_ON(isa, prefer_pairs(p));
}

/// Puts an addend where the elements [i, i + m) x [j, j + n) of C will be: returns what makes the product be added.
template <class T>
Epilogue<T> put_addend(Epilogue<T> epilogue, std::int64_t i, std::int64_t m, std::int64_t j, std::int64_t n,
                       MatView<T> c) {
  if (!epilogue.addend) return epilogue;
  const bool whole = n == c.ld;
  for (std::int64_t r = 0; r < (whole ? 1 : m); ++r) {
    const std::int64_t begin = (i + r) * c.ld + j;
    std::copy_n(epilogue.addend + begin, whole ? m * n : n, c.data + begin);
  }
  epilogue.accumulate = true;
  return epilogue;
}

/// C [m, n] from the jobs of `plan`: runs job(block, c, ldc, epilogue) for each and adds up what ranges of k give.
template <class T, class Job>
void run_jobs(Isa isa, const detail::GemmPlan& plan, std::int64_t m, std::int64_t n, std::int64_t k, MatView<T> c,
              const Epilogue<T>& epilogue, const Job& job) {
  const bool split_k = plan.k_jobs > 1;
  const Workspace<T> parts(split_k ? plan.k_jobs * m * n : 0);
  parallel_chunks(plan.jobs(), [&](std::int64_t index) {
    const auto block = detail::job_of(plan, m, n, k, index);
    if (split_k)
      job(block, parts.data() + block.k / plan.k_block * m * n, n, Epilogue<T>{});
    else
      job(block, c.data, c.ld, put_addend(epilogue, block.i, block.m, block.j, block.n, c));
  });
  if (split_k)
    parallel_for(m, detail::larger(1, (1 << 15) / (plan.k_jobs * n)), [&](std::int64_t first, std::int64_t last) {
      gemm_reduce(isa, first, last - first, m, n, plan.k_jobs, parts.data(), c,
                  put_addend(epilogue, first, last - first, 0, n, c));
    });
}

/// All panels of op(B), packed by all threads.
template <class T>
void pack_panels(Isa isa, const detail::GemmProblem<T>& p, T* to) {
  const auto tile = tile_size<T>(isa);
  const std::int64_t grain = (1 << 14) / (p.k * tile.cols + 1);
  parallel_for(detail::ceil_div(p.n, tile.cols), grain, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t j = first * tile.cols;
    gemm_pack_panels(isa, p, j, detail::smaller(last * tile.cols, p.n) - j, to + j * p.k);
  });
}

/// One product whose k is split, by way of its transpose.
template <class T>
void gemm_by_transpose(Isa isa, const detail::GemmProblem<T>& p, MatView<T> c, const Epilogue<T>& epilogue) {
  const detail::GemmProblem<T> turned{p.b, !p.transpose_b, p.a, !p.transpose_a, p.n, p.m, p.k};
  const auto plan = detail::plan_gemm(p.n, p.m, p.k, turned.transpose_a, tile_size<T>(isa));
  const Workspace<T> parts(plan.k_jobs * p.m * p.n);
  parallel_chunks(plan.jobs(), [&](std::int64_t index) {
    const auto block = detail::job_of(plan, p.n, p.m, p.k, index);
    T* const part = parts.data() + block.k / plan.k_block * p.m * p.n;
    gemm_block(isa, turned, static_cast<const T*>(nullptr), plan, block, part, p.m, Epilogue<T>{});
  });
  const std::int64_t grain = detail::larger(16, (1 << 15) / (plan.k_jobs * p.n));
  parallel_for(p.m, detail::round_up(grain, 16), [&](std::int64_t first, std::int64_t last) {
    gemm_reduce_transposed(isa, first, last - first, p.m, p.n, plan.k_jobs, parts.data(), c,
                           put_addend(epilogue, first, last - first, 0, p.n, c));
  });
}

/// One product, its jobs spread over the threads.
template <class T>
void gemm_parallel(Isa isa, const detail::GemmProblem<T>& p, MatView<T> c, const Epilogue<T>& epilogue) {
  const auto tile = tile_size<T>(isa);
  const auto plan = detail::plan_gemm(p.m, p.n, p.k, p.transpose_a, tile);
  if (plan.k_jobs > 1 && detail::prefer_transposed(p, tile)) return gemm_by_transpose(isa, p, c, epilogue);
  const bool pack = plan.m_jobs > 1 && !prefer_dots(isa, p) && !prefer_pairs(isa, p);
  const Workspace<T> packed(pack ? detail::round_up(p.n, tile.lanes) * p.k : 0);
  if (pack) pack_panels(isa, p, packed.data());
  run_jobs(isa, plan, p.m, p.n, p.k, c, epilogue, [&](const auto& block, T* to, std::int64_t ld, const auto& finish) {
    gemm_block(isa, p, pack ? packed.data() : nullptr, plan, block, to, ld, finish);
  });
}

}  // namespace gemm_driver

template <Real T>
void gemm_batched(std::int64_t batch, MatView<const T> a, std::int64_t stride_a, bool transpose_a, MatView<const T> b,
                  std::int64_t stride_b, bool transpose_b, MatView<T> c, std::int64_t stride_c,
                  const Epilogue<T>& epilogue) {
  const std::int64_t m = c.rows, n = c.cols, k = transpose_a ? a.rows : a.cols;
  if (batch <= 0 || m <= 0 || n <= 0) return;
  const Isa isa = gemm_driver::isa_for_columns<T>(n, transpose_a);
  // Where k is 0 nothing is read, but rows of a null pointer may not even be pointed to.
  const auto operand = [&](const MatView<const T>& of, std::int64_t offset) {
    return k > 0 ? MatView<const T>{of.data + offset, of.rows, of.cols, of.ld} : MatView<const T>{c.data, 0, 0, 0};
  };
  const auto product = [&](std::int64_t i) {
    return detail::GemmProblem<T>{
        operand(a, i * stride_a), transpose_a, operand(b, i * stride_b), transpose_b, m, n, k};
  };
  const auto target = [&](std::int64_t i) { return MatView<T>{c.data + i * stride_c, m, n, c.ld}; };
  const auto finish = [&](std::int64_t i) {
    auto of_product = epilogue;
    if (epilogue.addend) of_product.addend += i * stride_c;
    return of_product;
  };

  constexpr std::int64_t large_product = 1 << 22, grain_work = 1 << 17;
  if (batch == 1 || (batch < 16 && m * n * k >= large_product)) {
    for (std::int64_t i = 0; i < batch; ++i) gemm_driver::gemm_parallel(isa, product(i), target(i), finish(i));
    return;
  }
  detail::GemmPlan whole = detail::plan_gemm(1, 1, k, transpose_a, gemm_driver::tile_size<T>(isa));
  parallel_for(batch, grain_work / (m * n * k + 1), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      gemm_driver::gemm_block(isa, product(i), static_cast<const T*>(nullptr), whole, {0, m, 0, n, 0, k},
                              target(i).data, c.ld, gemm_driver::put_addend(finish(i), 0, m, 0, n, target(i)));
  });
}

template <Real T>
void gemm(MatView<const T> a, bool transpose_a, MatView<const T> b, bool transpose_b, MatView<T> c,
          const Epilogue<T>& epilogue) {
  gemm_batched(1, a, 0, transpose_a, b, 0, transpose_b, c, 0, epilogue);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
