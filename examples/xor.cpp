// Learns XOR, the function that no single layer can represent, with one hidden layer.

#include <agon/agon.hpp>

#include <iostream>

int main() {
  using namespace agon;
  Rng rng(0, "xor");

  const auto x = from_data<float>({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  const auto y = from_data<float>({0, 1, 1, 0}, {4, 1});

  Sequential<float> net(Dense<float>({.in_features = 2, .out_features = 8, .activation = tanh()}, rng),
                        Dense<float>({.in_features = 8, .out_features = 1}, rng));
  Adam<float> optimizer(net.parameters(), {.lr = 0.05});
  std::cout << summary(net) << '\n';

  for (int step = 0; step <= 200; ++step) {
    const auto logits = net(x);                             // [4, 1]
    const auto loss = mean(softplus(logits) - y * logits);  // cross-entropy of sigmoid(logits) against y
    if (step % 50 == 0) std::cout << "step " << step << "  loss " << loss.item() << '\n';
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }

  const auto p = sigmoid(net(x));
  for (std::int64_t i = 0; i < 4; ++i)
    std::cout << x.at({i, 0}) << " xor " << x.at({i, 1}) << " = " << (p.at({i, 0}) > 0.5f)
              << "   (probability of 1: " << p.at({i, 0}) << ")\n";
}
