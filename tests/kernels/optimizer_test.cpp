#include <agon/kernels/optimizer.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using namespace kernel_test;

namespace {

/// Runs three steps of `step(parameters, gradient, slot a, slot b, number)` in T and of `reference(...)` element by
/// element in double, and compares parameters and slots.
template <class T, class Step, class Reference>
void check_steps(const Step& step, const Reference& reference) {
  for (std::int64_t n : {0, 1, 3, 17, 1003, 50001}) {
    const auto p0 = random_values<T>(n, 1), g = random_values<T>(n, 2);
    std::vector<double> p(p0.begin(), p0.end()), a(p.size()), b(p.size());
    for (int t = 1; t <= 3; ++t)
      for (std::size_t i = 0; i < p.size(); ++i) reference(p[i], static_cast<double>(g[i]), a[i], b[i], t);
    for_each_isa([&] {
      std::vector<T> slot_a, slot_b;
      const auto result = with_any_threads([&] {
        auto parameters = p0;
        slot_a = slot_b = zeros<T>(n);
        for (int t = 1; t <= 3; ++t) step(n, parameters.data(), g.data(), slot_a.data(), slot_b.data(), t);
        return parameters;
      });
      INFO("n = " << n);
      CHECK(difference(result, p) < tolerance<T>(60));
      CHECK(difference(slot_a, a) < tolerance<T>(20));
      CHECK(difference(slot_b, b) < tolerance<T>(20));
    });
  }
}

}  // namespace

TEMPLATE_TEST_CASE("SGD with momentum, Nesterov and weight decay", "[optimizer]", float, double) {
  using T = TestType;
  for (double momentum : {0.0, 0.9})
    for (bool nesterov : {false, true})
      check_steps<T>([&](auto n, T* p, const T* g, T* v, T*,
                         int) { k::sgd(n, p, g, momentum > 0 ? v : nullptr, 0.1, momentum, 0.01, nesterov); },
                     [&](double& p, double g, double& v, double&, int) {
                       const double d = g + 0.01 * p, moved = momentum * v + d;
                       if (momentum > 0) v = moved;
                       p -= 0.1 * (nesterov ? d + momentum * moved : moved);
                     });
}

TEMPLATE_TEST_CASE("Adam with both kinds of weight decay", "[optimizer]", float, double) {
  using T = TestType;
  for (bool decoupled : {false, true})
    for (double decay : {0.0, 0.05}) {
      const auto at = [&](int t) {
        return k::AdamStep{.lr = 0.01,
                           .beta1 = 0.5,
                           .beta2 = 0.99,
                           .eps = 1e-8,
                           .weight_decay = decay,
                           .decoupled = decoupled,
                           .step = t};
      };
      check_steps<T>([&](auto n, T* p, const T* g, T* m, T* v, int t) { k::adam(at(t), n, p, g, m, v); },
                     [&](double& p, double g, double& m, double& v, int t) {
                       if (decoupled)
                         p -= 0.01 * decay * p;
                       else
                         g += decay * p;
                       m = 0.5 * m + 0.5 * g;
                       v = 0.99 * v + 0.01 * g * g;
                       p -= 0.01 * (m / (1 - std::pow(0.5, t))) / (std::sqrt(v / (1 - std::pow(0.99, t))) + 1e-8);
                     });
    }
}

TEMPLATE_TEST_CASE("RMSProp and moving averages", "[optimizer]", float, double) {
  using T = TestType;
  check_steps<T>([](auto n, T* p, const T* g, T* v, T*, int) { k::rmsprop(n, p, g, v, 0.01, 0.9, 1e-3); },
                 [](double& p, double g, double& v, double&, int) {
                   v = 0.9 * v + 0.1 * g * g;
                   p -= 0.01 * g / (std::sqrt(v) + 1e-3);
                 });
  check_steps<T>([](auto n, T*, const T* g, T* average, T*, int) { k::ema(n, 0.999, average, g); },
                 [](double&, double g, double& average, double&, int) { average = 0.999 * average + 0.001 * g; });
}

TEMPLATE_TEST_CASE("sum of squares", "[optimizer]", float, double) {
  for (std::int64_t n : {0, 1, 17, 4096, 100003}) {
    const auto x = random_values<TestType>(n, 3);
    double expected = 0;
    for (auto v : x) expected += static_cast<double>(v) * static_cast<double>(v);
    for_each_isa([&] {
      const auto total = with_any_threads([&] { return std::vector<double>{k::sum_of_squares(n, x.data())}; });
      CHECK(difference(total, std::vector<double>{expected}) < tolerance<TestType>(20));
    });
  }
}
