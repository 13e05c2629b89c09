#include <agon/nn/init.hpp>
#include <agon/ops/matmul.hpp>
#include <agon/ops/reduce.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cmath>

using namespace agon;

TEST_CASE("random starts have the bounds and variances of their formulas", "[nn][init]") {
  const Shape shape{60, 80};
  const std::int64_t in = 80, out = 60;
  const auto sample = [&](Init init) {
    Rng rng(1);
    return initialized<double>(shape, init, in, out, rng);
  };
  const auto variance = [](const Tensor<double>& t) { return var(t).item(); };
  const auto largest = [](const Tensor<double>& t) {
    return std::abs(*std::max_element(t.data().begin(), t.data().end(),
                                      [](double a, double b) { return std::abs(a) < std::abs(b); }));
  };
  // The variance of 4800 samples is within 8% of its expectation (four deviations) for a normal distribution.
  const double xavier = 2.0 / (in + out), he = 2.0 / in;
  CHECK(variance(sample(Init::xavier_uniform)) == Approx(xavier).epsilon(0.08));
  CHECK(variance(sample(Init::xavier_normal)) == Approx(xavier).epsilon(0.08));
  CHECK(variance(sample(Init::he_uniform)) == Approx(he).epsilon(0.08));
  CHECK(variance(sample(Init::he_normal)) == Approx(he).epsilon(0.08));
  CHECK(variance(sample(Init::normal002)) == Approx(0.02 * 0.02).epsilon(0.08));
  CHECK(largest(sample(Init::xavier_uniform)) <= std::sqrt(3 * xavier));
  CHECK(largest(sample(Init::he_uniform)) <= std::sqrt(3 * he));
  CHECK(largest(sample(Init::zeros)) == 0);
  CHECK(sample(Init::ones).to_vector() == std::vector<double>(4800, 1.0));
}

TEST_CASE("orthogonal starts have orthonormal rows or columns", "[nn][init]") {
  for (const auto& [rows, cols] : {std::pair{4, 9}, {9, 4}, {6, 6}, {1, 5}}) {
    CAPTURE(rows, cols);
    Rng rng(2);
    const auto w = initialized<double>({rows, 1, 1, cols}, Init::orthogonal, cols, rows, rng);
    const auto m = reshape(w, {rows, cols});
    const auto gram = rows <= cols ? matmul(m, m, {.transpose_b = true}) : matmul(m, m, {.transpose_a = true});
    const auto error = sum(square(gram - eye<double>(std::min(rows, cols)))).item();
    CHECK(error < 1e-24);
  }
}

TEST_CASE("the same stream gives the same start", "[nn][init]") {
  for (const auto init : {Init::xavier_uniform, Init::he_normal, Init::orthogonal}) {
    Rng a(3, "weights"), b(3, "weights"), c(4, "weights");
    const auto draw = [&](Rng& rng) { return initialized<float>({5, 7}, init, 7, 5, rng).to_vector(); };
    const auto first = draw(a);
    CHECK(first == draw(b));
    CHECK(first != draw(c));
    CHECK(first != draw(a));
  }
}
