#include "op_cases.hpp"

namespace agon::test {

namespace {

OpCase unary(std::string name, Tensor<double> (*f)(const Tensor<double>&), double (*reference)(double), double low = -1,
             double high = 1) {
  return {std::move(name),
          {{3, 4}},
          [f](const Tensors& x) { return f(x[0]); },
          [reference](const std::vector<Values>& x) {
            Values y;
            for (double v : x[0]) y.push_back(reference(v));
            return y;
          },
          low,
          high};
}

OpCase binary(std::string name, Tensor<double> (*f)(const Tensor<double>&, const Tensor<double>&),
              double (*reference)(double, double)) {
  return {std::move(name),
          {{3, 4}, {3, 4}},
          [f](const Tensors& x) { return f(x[0], x[1]); },
          [reference](const std::vector<Values>& x) {
            Values y;
            for (std::size_t i = 0; i < x[0].size(); ++i) y.push_back(reference(x[0][i], x[1][i]));
            return y;
          }};
}

Tensor<bool> checkerboard(const Shape& shape) {
  auto mask = empty<bool>(shape);
  bool on = false;
  for (auto& m : mask.mutable_data()) m = on = !on;
  return mask;
}

}  // namespace

std::vector<OpCase> elementwise_cases() {
  using X = const Tensor<double>&;
  std::vector<OpCase> cases{
      unary(
          "exp", [](X x) { return exp(x); }, [](double x) { return std::exp(x); }),
      unary(
          "log", [](X x) { return log(x); }, [](double x) { return std::log(x); }, 0.2, 3),
      unary(
          "sqrt", [](X x) { return sqrt(x); }, [](double x) { return std::sqrt(x); }, 0.2, 3),
      unary(
          "rsqrt", [](X x) { return rsqrt(x); }, [](double x) { return 1 / std::sqrt(x); }, 0.2, 3),
      unary(
          "square", [](X x) { return square(x); }, [](double x) { return x * x; }),
      unary(
          "reciprocal", [](X x) { return reciprocal(x); }, [](double x) { return 1 / x; }, 0.5, 2),
      unary(
          "pow", [](X x) { return pow(x, 2.5); }, [](double x) { return std::pow(x, 2.5); }, 0.5, 2),
      unary(
          "pow_integer", [](X x) { return pow(x, 3); }, [](double x) { return x * x * x; }),
      unary(
          "pow_zero", [](X x) { return pow(x, 0); }, [](double) { return 1.0; }),
      unary(
          "abs", [](X x) { return abs(x); }, [](double x) { return std::abs(x); }),
      unary(
          "negate", [](X x) { return -x; }, [](double x) { return -x; }),
      unary(
          "affine", [](X x) { return 3.0 - 2.0 * x; }, [](double x) { return 3 - 2 * x; }),
      unary(
          "scalar_quotient", [](X x) { return 2.0 / x; }, [](double x) { return 2 / x; }, 0.5, 2),
      unary(
          "scalar_sum", [](X x) { return (x + 1.5) / 2.0 - 0.25; }, [](double x) { return (x + 1.5) / 2 - 0.25; }),
      unary(
          "tanh", [](X x) { return tanh(x); }, [](double x) { return std::tanh(x); }, -3, 3),
      unary(
          "sigmoid", [](X x) { return sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); }, -3, 3),
      unary(
          "relu", [](X x) { return relu(x); }, [](double x) { return x > 0 ? x : 0; }),
      unary(
          "leaky_relu", [](X x) { return leaky_relu(x, 0.2); }, [](double x) { return x > 0 ? x : 0.2 * x; }),
      unary(
          "softplus", [](X x) { return softplus(x); }, [](double x) { return std::log1p(std::exp(x)); }, -3, 3),
      binary(
          "add", [](X a, X b) { return a + b; }, [](double a, double b) { return a + b; }),
      binary(
          "subtract", [](X a, X b) { return a - b; }, [](double a, double b) { return a - b; }),
      binary(
          "multiply", [](X a, X b) { return a * b; }, [](double a, double b) { return a * b; }),
      binary(
          "divide", [](X a, X b) { return a / (b * b + 0.5); }, [](double a, double b) { return a / (b * b + 0.5); }),
      binary(
          "maximum", [](X a, X b) { return maximum(a, b); }, [](double a, double b) { return a > b ? a : b; }),
  };
  cases.push_back({"multiply_square", {{4}}, [](const Tensors& x) { return x[0] * x[0] * x[0]; }});
  cases.push_back({"where",
                   {{3, 4}, {3, 4}},
                   [](const Tensors& x) {
                     return where(checkerboard({3, 4}), x[0], x[1]);
                   },
                   [](const std::vector<Values>& x) {
                     Values y;
                     for (std::size_t i = 0; i < 12; ++i) y.push_back(x[i % 2][i]);
                     return y;
                   }});
  const std::pair<Shape, Shape> pairs[] = {{{3, 4}, {4}},    {{3, 4}, {3, 1}}, {{4}, {3, 4}},       {{2, 3, 4}, {3, 1}},
                                           {{3, 1}, {1, 4}}, {{3, 4}, {}},     {{2, 1, 4}, {3, 1}}, {{1}, {1}}};
  for (const auto& [a, b] : pairs) {
    cases.push_back({"broadcast_multiply", {a, b}, [](const Tensors& x) { return x[0] * x[1]; }});
    cases.push_back({"broadcast_divide", {a, b}, [](const Tensors& x) { return x[0] / (x[1] * x[1] + 1.0); }});
    cases.push_back({"broadcast_add", {a, b}, [](const Tensors& x) { return square(x[0] + x[1]); }});
    cases.push_back({"broadcast_subtract", {a, b}, [](const Tensors& x) { return square(x[0] - x[1]); }});
    cases.push_back({"broadcast_maximum", {a, b}, [](const Tensors& x) { return maximum(square(x[0]), x[1] * 0.7); }});
  }
  for (const auto activation : {relu(), leaky_relu(0.2), tanh(), sigmoid(), Activation{}})
    cases.push_back({"activate", {{5}}, [activation](const Tensors& x) { return activate(x[0] * 2.0, activation); }});
  return cases;
}

}  // namespace agon::test
