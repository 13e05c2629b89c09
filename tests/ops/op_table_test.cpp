#include "../catch.hpp"
#include "op_cases.hpp"

#include <cstring>

using namespace agon;
using namespace agon::test;

namespace {

Tensors leaves(const Tensors& inputs) {
  Tensors copies;
  for (const auto& t : inputs) copies.push_back(t.clone().requires_grad_());
  return copies;
}

Tensors gradients(const OpCase& c, const Tensors& x, bool create_graph) {
  const auto y = c.f(x);
  Rng rng(3, "upstream");
  const auto upstream = normal<double>(y.shape(), 0, 1, rng);
  return grad<double>({y}, x, {.grad_outputs = {upstream}, .create_graph = create_graph});
}

bool same_bits(const Tensor<double>& a, const Tensor<double>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data().data(), b.data().data(), a.data().size_bytes()) == 0;
}

}  // namespace

TEST_CASE("op table: values agree with plain loops") {
  for (const auto& c : all_cases()) {
    if (!c.reference) continue;
    INFO(c.name);
    const auto x = sample_inputs(c);
    std::vector<Values> values;
    for (const auto& t : x) values.push_back(t.to_vector());
    const auto expected = c.reference(values);
    const auto y = c.f(x);
    REQUIRE(static_cast<std::size_t>(y.numel()) == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(std::abs(y.data()[i] - expected[i]) <= 1e-13 * std::max(1.0, std::abs(expected[i])));
  }
}

TEST_CASE("op table: gradients of order one and two agree with finite differences") {
  for (const auto& c : all_cases()) {
    const auto result = gradcheck(c.f, sample_inputs(c), {.order = c.order});
    INFO(c.name << ": " << result.message);
    CHECK(result.ok);
  }
}

TEST_CASE("op table: so do those of one input while the others are constants") {
  for (const auto& c : all_cases()) {
    const auto inputs = sample_inputs(c);
    for (std::size_t i = 0; i < inputs.size() && inputs.size() > 1; ++i) {
      const auto f = [&](const Tensors& x) {
        auto all = inputs;
        all[i] = x[0];
        return c.f(all);
      };
      const auto result = gradcheck(f, {inputs[i]}, {.order = c.order});
      INFO(c.name << ", input " << i << ": " << result.message);
      CHECK(result.ok);
    }
  }
}

TEST_CASE("op table: third order of exp, multiply, conv2d and softmax") {
  for (auto& c : all_cases()) {
    if (c.name != "exp" && c.name != "multiply_square" && c.name != "conv2d_4x4_stride2" && c.name != "softmax" &&
        c.name != "attention")
      continue;
    const auto squared = [&c](const Tensors& x) { return square(c.f(x)); };
    const auto result = gradcheck(squared, sample_inputs(c), {.order = 3});
    INFO(c.name << ": " << result.message);
    CHECK(result.ok);
  }
}

TEST_CASE("op table: gradients have the same bits with and without create_graph") {
  for (const auto& c : all_cases()) {
    INFO(c.name);
    const auto x = leaves(sample_inputs(c));
    const auto plain = gradients(c, x, false), recorded = gradients(c, x, true);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(same_bits(plain[i], recorded[i]));
  }
}

TEST_CASE("op table: the gradient of one input alone is that of all of them") {
  for (const auto& c : all_cases()) {
    if (c.inputs.size() < 2) continue;
    INFO(c.name);
    const auto x = leaves(sample_inputs(c));
    const auto all = gradients(c, x, false);
    for (std::size_t i = 0; i < x.size(); ++i) {
      auto constants = x;
      for (std::size_t j = 0; j < x.size(); ++j)
        if (j != i) constants[j] = x[j].detach();
      const auto y = c.f(constants);
      Rng rng(3, "upstream");
      const auto upstream = normal<double>(y.shape(), 0, 1, rng);
      CHECK(same_bits(grad(y, x[i], {.grad_outputs = {upstream}}), all[i]));
    }
  }
}

TEST_CASE("op table: no node is alive after a dropped graph or a finished backward pass") {
  const auto before = live_nodes();
  for (const auto& c : all_cases()) {
    INFO(c.name);
    const auto x = leaves(sample_inputs(c));
    c.f(x);
    CHECK(live_nodes() == before);
    gradients(c, x, true);
    CHECK(live_nodes() == before);
  }
}
