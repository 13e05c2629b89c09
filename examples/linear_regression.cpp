// Fits a plane to noisy points of y = 3 x0 + 2 x1 + 1: the smallest training loop. Parameters are tensors that require
// a gradient, backward() puts the gradient of the loss into each of them, and an optimiser changes them by it.

#include <agon/agon.hpp>

#include <iostream>

int main() {
  using namespace agon;
  Rng rng(0, "linear_regression");

  const auto truth = from_data<float>({3, 2}, {2, 1});
  const auto x = normal<float>({200, 2}, 0, 1, rng);
  const auto y = matmul(x, truth) + 1.0 + normal<float>({200, 1}, 0, 0.1f, rng);

  const auto weight = zeros<float>({2, 1}).requires_grad_();
  const auto bias = zeros<float>({1}).requires_grad_();
  Sgd<float> optimizer({weight, bias}, {.lr = 0.1});

  for (int step = 0; step <= 50; ++step) {
    const auto loss = mean(square(matmul(x, weight) + bias - y));
    if (step % 10 == 0) std::cout << "step " << step << "  loss " << loss.item() << '\n';
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }

  std::cout << "y = " << weight.at({0, 0}) << " x0 + " << weight.at({1, 0}) << " x1 + " << bias.item()
            << "   (the points: 3, 2 and 1, with noise of deviation 0.1)\n";
}
