#pragma once

#include <agon/core/element.hpp>
#include <agon/core/parallel.hpp>
#include <agon/kernels/activation.hpp>
#include <agon/kernels/simd_loop.hpp>
#include <agon/kernels/simd_math.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#define AGON_KERNEL_BODY <agon/kernels/norm-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels {

/// Sizes of a normalisation over x [rows, cols], cols the feature axis. The affine map has `groups` rows of gamma and
/// beta [groups, cols]; row r of x uses group r / (rows / groups): 1 for plain norms, the batch size for conditional
/// ones. `groups` divides `rows`.
struct NormShape {
  std::int64_t rows, cols, groups = 1;
};

}  // namespace agon::kernels

namespace agon::kernels::detail {
inline namespace AGON_BUILD {

/// The rows of a normalisation in blocks that fit the level 2 cache and do not cross a group.
struct NormBlocks {
  std::int64_t rows, cols, groups, group_rows, block_rows, per_group;

  explicit NormBlocks(const NormShape& shape)
      : rows(shape.rows),
        cols(shape.cols),
        groups(shape.groups),
        group_rows(shape.groups > 0 ? shape.rows / shape.groups : 0),
        block_rows(std::clamp<std::int64_t>(16384 / std::max<std::int64_t>(shape.cols, 1), 32, 256)),
        per_group((group_rows + block_rows - 1) / block_rows) {}

  std::int64_t count() const { return groups * per_group; }
  std::int64_t group(std::int64_t block) const { return block / per_group; }
  std::int64_t first(std::int64_t block) const { return group(block) * group_rows + block % per_group * block_rows; }
  std::int64_t size(std::int64_t block) const {
    return std::min(block_rows, group_rows - block % per_group * block_rows);
  }

  /// body(block, group, first row, rows) for every block, several at a time.
  template <class Body>
  void for_each(const Body& body) const {
    const auto work = std::max<std::int64_t>(std::min(block_rows, group_rows) * cols, 1);
    parallel_for(count(), 8192 / work, [&](std::int64_t begin, std::int64_t end) {
      for (auto block = begin; block < end; ++block) body(block, group(block), first(block), size(block));
    });
  }
};

/// body(first, last) over columns, for work of `rows` per column.
template <class Body>
void for_column_ranges(std::int64_t cols, std::int64_t rows, const Body& body) {
  parallel_for(cols, std::max<std::int64_t>(16384 / std::max<std::int64_t>(rows, 1), 16), body);
}

/// out[group, c] = sum over the group's blocks of partial[block, c], in double and in order; 0 for groups without rows.
template <Real T>
void sum_blocks(const NormBlocks& blocks, const T* partial, T* out) {
  for_column_ranges(blocks.cols, blocks.count(), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t group = 0; group < blocks.groups; ++group)
      for (auto c = first; c < last; ++c) {
        double total = 0;
        for (std::int64_t i = 0; i < blocks.per_group; ++i)
          total += static_cast<double>(partial[(group * blocks.per_group + i) * blocks.cols + c]);
        out[group * blocks.cols + c] = static_cast<T>(total);
      }
  });
}

/// Mean, 1 / sqrt(variance + eps) and, unless `var` is null, variance of every column from the blocks' own means and
/// squared differences (Chan, Golub and LeVeque 1983): as exact as two passes over all rows, at the price of one.
template <Real T>
void combine_moments(const NormBlocks& blocks, T eps, const T* means, const T* squares, T* mean, T* rstd, T* var) {
  for_column_ranges(blocks.cols, blocks.count(), [&](std::int64_t first, std::int64_t last) {
    const auto n = static_cast<double>(blocks.rows);
    for (auto c = first; c < last; ++c) {
      double total = 0, spread = 0;
      for (std::int64_t i = 0; i < blocks.count(); ++i)
        total += static_cast<double>(blocks.size(i)) * static_cast<double>(means[i * blocks.cols + c]);
      for (std::int64_t i = 0; i < blocks.count(); ++i) {
        const double off = static_cast<double>(means[i * blocks.cols + c]) - total / n;
        spread += static_cast<double>(squares[i * blocks.cols + c]) + static_cast<double>(blocks.size(i)) * off * off;
      }
      mean[c] = static_cast<T>(total / n);
      rstd[c] = static_cast<T>(1 / std::sqrt(spread / n + static_cast<double>(eps)));
      if (var) var[c] = static_cast<T>(spread / n);
    }
  });
}

template <Real T>
std::vector<T> norm_buffer(std::int64_t rows, std::int64_t cols) {
  return std::vector<T>(static_cast<std::size_t>(rows * cols));
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels::detail

namespace agon::kernels {
inline namespace AGON_BUILD {

/// Statistics per column over all rows: mean[c], rstd[c] = 1 / sqrt(var + eps) and, unless null, the biased var[c].
/// y = activation(gamma (x - mean) rstd + beta). y may be x.
template <Real T>
void batch_norm(const NormShape& shape, T eps, const T* x, const T* gamma, const T* beta, const Activation& activation,
                T* y, T* mean, T* rstd, T* var = nullptr) {
  const auto cols = shape.cols;
  // Statistics are over all rows, whatever the groups of the affine map.
  const detail::NormBlocks all({shape.rows, cols, 1}), blocks(shape);
  auto means = detail::norm_buffer<T>(all.count(), cols), squares = detail::norm_buffer<T>(all.count(), cols);
  all.for_each([&](std::int64_t block, std::int64_t, std::int64_t first, std::int64_t rows) {
    AGON_DISPATCH(
        column_moments(rows, cols, x + first * cols, means.data() + block * cols, squares.data() + block * cols));
  });
  detail::combine_moments(all, eps, means.data(), squares.data(), mean, rstd, var);
  blocks.for_each([&](std::int64_t, std::int64_t group, std::int64_t first, std::int64_t rows) {
    AGON_DISPATCH(batch_norm_rows(activation, rows, cols, x + first * cols, gamma + group * cols, beta + group * cols,
                                  mean, rstd, y + first * cols));
  });
}

/// dx [rows, cols], dgamma and dbeta [groups, cols] for the upstream gradient g of y. y is the forward's result (the
/// activation's derivative follows from it). dx may be g.
template <Real T>
void batch_norm_backward(const NormShape& shape, const T* x, const T* gamma, const T* mean, const T* rstd, const T* y,
                         const Activation& activation, const T* g, T* dx, T* dgamma, T* dbeta) {
  const auto cols = shape.cols;
  const detail::NormBlocks blocks(shape);
  auto sums_x = detail::norm_buffer<T>(blocks.count(), cols), sums = detail::norm_buffer<T>(blocks.count(), cols);
  blocks.for_each([&](std::int64_t block, std::int64_t, std::int64_t first, std::int64_t rows) {
    const auto at = first * cols;
    AGON_DISPATCH(batch_norm_sums(activation, rows, cols, x + at, mean, rstd, y + at, g + at,
                                  sums_x.data() + block * cols, sums.data() + block * cols));
  });
  detail::sum_blocks(blocks, sums_x.data(), dgamma);
  detail::sum_blocks(blocks, sums.data(), dbeta);
  auto mean_hx = detail::norm_buffer<T>(1, cols), mean_h = detail::norm_buffer<T>(1, cols);
  for (std::int64_t c = 0; c < cols; ++c) {
    double total_hx = 0, total_h = 0;
    for (auto i = c; i < shape.groups * cols; i += cols) {
      total_hx += static_cast<double>(gamma[i]) * static_cast<double>(dgamma[i]);
      total_h += static_cast<double>(gamma[i]) * static_cast<double>(dbeta[i]);
    }
    mean_hx[static_cast<std::size_t>(c)] = static_cast<T>(total_hx / static_cast<double>(shape.rows));
    mean_h[static_cast<std::size_t>(c)] = static_cast<T>(total_h / static_cast<double>(shape.rows));
  }
  blocks.for_each([&](std::int64_t, std::int64_t group, std::int64_t first, std::int64_t rows) {
    const auto at = first * cols;
    AGON_DISPATCH(batch_norm_grad_rows(activation, rows, cols, x + at, gamma + group * cols, mean, rstd, y + at, g + at,
                                       mean_h.data(), mean_hx.data(), dx + at));
  });
}

/// Statistics per row over the cols: mean[r], rstd[r]; y = activation(gamma (x - mean) rstd + beta) with gamma and beta
/// [groups, cols] as above. y may be x.
template <Real T>
void layer_norm(const NormShape& shape, T eps, const T* x, const T* gamma, const T* beta, const Activation& activation,
                T* y, T* mean, T* rstd) {
  const auto cols = shape.cols;
  detail::NormBlocks(shape).for_each([&](std::int64_t, std::int64_t group, std::int64_t first, std::int64_t rows) {
    AGON_DISPATCH(layer_norm_rows(activation, rows, cols, eps, x + first * cols, gamma + group * cols,
                                  beta + group * cols, y + first * cols, mean + first, rstd + first));
  });
}

/// Gradients of layer_norm; the arguments are those of batch_norm_backward with statistics per row. dx may be g.
template <Real T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gamma, const T* mean, const T* rstd, const T* y,
                         const Activation& activation, const T* g, T* dx, T* dgamma, T* dbeta) {
  const auto cols = shape.cols;
  const detail::NormBlocks blocks(shape);
  auto sums_x = detail::norm_buffer<T>(blocks.count(), cols), sums = detail::norm_buffer<T>(blocks.count(), cols);
  blocks.for_each([&](std::int64_t block, std::int64_t group, std::int64_t first, std::int64_t rows) {
    const auto at = first * cols;
    AGON_DISPATCH(layer_norm_grad_rows(activation, rows, cols, x + at, gamma + group * cols, mean + first, rstd + first,
                                       y + at, g + at, dx + at, sums_x.data() + block * cols,
                                       sums.data() + block * cols));
  });
  detail::sum_blocks(blocks, sums_x.data(), dgamma);
  detail::sum_blocks(blocks, sums.data(), dbeta);
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels
