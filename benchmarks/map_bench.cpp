// The kernels that pass over memory once or a few times, on the sizes of the SAGAN training step at batch 64.
// Threads: OMP_NUM_THREADS. Instruction set: AGON_ISA. Bytes are those the kernel has to read and write at least.

#include <benchmark/benchmark.h>
#include <agon/kernels/layout.hpp>
#include <agon/kernels/map.hpp>
#include <agon/kernels/norm.hpp>
#include <agon/kernels/optimizer.hpp>
#include <agon/kernels/random.hpp>
#include <agon/kernels/reduce.hpp>
#include <agon/kernels/softmax.hpp>

#include <cstdint>

#include "floats.hpp"

namespace k = agon::kernels;
using agon::Activation;
using k::Binary;
using k::Unary;

namespace {

using Values = bench::Floats;

Values normal_values(std::int64_t n, std::uint64_t stream) {
  Values x(static_cast<std::size_t>(n));
  k::normal<float>({1, stream}, 0, n, 0, 1, x.data());
  return x;
}

/// Runs `kernel` and reports the bytes of `floats` floats per call.
template <class Kernel>
void measure(benchmark::State& state, std::int64_t floats, const Kernel& kernel) {
  for (auto _ : state) {
    kernel();
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * floats * static_cast<std::int64_t>(sizeof(float)));
}

void unary(benchmark::State& state, Unary op, std::int64_t n) {
  const auto x = normal_values(n, 1);
  Values y(x.size());
  measure(state, 2 * n, [&] { k::unary(op, n, x.data(), y.data(), 0.2f); });
}

void add(benchmark::State& state, const agon::Shape& a, const agon::Shape& b) {
  const auto x = normal_values(a.numel(), 1), other = normal_values(b.numel(), 2);
  Values y(x.size());
  const auto plan = k::plan_broadcast(a, b, a);
  measure(state, 2 * a.numel() + b.numel(), [&] { k::binary(Binary::add, plan, x.data(), other.data(), y.data()); });
}

void softmax(benchmark::State& state, std::int64_t rows, std::int64_t cols) {
  const auto x = normal_values(rows * cols, 1);
  Values y(x.size());
  measure(state, 2 * rows * cols, [&] { k::softmax(rows, cols, x.data(), y.data()); });
}

void sum_columns(benchmark::State& state, std::int64_t rows, std::int64_t cols) {
  const auto x = normal_values(rows * cols, 1);
  Values y(static_cast<std::size_t>(cols));
  measure(state, rows * cols, [&] { k::sum(1, rows, cols, x.data(), y.data()); });
}

void transpose(benchmark::State& state, std::int64_t n, std::int64_t rows, std::int64_t cols) {
  const auto x = normal_values(n * rows * cols, 1);
  Values y(x.size());
  const agon::Shape sizes{n, cols, rows};
  measure(state, 2 * n * rows * cols, [&] {
    k::copy(sizes, x.data(), {rows * cols, 1, cols}, y.data(), agon::strides_of(sizes));
  });
}

struct Norm {
  k::NormShape shape;
  Values x, g, gamma, beta, y, dx, mean, rstd, dgamma, dbeta;

  explicit Norm(const k::NormShape& s)
      : shape(s),
        x(normal_values(s.rows * s.cols, 1)),
        g(normal_values(s.rows * s.cols, 2)),
        gamma(static_cast<std::size_t>(s.groups * s.cols), 1.0f),
        beta(gamma.size()),
        y(x.size()),
        dx(x.size()),
        mean(static_cast<std::size_t>(s.rows)),
        rstd(mean.size()),
        dgamma(gamma.size()),
        dbeta(gamma.size()) {}
};

constexpr Activation relu{Activation::Kind::relu, 0};

void batch_norm(benchmark::State& state, const k::NormShape& shape) {
  Norm n(shape);
  measure(state, 2 * shape.rows * shape.cols, [&] {
    k::batch_norm(shape, 1e-5f, n.x.data(), n.gamma.data(), n.beta.data(), relu, n.y.data(), n.mean.data(),
                  n.rstd.data());
  });
}

void batch_norm_backward(benchmark::State& state, const k::NormShape& shape) {
  Norm n(shape);
  k::batch_norm(shape, 1e-5f, n.x.data(), n.gamma.data(), n.beta.data(), relu, n.y.data(), n.mean.data(),
                n.rstd.data());
  measure(state, 4 * shape.rows * shape.cols, [&] {
    k::batch_norm_backward(shape, n.x.data(), n.gamma.data(), n.mean.data(), n.rstd.data(), n.y.data(), relu,
                           n.g.data(), n.dx.data(), n.dgamma.data(), n.dbeta.data());
  });
}

void layer_norm(benchmark::State& state, const k::NormShape& shape) {
  Norm n(shape);
  measure(state, 2 * shape.rows * shape.cols, [&] {
    k::layer_norm(shape, 1e-5f, n.x.data(), n.gamma.data(), n.beta.data(), {}, n.y.data(), n.mean.data(),
                  n.rstd.data());
  });
}

void adam(benchmark::State& state, std::int64_t n) {
  auto p = normal_values(n, 1), m = normal_values(n, 3), v = normal_values(n, 4);
  const auto g = normal_values(n, 2);
  k::unary(Unary::square, n, v.data(), v.data());
  measure(state, 7 * n, [&] {
    k::adam({.lr = 1e-4, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8}, n, p.data(), g.data(), m.data(), v.data());
  });
}

void normal(benchmark::State& state, std::int64_t n) {
  Values x(static_cast<std::size_t>(n));
  measure(state, n, [&] { k::normal<float>({1, 2}, 0, n, 0, 1, x.data()); });
}

void dropout(benchmark::State& state, std::int64_t n) {
  const auto x = normal_values(n, 1);
  Values y(x.size());
  measure(state, 2 * n, [&] { k::dropout({1, 2}, 0, n, 0.5, x.data(), y.data()); });
}

constexpr std::int64_t layer = 64 * 14 * 14 * 64, large = 64 * 56 * 56 * 64;

BENCHMARK_CAPTURE(unary, tanh_800K, Unary::tanh, layer)->UseRealTime();
BENCHMARK_CAPTURE(unary, exp_800K, Unary::exp, layer)->UseRealTime();
BENCHMARK_CAPTURE(unary, log_800K, Unary::log, layer)->UseRealTime();
BENCHMARK_CAPTURE(unary, softplus_800K, Unary::softplus, layer)->UseRealTime();
BENCHMARK_CAPTURE(unary, leaky_relu_800K, Unary::leaky_relu, layer)->UseRealTime();
BENCHMARK_CAPTURE(unary, leaky_relu_12800K, Unary::leaky_relu, large)->UseRealTime();
BENCHMARK_CAPTURE(add, same_800K, {12544, 64}, {12544, 64})->UseRealTime();
BENCHMARK_CAPTURE(add, row_12544x64, {12544, 64}, {64})->UseRealTime();
BENCHMARK_CAPTURE(add, column_12544x64, {12544, 64}, {12544, 1})->UseRealTime();
BENCHMARK_CAPTURE(softmax, attention_12544x196, 12544, 196)->UseRealTime();
BENCHMARK_CAPTURE(softmax, classes_64x10, 64, 10)->UseRealTime();
BENCHMARK_CAPTURE(sum_columns, bias_12544x64, 12544, 64)->UseRealTime();
BENCHMARK_CAPTURE(sum_columns, bias_50176x3, 50176, 3)->UseRealTime();
BENCHMARK_CAPTURE(transpose, nhwc_64x196x64, 64, 196, 64)->UseRealTime();
BENCHMARK_CAPTURE(batch_norm, relu_64x14x14x64, {12544, 64})->UseRealTime();
BENCHMARK_CAPTURE(batch_norm, conditional_64x14x14x64, {12544, 64, 64})->UseRealTime();
BENCHMARK_CAPTURE(batch_norm_backward, relu_64x14x14x64, {12544, 64})->UseRealTime();
BENCHMARK_CAPTURE(batch_norm_backward, conditional_64x14x14x64, {12544, 64, 64})->UseRealTime();
BENCHMARK_CAPTURE(layer_norm, 12544x64, {12544, 64})->UseRealTime();
BENCHMARK_CAPTURE(adam, 2000K, 2000000)->UseRealTime();
BENCHMARK_CAPTURE(normal, z_64x128, 64 * 128)->UseRealTime();
BENCHMARK_CAPTURE(dropout, 800K, layer)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
