#include "../catch.hpp"

#include <agon/agon.hpp>

#include <string>
#include <vector>

using namespace agon;

namespace {

Tensor<float> leaf(float value) { return scalar<float>(value).requires_grad_(); }

template <class F>
std::string graph_error(const F& f) {
  try {
    f();
  } catch (const GraphError& error) {
    return error.what();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("backward adds gradients up in leaves") {
  const auto x = leaf(3), y = leaf(2);
  backward(x * y + x);
  CHECK(x.grad().item() == 3);
  CHECK(y.grad().item() == 3);
  backward(x * x);
  CHECK(x.grad().item() == 9);
  CHECK(y.grad().item() == 3);
  CHECK_FALSE(x.grad().requires_grad());
}

TEST_CASE("gradients that share memory in the graph do not share it in the leaves") {
  const auto x = leaf(1), y = leaf(1);
  backward(x + y);
  const NoGrad guard;
  x.grad().mutable_data()[0] = 5;
  CHECK(y.grad().item() == 1);
}

TEST_CASE("a rule may add to the sum of earlier gradients, but only where nobody else sees it") {
  // y = 3 x, and a rule that adds its 3 g to what x has got already.
  bool taken = false;
  const auto triple = [&](const Tensor<float>& x) {
    const NoGrad guard;
    auto y = x * 3.0;
    const GradMode mode(true);
    return record("triple", y, {x}, Save::nothing, [&taken](const Vjp<float>& v) -> Grads<float> {
      const auto gradient = v.grad() * 3.0;
      auto sum = v.take_sum(0);
      taken = sum.defined();
      if (!taken) return {gradient};
      CHECK_FALSE(v.take_sum(0).defined());
      sum.mutable_data()[0] += gradient.item();
      return {sum};
    });
  };
  const auto x = leaf(1);
  const auto both = [&](const Tensor<float>& t) {
    const auto first = triple(t);  // what comes later in the graph is differentiated first
    return first + square(t);
  };
  CHECK(grad<float>(both(x * 2.0), x).item() == 14);
  CHECK(taken);
  CHECK(grad<float>(both(x), x).item() == 5);
  CHECK(taken);
  backward(both(x));
  CHECK(taken);
  CHECK(x.grad().item() == 5);
  // Nothing came before.
  CHECK(grad<float>(triple(square(x)), x).item() == 6);
  CHECK_FALSE(taken);
  // The first gradient is also the caller's, or another input's.
  const auto upstream = scalar<float>(1);
  const auto p = leaf(1), q = leaf(1);
  const auto hp = p * 1.0;
  const auto yp = triple(hp), sum = hp + q;
  const auto g = grad<float>({sum, yp}, {p, q}, {.grad_outputs = {upstream, scalar<float>(1)}});
  CHECK_FALSE(taken);
  CHECK(g[0].item() == 4);
  CHECK(g[1].item() == 1);
  CHECK(upstream.item() == 1);
  // A graph is being made.
  const auto first = grad<float>(square(triple(x)) + square(x), x, {.create_graph = true});
  CHECK_FALSE(taken);
  CHECK(first.item() == 20);
  CHECK(grad<float>(first, x).item() == 20);
}

TEST_CASE("grad returns gradients of leaves and of results, and stores nothing") {
  const auto x = leaf(3);
  const auto y = x * x, z = y * y;
  const auto g = grad<float>({z}, {x, y});
  CHECK(g[0].item() == 108);
  CHECK(g[1].item() == 18);
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("several outputs weigh in with their gradients") {
  const auto x = from_data<float>({1, 2}, {2}).requires_grad_();
  const auto a = x * 3.0, b = square(x);
  const auto g = grad<float>({a, b}, {x}, {.grad_outputs = {from_data<float>({1, 10}, {2}), ones<float>({2})}});
  CHECK(g[0].to_vector() == std::vector<float>{5, 34});
}

TEST_CASE("create_graph differentiates again and keeps the graph") {
  const auto x = leaf(2);
  const auto y = x * x * x;
  const auto first = grad(y, x, {.create_graph = true});
  CHECK(first.item() == 12);
  const auto second = grad(first, x, {.create_graph = true});
  CHECK(second.item() == 12);
  CHECK(grad(second, x).item() == 6);
}

TEST_CASE("backward with create_graph stores detached gradients") {
  const auto x = leaf(2);
  backward(x * x, {.create_graph = true});
  CHECK(x.grad().item() == 4);
  CHECK_FALSE(x.grad().requires_grad());
}

TEST_CASE("a stored gradient does not keep its graph alive") {
  const auto before = live_nodes();
  {
    const auto x = leaf(2);
    x.set_grad(grad(x * x * x, x, {.create_graph = true}));
    CHECK(x.grad().item() == 12);
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("a freed graph is an error that names the operation") {
  const auto x = leaf(2);
  const auto y = exp(x);
  grad(y, x);
  CHECK(has(graph_error([&] { grad(y, x); }), "exp: its graph was freed"));
  const auto z = exp(x);
  const auto once = grad(z, x, {.retain_graph = true});
  CHECK(grad(z, x).item() == once.item());
  const auto w = exp(x);
  backward(w, {.retain_graph = true});
  backward(w);
  CHECK(x.grad().item() == Approx(2 * std::exp(2.0f)));
}

TEST_CASE("a tensor that changed after it was saved is an error") {
  const auto x = leaf(2), w = leaf(5);
  const auto y = x * w;
  {
    const NoGrad guard;
    w.mutable_data()[0] = 7;
  }
  const auto message = graph_error([&] { grad(y, x); });
  CHECK(has(message, "multiply: input 1 was written to"));
  const auto s = exp(x);
  {
    const NoGrad guard;
    s.detach().mutable_data()[0] = 1;
  }
  CHECK(has(graph_error([&] { grad(s, x); }), "exp: output 0 was written to"));
}

TEST_CASE("writing to tensors of a graph is refused") {
  const auto x = leaf(2);
  CHECK(has(graph_error([&] { x.mutable_data(); }), "expected a NoGrad guard"));
  CHECK(has(graph_error([&] { (x * 2.0).mutable_data(); }), "result of a recorded operation"));
  CHECK(has(graph_error([&] { (x * 2.0).requires_grad_(); }), "expected a leaf"));
  const NoGrad guard;
  CHECK_NOTHROW(x.mutable_data());
}

TEST_CASE("unused inputs are errors unless allowed") {
  const auto x = leaf(2), y = leaf(3);
  CHECK(has(graph_error([&] { grad<float>({x * x}, {x, y}); }), "input 1 of shape [] does not take part"));
  const auto g = grad<float>({x * x}, {x, y}, {.allow_unused = true});
  CHECK(g[0].item() == 4);
  CHECK_FALSE(g[1].defined());
  CHECK(has(graph_error([&] { grad(x * x, scalar<float>(1)); }), "does not require a gradient"));
  CHECK(has(graph_error([&] { backward(scalar<float>(1)); }), "does not depend"));
  using Catch::Matchers::ContainsSubstring;
  const auto two = x + zeros<float>({2});
  CHECK_THROWS_WITH(grad(two, x), ContainsSubstring("grad: output of shape [2] needs a gradient"));
  CHECK_THROWS_WITH(backward(two), ContainsSubstring("backward: output of shape [2] needs a gradient"));
  CHECK_THROWS_WITH(backward(two, {.grad_output = ones<float>({3})}),
                    ContainsSubstring("backward: gradient of shape [3] for an output of shape [2]"));
}

TEST_CASE("nothing is recorded under NoGrad, and guards nest") {
  const auto x = leaf(2);
  {
    const NoGrad guard;
    CHECK_FALSE((x * x).requires_grad());
    {
      const GradMode inner(true);
      CHECK((x * x).requires_grad());
    }
    CHECK_FALSE(grad_enabled());
  }
  CHECK((x * x).requires_grad());
  CHECK_FALSE((x.detach() * x.detach()).requires_grad());
}

TEST_CASE("graphs of 100,000 nodes are walked and destroyed without recursion") {
  const auto before = live_nodes();
  {
    const auto x = leaf(1);
    auto y = x;
    for (int i = 0; i < 100000; ++i) y = i % 2 ? y + 1.0 : y * x;
    CHECK(live_nodes() - before == 100000);
    CHECK(grad(y, x).item() > 0);
    auto dropped = x;
    for (int i = 0; i < 100000; ++i) dropped = exp(dropped * 0.0);
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("only what leads to a requested input is computed") {
  const auto x = leaf(2), w = leaf(3);
  int weight_rules = 0;
  const auto y =
      record("probe", (x.detach() * w.detach()), {x, w}, Save::inputs, [&](const Vjp<float>& v) -> Grads<float> {
        if (v.needs(1)) ++weight_rules;
        return {v.needs(0) ? v.grad() * v.input(1) : Tensor<float>(),
                v.needs(1) ? v.grad() * v.input(0) : Tensor<float>()};
      });
  CHECK(grad(y, x, {.retain_graph = true}).item() == 3);
  CHECK(weight_rules == 0);
  CHECK(grad(y, w).item() == 2);
  CHECK(weight_rules == 1);
}

TEST_CASE("the walk stops at the requested inputs") {
  const auto x = leaf(2);
  int calls = 0;
  const auto y = record("below", x.detach() * 2.0, {x}, Save::nothing, [&](const Vjp<float>& v) -> Grads<float> {
    ++calls;
    return {v.grad() * 2.0};
  });
  CHECK(grad(y * y, y).item() == 8);
  CHECK(calls == 0);
}

TEST_CASE("a rule that lacks a gradient or returns a wrong shape is an error that names it") {
  const auto x = leaf(2);
  const auto make = [&](auto rule) { return record("mine", x.detach() * 1.0, {x}, Save::nothing, rule); };
  const auto absent = make([](const Vjp<float>&) -> Grads<float> { return {Tensor<float>()}; });
  CHECK(has(graph_error([&] { grad(absent, x); }), "mine: no derivative with respect to argument 0"));
  const auto wrong = make([](const Vjp<float>&) -> Grads<float> { return {zeros<float>({3})}; });
  CHECK(has(graph_error([&] { grad(wrong, x); }), "mine: the gradient of argument 0 has shape [3]; expected []"));
  const auto count = make([](const Vjp<float>&) -> Grads<float> { return {}; });
  CHECK(has(graph_error([&] { grad(count, x); }), "mine: its rule returned 0 gradients; expected 1"));
  const auto unsaved = make([](const Vjp<float>& v) -> Grads<float> { return {v.input()}; });
  CHECK(has(graph_error([&] { grad(unsaved, x); }), "mine: its rule asks for input 0, which was not saved"));
}

TEST_CASE("recording a result that has a graph of its own is refused") {
  const auto x = leaf(2);
  const auto rule = [](const Vjp<float>& v) -> Grads<float> { return {v.grad()}; };
  CHECK(has(graph_error([&] { record("mine", x * 2.0, {x}, Save::nothing, rule); }), "mine: its result of shape []"));
}

TEST_CASE("an operation may have more inputs than there are save bits") {
  std::vector<Tensor<float>> parts;
  for (int i = 0; i < 40; ++i) parts.push_back(full<float>({1}, static_cast<float>(i)).requires_grad_());
  const auto g = grad<float>({sum(square(concat(parts)))}, parts);
  CHECK(g[39].item() == 78);
}

TEST_CASE("walks can nest: a rule may call grad") {
  const auto x = leaf(3);
  const auto y = record("nested", square(x.detach()), {x}, Save::inputs, [](const Vjp<float>& v) -> Grads<float> {
    const GradMode on(true);
    const auto inner = v.input().detach().requires_grad_();
    return {grad(square(inner), inner) * v.grad()};
  });
  CHECK(grad(y, x).item() == 6);
}

TEST_CASE("a custom operation with several outputs and aux, checked to order two") {
  // (x, y) -> (x + y, x y at the odd places)
  const auto f = [](const std::vector<Tensor<double>>& in) {
    const auto rule = [](const Vjp<double>& v) -> Grads<double> {
      const auto& odd = v.aux<bool>();
      const auto masked = where(odd, v.grad(1), zeros_like(v.grad(1)));
      return {v.grad(0) + masked * v.input(1), v.grad(0) + masked * v.input(0)};
    };
    const auto odd = from_data<bool>({false, true, false, true}, {4});
    const auto a = in[0].detach(), b = in[1].detach();
    return record_all<double>("sum_and_odd_product", {a + b, where(odd, a * b, zeros_like(a))}, in, Save::inputs, rule,
                              {.aux = {odd}});
  };
  Rng rng(1, "custom");
  const auto result =
      gradcheck(CheckedFunction(f), {normal<double>({4}, 0, 1, rng), normal<double>({4}, 0, 1, rng)}, {.order = 2});
  INFO(result.message);
  CHECK(result.ok);
}

TEST_CASE("gradcheck finds wrong rules") {
  const auto wrong_first = [](const std::vector<Tensor<double>>& in) {
    return record("wrong", square(in[0].detach()), {in[0]}, Save::inputs,
                  [](const Vjp<double>& v) -> Grads<double> { return {v.grad() * v.input()}; });
  };
  const auto wrong_second = [](const std::vector<Tensor<double>>& in) {
    return record("wrong", square(in[0].detach()), {in[0]}, Save::inputs,
                  [](const Vjp<double>& v) -> Grads<double> { return {v.grad() * (v.input().detach() * 2.0)}; });
  };
  const auto x = from_data<double>({0.3, 0.7, -1.1}, {3});
  CHECK_FALSE(gradcheck(wrong_first, {x}));
  CHECK(gradcheck(wrong_second, {x}));
  CHECK_FALSE(gradcheck(wrong_second, {x}, {.order = 2}));
  const NoGrad guard;
  CHECK(has(graph_error([&] { gradcheck(wrong_second, {x}); }), "gradcheck: this thread does not record"));
}

TEST_CASE("the observer sees operations and rules; anomaly mode names the first bad one") {
  std::vector<std::string> seen;
  const auto x = leaf(2);
  {
    const ObserverScope scope(
        [&](const OpEvent& event) { seen.push_back(std::string(event.op) + (event.backward ? "'" : "")); });
    grad(exp(x * x), x);
  }
  exp(x);  // no longer observed
  CHECK(seen == std::vector<std::string>{"multiply", "exp", "multiply", "exp'", "multiply", "multiply", "multiply'"});
  const AnomalyMode anomaly;
  CHECK(has(graph_error([&] { log(x * 0.0); }), "log: result of shape [] holds an infinity or NaN"));
  const auto root = sqrt(x - 2.0);
  CHECK(has(graph_error([&] { grad(root, x); }), "divide: result"));
}
