#include <agon/agon.hpp>

#include <cstddef>
#include <vector>

// Compiled twice, under the name UNIT: a product, its exponential and their gradient, by way of the hot kernels.
std::vector<float> UNIT() {
  std::vector<float> values(48);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.01f * static_cast<float>(i);
  auto x = agon::from_data(values, {6, 8});
  x.requires_grad_();
  auto y = agon::exp(agon::matmul(x, agon::ones<float>({8, 16})));
  agon::backward(agon::sum(y));
  const auto gradient = x.grad();
  std::vector<float> result(y.data().begin(), y.data().end());
  result.insert(result.end(), gradient.data().begin(), gradient.data().end());
  return result;
}
