#include <agon/agon.hpp>

#include <cstdio>

// The gradient of sum(x^2) is 2 x.
int main() {
  auto x = agon::ones<float>({2, 3});
  x.requires_grad_();
  auto loss = agon::sum(agon::square(x));
  agon::backward(loss);
  const auto gradient = x.grad();
  for (const float g : gradient.data()) {
    if (g != 2.0f) {
      std::printf("the gradient is %g, expected 2\n", static_cast<double>(g));
      return 1;
    }
  }
  return 0;
}
