#pragma once

// What the kernel tests share: random operands, every instruction set this CPU has, every number of threads.

#include <agon/core/isa.hpp>
#include <agon/core/parallel.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "../catch.hpp"

namespace kernel_test {

template <class T>
std::vector<T> random_values(std::int64_t n, unsigned seed, double low = -1, double high = 1) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& value : values) value = static_cast<T>(distribution(engine));
  return values;
}

template <class T>
std::vector<T> zeros(std::int64_t n) {
  return std::vector<T>(static_cast<std::size_t>(n));
}

template <class T>
double tolerance(double ulps) {
  return ulps * static_cast<double>(std::numeric_limits<T>::epsilon());
}

/// max |a - b| / max(1, |b|); infinite where the sizes differ or an element is not a number.
template <class A, class B>
double difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    const double d = std::abs(x - y) / std::max(1.0, std::abs(y));
    if (!(d <= worst)) worst = std::isnan(d) ? INFINITY : d;
  }
  return worst;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Calls body() on every instruction set of this CPU and puts the one in use back.
template <class Body>
void for_each_isa(const Body& body) {
  const auto before = agon::active_isa();
  for (auto isa : {agon::Isa::generic, agon::Isa::avx2, agon::Isa::avx512}) {
    if (!agon::supported(isa)) continue;
    INFO("instruction set " << agon::name(isa));
    agon::use_isa(isa);
    body();
  }
  agon::use_isa(before);
}

/// The result of `kernel()`, a vector, checked to have the same bits with 1, 2 and 4 threads.
template <class Kernel>
auto with_any_threads(const Kernel& kernel) {
  const auto on = [&](int threads) {
    const agon::ThreadScope scope(threads);
    return kernel();
  };
  const auto one = on(1);
  CHECK(same_bits(one, on(2)));
  CHECK(same_bits(one, on(4)));
  return one;
}

}  // namespace kernel_test
