#pragma once

// What the benchmarks of arithmetic share: the peak of this machine, measured next to every benchmark, and the counters
// GFLOP/s and of_peak.

#include <agon/core/parallel.hpp>
#include <agon/kernels/simd.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "floats.hpp"

#define AGON_KERNEL_BODY <peak-inl.hpp>
#include <agon/kernels/foreach_isa.hpp>

namespace agon::kernels {
inline namespace AGON_BUILD {

template <class T>
double multiply_adds(std::int64_t rounds, T* result) {
  AGON_DISPATCH(run_multiply_adds(rounds, result));
}

}  // namespace AGON_BUILD
}  // namespace agon::kernels

namespace bench {

/// Floating-point operations a second that `threads` threads reach with multiply-adds in registers, the best of five.
template <class T>
double peak(int threads) {
  using clock = std::chrono::steady_clock;
  constexpr std::int64_t rounds = 200'000;
  const agon::ThreadScope scope(threads);
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::vector<double> work(static_cast<std::size_t>(threads));
    const auto start = clock::now();
    agon::parallel_chunks(threads, [&](std::int64_t chunk) {
      T values[3] = {T(0.5), T(1), T(0)};
      work[static_cast<std::size_t>(chunk)] = agon::kernels::multiply_adds(rounds, values);
      benchmark::DoNotOptimize(values[2]);
    });
    const std::chrono::duration<double> time = clock::now() - start;
    double total = 0;
    for (double w : work) total += w;
    best = std::max(best, total / time.count());
  }
  return best;
}

inline Floats random_floats(std::int64_t n) {
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> distribution(-1, 1);
  Floats values(static_cast<std::size_t>(n));
  for (float& value : values) value = distribution(engine);
  return values;
}

/// Times `body`, which does `flops` floating-point operations, on `threads` threads. The counters come from the median
/// of its runs: the machine may be shared.
template <class Body>
void run(benchmark::State& state, int threads, double flops, const Body& body) {
  using clock = std::chrono::steady_clock;
  const double machine = peak<float>(threads);
  const agon::ThreadScope scope(threads);
  body();
  std::vector<double> seconds;
  for (auto _ : state) {
    const auto start = clock::now();
    body();
    benchmark::ClobberMemory();
    seconds.push_back(std::chrono::duration<double>(clock::now() - start).count());
  }
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  state.counters["GFLOP/s"] = flops * 1e-9 / *middle;
  state.counters["of_peak"] = flops / *middle / machine;
}

/// Registers `body(state, threads)` for one and for two threads.
template <class Body>
void add(const std::string& name, const Body& body) {
  for (int threads : {1, 2})
    benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(),
                                 [=](benchmark::State& state) { body(state, threads); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
}

inline int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("instruction_set", std::string(agon::name(agon::active_isa())));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace bench
