#include <agon/kernels/norm.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using agon::Activation;
using k::NormShape;
using namespace kernel_test;

namespace {

using Kind = Activation::Kind;

const NormShape cases[] = {{1, 1, 1},    {3, 17, 1},    {17, 3, 1},   {1000, 10, 1}, {600, 64, 1},
                           {600, 80, 3}, {64, 130, 64}, {777, 33, 7}, {16, 1030, 2}, {100, 3, 4}};

const Activation activations[] = {
    {Kind::none, 0}, {Kind::relu, 0}, {Kind::leaky_relu, 0.2}, {Kind::tanh, 0}, {Kind::sigmoid, 0}};

double activate(const Activation& a, double z) {
  switch (a.kind) {
    case Kind::none:
      return z;
    case Kind::relu:
      return z > 0 ? z : 0;
    case Kind::leaky_relu:
      return z > 0 ? z : a.slope * z;
    case Kind::tanh:
      return std::tanh(z);
    case Kind::sigmoid:
      return 1 / (1 + std::exp(-z));
  }
  return 0;
}

double derivative(const Activation& a, double z) {
  const double y = activate(a, z);
  switch (a.kind) {
    case Kind::none:
      return 1;
    case Kind::relu:
      return z > 0 ? 1 : 0;
    case Kind::leaky_relu:
      return z > 0 ? 1 : a.slope;
    case Kind::tanh:
      return 1 - y * y;
    case Kind::sigmoid:
      return y * (1 - y);
  }
  return 0;
}

/// The definition, in double: which of the `sets` of elements an element is normalised with.
struct Reference {
  NormShape shape;
  bool by_column;
  std::vector<double> x, gamma, beta, mean, rstd, xhat, z;

  template <class T>
  Reference(const NormShape& s, bool columns, double eps, const std::vector<T>& x_, const std::vector<T>& g_,
            const std::vector<T>& b_)
      : shape(s), by_column(columns), x(x_.begin(), x_.end()), gamma(g_.begin(), g_.end()), beta(b_.begin(), b_.end()) {
    const auto sets = static_cast<std::size_t>(columns ? s.cols : s.rows);
    const auto size = static_cast<double>(columns ? s.rows : s.cols);
    mean.resize(sets);
    rstd.resize(sets);
    for (std::size_t i = 0; i < x.size(); ++i) mean[set(i)] += x[i] / size;
    for (std::size_t i = 0; i < x.size(); ++i) rstd[set(i)] += (x[i] - mean[set(i)]) * (x[i] - mean[set(i)]) / size;
    for (double& r : rstd) r = 1 / std::sqrt(r + eps);
    for (std::size_t i = 0; i < x.size(); ++i) {
      xhat.push_back((x[i] - mean[set(i)]) * rstd[set(i)]);
      z.push_back(gamma[affine(i)] * xhat[i] + beta[affine(i)]);
    }
  }

  std::size_t set(std::size_t i) const {
    const auto cols = static_cast<std::size_t>(shape.cols);
    return by_column ? i % cols : i / cols;
  }
  std::size_t affine(std::size_t i) const {
    const auto cols = static_cast<std::size_t>(shape.cols), rows = static_cast<std::size_t>(shape.rows / shape.groups);
    return i / cols / rows * cols + i % cols;
  }

  std::vector<double> result(const Activation& a) const {
    std::vector<double> y;
    for (double v : z) y.push_back(activate(a, v));
    return y;
  }

  struct Gradients {
    std::vector<double> dx, dgamma, dbeta;
  };

  Gradients gradients(const Activation& a, const std::vector<double>& g) const {
    Gradients out{std::vector<double>(x.size()), std::vector<double>(gamma.size()), std::vector<double>(gamma.size())};
    std::vector<double> h, sum_h(mean.size()), sum_hx(mean.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      h.push_back(g[i] * derivative(a, z[i]));
      out.dbeta[affine(i)] += h[i];
      out.dgamma[affine(i)] += h[i] * xhat[i];
      sum_h[set(i)] += gamma[affine(i)] * h[i];
      sum_hx[set(i)] += gamma[affine(i)] * h[i] * xhat[i];
    }
    const auto size = static_cast<double>(x.size()) / static_cast<double>(mean.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      out.dx[i] = rstd[set(i)] * (gamma[affine(i)] * h[i] - sum_h[set(i)] / size - xhat[i] * sum_hx[set(i)] / size);
    return out;
  }
};

template <class T>
struct Results {
  std::vector<T> y, mean, rstd, dx, dgamma, dbeta;

  std::vector<T> all() const {
    std::vector<T> out;
    for (const auto* part : {&y, &mean, &rstd, &dx, &dgamma, &dbeta}) out.insert(out.end(), part->begin(), part->end());
    return out;
  }
};

template <class T>
void check_norm(const NormShape& shape, bool by_column) {
  const auto rows = shape.rows, cols = shape.cols, groups = shape.groups;
  const auto x = random_values<T>(rows * cols, 1, 1, 4), g = random_values<T>(rows * cols, 2);
  const auto gamma = random_values<T>(groups * cols, 3, 0.5, 1.5), beta = random_values<T>(groups * cols, 4);
  const T eps = T(1e-3);
  const Reference reference(shape, by_column, static_cast<double>(eps), x, gamma, beta);
  for (const auto& activation : activations) {
    // Where z is so close to the kink that rounding decides, the reference has no say: its gradient is left out.
    auto upstream = g;
    for (std::size_t i = 0; i < upstream.size(); ++i)
      if (std::abs(reference.z[i]) < 1e-4) upstream[i] = 0;
    const auto expected = reference.gradients(activation, {upstream.begin(), upstream.end()});
    const auto run = [&] {
      Results<T> r{x,        zeros<T>(by_column ? shape.cols : shape.rows), {},
                   upstream, zeros<T>(shape.groups * shape.cols),           {}};
      r.rstd = r.mean;
      r.dbeta = r.dgamma;
      // In place: y over x, dx over g.
      if (by_column)
        k::batch_norm(shape, eps, r.y.data(), gamma.data(), beta.data(), activation, r.y.data(), r.mean.data(),
                      r.rstd.data());
      else
        k::layer_norm(shape, eps, r.y.data(), gamma.data(), beta.data(), activation, r.y.data(), r.mean.data(),
                      r.rstd.data());
      (by_column ? k::batch_norm_backward<T>
                 : k::layer_norm_backward<T>)(shape, x.data(), gamma.data(), r.mean.data(), r.rstd.data(), r.y.data(),
                                              activation, r.dx.data(), r.dx.data(), r.dgamma.data(), r.dbeta.data());
      return r;
    };
    for_each_isa([&] {
      INFO(shape.rows << " x " << shape.cols << ", " << shape.groups << " groups, activation "
                      << static_cast<int>(activation.kind));
      with_any_threads([&] { return run().all(); });
      const auto r = run();
      const auto bound = tolerance<T>(100), sum_bound = tolerance<T>(100 * std::sqrt(static_cast<double>(shape.rows)));
      CHECK(difference(r.mean, reference.mean) < bound);
      CHECK(difference(r.rstd, reference.rstd) < bound);
      CHECK(difference(r.y, reference.result(activation)) < bound);
      CHECK(difference(r.dx, expected.dx) < bound);
      CHECK(difference(r.dgamma, expected.dgamma) < sum_bound);
      CHECK(difference(r.dbeta, expected.dbeta) < sum_bound);
    });
  }
}

}  // namespace

TEMPLATE_TEST_CASE("batch norm, forward and backward", "[norm]", float, double) {
  for (const auto& shape : cases) check_norm<TestType>(shape, true);
}

TEMPLATE_TEST_CASE("layer norm, forward and backward", "[norm]", float, double) {
  for (const auto& shape : cases) check_norm<TestType>(shape, false);
}

TEST_CASE("statistics survive a mean that is large beside the deviation", "[norm]") {
  const NormShape shape{5000, 19};
  auto x = random_values<float>(shape.rows * shape.cols, 5, -1, 1);
  for (float& v : x) v += 4096;
  const std::vector<float> gamma(19, 1.0f), beta(19, 0.0f);
  const Reference reference(shape, true, 1e-5, x, gamma, beta);
  for_each_isa([&] {
    auto y = zeros<float>(shape.rows * shape.cols), mean = zeros<float>(19), rstd = mean, var = mean;
    k::batch_norm(shape, 1e-5f, x.data(), gamma.data(), beta.data(), {}, y.data(), mean.data(), rstd.data(),
                  var.data());
    CHECK(difference(mean, reference.mean) < 1e-6);
    CHECK(difference(rstd, reference.rstd) < 1e-4);
    for (std::size_t c = 0; c < 19; ++c) CHECK(var[c] == Approx(1 / (rstd[c] * rstd[c]) - 1e-5f).epsilon(1e-5));
  });
}

TEST_CASE("a variance far below eps keeps its digits", "[norm]") {
  const NormShape shape{64, 3};
  auto x = random_values<float>(shape.rows * shape.cols, 6);
  for (float& v : x) v *= 1e-5f;
  const std::vector<float> gamma(3, 1.0f), beta(3, 0.0f);
  const Reference reference(shape, true, 0, x, gamma, beta);
  for_each_isa([&] {
    auto y = zeros<float>(shape.rows * shape.cols), mean = zeros<float>(3), rstd = mean, var = mean;
    k::batch_norm(shape, 1.0f, x.data(), gamma.data(), beta.data(), {}, y.data(), mean.data(), rstd.data(), var.data());
    for (std::size_t c = 0; c < 3; ++c)
      CHECK(static_cast<double>(var[c]) * reference.rstd[c] * reference.rstd[c] == Approx(1).epsilon(1e-5));
  });
}

TEMPLATE_TEST_CASE("the affine gradients of a layer norm without rows are zero", "[norm]", float, double) {
  for (std::int64_t groups : {0, 1, 3}) {
    const NormShape shape{0, 5, groups};
    const auto nothing = zeros<TestType>(1), gamma = zeros<TestType>(groups * 5);
    std::vector<TestType> dx(1, TestType(7)), dgamma(gamma.size(), TestType(7)), dbeta = dgamma;
    k::layer_norm_backward(shape, nothing.data(), gamma.data(), nothing.data(), nothing.data(), nothing.data(), {},
                           nothing.data(), dx.data(), dgamma.data(), dbeta.data());
    CHECK(dgamma == gamma);
    CHECK(dbeta == gamma);
    CHECK(dx[0] == 7);
  }
}
