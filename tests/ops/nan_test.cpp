#include "../catch.hpp"

#include <agon/agon.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace agon;

namespace {

const float hole = std::numeric_limits<float>::quiet_NaN();

// Which elements are NaN.
std::vector<bool> holes(const Tensor<float>& t) {
  std::vector<bool> result;
  for (float x : t.data()) result.push_back(std::isnan(x));
  return result;
}

}  // namespace

TEST_CASE("relu passes NaN on, alone and in the operations that apply it") {
  const auto x = from_data<float>({hole, -1, 0, 2}, {4}).requires_grad_();
  const auto y = relu(x);
  CHECK(holes(y) == std::vector<bool>{true, false, false, false});
  CHECK(slice(y, 0, 1, 4).to_vector() == std::vector<float>{0, 0, 2});
  CHECK(grad(sum(y), x).to_vector() == std::vector<float>{1, 0, 0, 1});  // as in PyTorch
  const auto column = reshape(x.detach(), {4, 1}), one = ones<float>({1}), weight = ones<float>({1, 1});
  const std::vector<bool> first{true, false, false, false};
  CHECK(holes(linear(column, weight, one, relu())) == first);
  const auto image = reshape(x.detach(), {1, 2, 2, 1});
  CHECK(holes(conv2d(image, ones<float>({1, 1, 1, 1}), one, {.activation = relu()})) == first);
  CHECK(holes(layer_norm(column, one, one, {.activation = relu()})) == first);
}

TEST_CASE("maximum, max and max pooling pass NaN on") {
  const auto a = from_data<float>({hole, 1, hole, 2}, {4}), b = from_data<float>({1, hole, hole, 3}, {4});
  CHECK(holes(maximum(a, b)) == std::vector<bool>{true, true, true, false});
  CHECK(holes(maximum(a, scalar<float>(hole))) == std::vector<bool>(4, true));
  const auto m = from_data<float>({1, hole, 7, 3, 2, 5}, {2, 3}).requires_grad_();
  CHECK(holes(max(m, 1)) == std::vector<bool>{true, false});
  CHECK(holes(max(m, 0)) == std::vector<bool>{false, true, false});
  CHECK(std::isnan(max(m).item()));
  CHECK(argmax(m, 1).to_vector() == std::vector<std::int64_t>{1, 2});
  CHECK(grad(max(m), m).to_vector() == std::vector<float>{0, 1, 0, 0, 0, 0});
  const auto image = reshape(a, {1, 2, 2, 1}).requires_grad_();
  const auto pooled = max_pool2d(image);
  CHECK(std::isnan(pooled.item()));
  CHECK(grad(sum(pooled), image).to_vector() == std::vector<float>{1, 0, 0, 0});  // to the first NaN
}
