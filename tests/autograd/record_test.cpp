#include "../catch.hpp"

#include <agon/agon.hpp>

#include <cstdint>
#include <string>

using namespace agon;
using Catch::Matchers::ContainsSubstring;

namespace {

const auto labels = from_data<std::int32_t>({0, 2}, {2});

Grads<float> pass(const Vjp<float>& v) { return {v.grad()}; }

// What is thrown when an operation of one input, one output and one aux runs this rule backward.
template <class Rule>
std::string refusal(const Rule& rule) {
  const auto x = scalar<float>(2).requires_grad_();
  const auto y = record("mine", x.detach() * 3.0, {x}, Save::inputs | Save::output, rule, {.aux = {labels}});
  try {
    grad(y, x);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("indices, masks and statistics that changed after they were saved are an error") {
  const auto table = ones<float>({3, 2}).requires_grad_();
  const auto index = labels.clone();
  const auto rows = embedding(table, index);
  index.mutable_data()[0] = 1;
  CHECK_THROWS_WITH(backward(sum(rows)), ContainsSubstring("embedding: aux 0 was written to"));

  const auto mask = full<bool>({3, 2}, true);
  const auto chosen = where(mask, table, scalar<float>(0));
  mask.mutable_data()[0] = false;
  CHECK_THROWS_WITH(backward(sum(chosen)), ContainsSubstring("where: aux 0 was written to"));

  const auto gamma = ones<float>({2}).requires_grad_(), beta = zeros<float>({2}).requires_grad_();
  const auto norm = batch_norm(table, gamma, beta);
  norm.var.mutable_data()[0] = 7;  // a figure for the caller alone
  CHECK_NOTHROW(backward(sum(norm.y), {.retain_graph = true}));
  norm.mean.mutable_data()[0] = 7;
  CHECK_THROWS_WITH(backward(sum(norm.y)), ContainsSubstring("batch_norm: aux 0 was written to"));
}

TEST_CASE("an aux that changed is found by the second derivative of a fused operation") {
  const auto x = from_data<double>({1, 2, 4, 3}, {2, 2}).requires_grad_();
  const auto mask = full<bool>({1, 2}, true);
  const auto q = reshape(x, {1, 2, 2});
  const auto y = scaled_dot_product_attention(q, q, q, mask);
  const auto first = grad(sum(square(y)), x, {.create_graph = true});
  mask.mutable_data()[0] = false;
  CHECK_THROWS_WITH(grad(sum(square(first)), x), ContainsSubstring("attention_grad: aux 1 was written to"));
}

TEST_CASE("a rule that asks for what its operation does not have is an error that names both") {
  using V = const Vjp<float>&;
  CHECK(refusal(pass) == "no error");
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.grad(1)}; }),
             ContainsSubstring("mine: its rule asks for output 1; the operation has 1"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.has_grad(-1) ? v.grad() : v.grad()}; }),
             ContainsSubstring("asks for output -1"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.output(2)}; }), ContainsSubstring("asks for output 2"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.input(1)}; }), ContainsSubstring("asks for input 1"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.input(-1)}; }), ContainsSubstring("asks for input -1"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.needs(1) ? v.grad() : v.grad()}; }),
             ContainsSubstring("asks for input 1"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {zeros<float>(v.input_shape(3))}; }),
             ContainsSubstring("asks for input 3"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.aux<float>(1)}; }), ContainsSubstring("asks for aux 1"));
  CHECK_THAT(refusal([](V v) -> Grads<float> { return {v.aux<float>()}; }),
             ContainsSubstring("mine: its rule asks for aux 0 as float32"));
}

TEST_CASE("an operation cannot save what it does not have") {
  const auto x = scalar<float>(2).requires_grad_();
  CHECK_THROWS_WITH(Save::input(32), ContainsSubstring("Save::input: 32"));
  CHECK_THROWS_AS(Save::input(-1), Error);
  CHECK_THROWS_WITH(record("mine", x.detach() * 2.0, {x}, Save::input(1), pass),
                    ContainsSubstring("mine: saves more than its 1 inputs and 1 results"));
}

TEST_CASE("a result that is an input or another result as well is refused") {
  const auto x = scalar<float>(2).requires_grad_(), c = scalar<float>(3);
  CHECK_THROWS_WITH(record("mine", c, {x, c}, Save::nothing, pass),
                    ContainsSubstring("mine: its result of shape [] is an input or another result"));
  CHECK_THROWS_AS(record("mine", x, {x}, Save::nothing, pass), GraphError);
  CHECK_THROWS_WITH(record_all<float>("mine", {c, c}, {x}, Save::nothing, pass),
                    ContainsSubstring("mine: its result of shape [] is an input or another result"));
  CHECK_FALSE(c.requires_grad());
  CHECK(record("mine", c.detach(), {x, c}, Save::nothing, pass).requires_grad());
}
