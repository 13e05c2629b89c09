#pragma once

#include <agon/autograd/engine.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace agon {

/// A function to be checked: pure, and smooth around the point of the check.
using CheckedFunction = std::function<std::vector<Tensor<double>>(const std::vector<Tensor<double>>&)>;

/// What gradcheck checks, and how closely.
struct GradcheckOptions {
  int order = 1;            ///< highest derivative that is checked
  double step = 1e-6;       ///< of the central differences, relative to 1; ten times larger from order 2 on
  double tolerance = 1e-6;  ///< |analytic - numeric| <= tolerance max(1, |analytic|, |numeric|)
  int directions = 3;       ///< random directions an order
  std::uint64_t seed = 0;
};

/// What gradcheck found: true, or the first disagreement in words.
struct GradcheckResult {
  bool ok = true;
  std::string message;
  explicit operator bool() const { return ok; }
};

namespace detail {

inline double dot(const std::vector<Tensor<double>>& a, const std::vector<Tensor<double>>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    for (std::size_t i = 0; i < a[k].data().size(); ++i) sum += a[k].data()[i] * b[k].data()[i];
  return sum;
}

inline std::vector<Tensor<double>> random_like(const std::vector<Tensor<double>>& like, Rng& rng) {
  std::vector<Tensor<double>> result;
  for (const auto& t : like) result.push_back(normal<double>(t.shape(), 0, 1, rng));
  return result;
}

inline std::vector<Tensor<double>> moved(const std::vector<Tensor<double>>& x, const std::vector<Tensor<double>>& by,
                                         double step) {
  std::vector<Tensor<double>> result;
  for (std::size_t k = 0; k < x.size(); ++k) {
    result.push_back(x[k].clone());
    auto data = result.back().mutable_data();
    for (std::size_t i = 0; i < data.size(); ++i) data[i] += step * by[k].data()[i];
  }
  return result;
}

/// f's gradient as a function of the inputs followed by the outputs' cotangents; unused inputs have gradient zero.
inline std::vector<Tensor<double>> gradient_of(const CheckedFunction& f, const std::vector<Tensor<double>>& x,
                                               const std::vector<Tensor<double>>& cotangents, bool create_graph) {
  const auto y = f(x);
  std::vector<Tensor<double>> outputs, seeds;
  for (std::size_t k = 0; k < y.size(); ++k)
    if (y[k].requires_grad()) {
      outputs.push_back(y[k]);
      seeds.push_back(cotangents[k]);
    }
  auto g = grad<double>(outputs, x, {.grad_outputs = seeds, .create_graph = create_graph, .allow_unused = true});
  for (std::size_t i = 0; i < g.size(); ++i)
    if (!g[i].defined()) g[i] = zeros_like(x[i]);
  return g;
}

inline GradcheckResult gradcheck_from(const CheckedFunction& f, const std::vector<Tensor<double>>& point,
                                      const GradcheckOptions& options, int order, Rng& rng) {
  std::vector<Tensor<double>> x;
  for (const auto& t : point) x.push_back(t.clone().requires_grad_());
  const auto y = f(x);
  const auto cotangents = random_like(y, rng);
  const auto analytic_gradient = gradient_of(f, x, cotangents, false);
  const double step = order > 1 ? 10 * options.step : options.step;
  for (int d = 0; d < options.directions; ++d) {
    const auto direction = random_like(x, rng);
    const double analytic = dot(analytic_gradient, direction);
    double numeric = 0;
    {
      // Gradient functions record while they differentiate, so recording stays on.
      const auto leaves = [&](double h) {
        auto at = moved(point, direction, h);
        for (auto& t : at) t.requires_grad_();
        return f(at);
      };
      const auto ahead = leaves(step), behind = leaves(-step);
      numeric = (dot(ahead, cotangents) - dot(behind, cotangents)) / (2 * step);
    }
    const double scale = std::max({1.0, std::abs(analytic), std::abs(numeric)});
    if (!(std::abs(analytic - numeric) <= options.tolerance * scale)) {
      std::ostringstream message;
      message << "gradcheck: derivative of order " << order << " is " << analytic << ", finite differences give "
              << numeric << "; expected a relative difference of at most " << options.tolerance;
      return {false, message.str()};
    }
  }
  if (order >= options.order) return {};
  const auto inputs = x.size();
  const CheckedFunction next = [&f, inputs](const std::vector<Tensor<double>>& all) {
    const auto split = all.begin() + static_cast<std::ptrdiff_t>(inputs);
    return gradient_of(f, {all.begin(), split}, {split, all.end()}, true);
  };
  auto next_point = point;
  next_point.insert(next_point.end(), cotangents.begin(), cotangents.end());
  return gradcheck_from(next, next_point, options, order + 1, rng);
}

}  // namespace detail

/// Compares the derivatives of f at `inputs`, up to options.order, with central differences along random directions:
/// the derivative of order n + 1 is checked as the gradient of the function that computes order n.
/// f must depend on its arguments alone and have no kink near the point. Throws GraphError under NoGrad.
inline GradcheckResult gradcheck(const CheckedFunction& f, const std::vector<Tensor<double>>& inputs,
                                 const GradcheckOptions& options = {}) {
  check<GraphError>(grad_enabled(), "gradcheck: this thread does not record; expected no NoGrad around it");
  Rng rng(options.seed, "gradcheck");
  return detail::gradcheck_from(f, inputs, options, 1, rng);
}

/// gradcheck for a function with one result.
inline GradcheckResult gradcheck(const std::function<Tensor<double>(const std::vector<Tensor<double>>&)>& f,
                                 const std::vector<Tensor<double>>& inputs, const GradcheckOptions& options = {}) {
  return gradcheck(CheckedFunction([&f](const std::vector<Tensor<double>>& x) { return std::vector{f(x)}; }), inputs,
                   options);
}

}  // namespace agon
