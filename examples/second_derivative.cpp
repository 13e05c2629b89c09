// Differentiates a derivative: the R1 penalty |d D(x) / dx|^2 of a discriminator with convolution, spectral norm and
// self-attention is itself differentiated by the discriminator's weights, and compared with finite differences.

#include <agon/agon.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

int main() {
  using namespace agon;
  using T = double;
  Rng rng(0, "second_derivative");

  const Discriminator<T> critic({.image_size = 8, .channels = {8, 16}, .attention = 0}, rng);
  for (const auto& field : critic.list())
    if (field.name == "attention.gamma") {
      const NoGrad guard;
      field.tensor.mutable_data()[0] = 0.7;  // starts at 0, where attention would not matter yet
    }

  const auto images = uniform<T>({4, 8, 8, 1}, -1, 1, rng);
  const auto labels = from_data<std::int32_t>({3, 1, 4, 1}, {4});
  const auto penalty = [&] {
    const auto logits = [&](const Tensor<T>& x) { return critic.forward(x, labels); };
    return zero_centred_penalty(logits, images, 10);
  };

  // The whole gradient of the penalty in one backward pass over the graph of another one.
  const auto parameters = critic.parameters();
  const auto r1 = penalty();
  const auto gradients = grad<T>({r1}, parameters, {.allow_unused = true});
  std::cout << "R1 penalty " << r1.item() << " over " << critic.parameter_count() << " parameters\n\n";

  // Each tensor of parameters is moved a little along a random direction.
  bool agree = true;
  std::size_t i = 0;
  for (const auto& field : critic.list()) {
    if (!field.is_parameter) continue;
    const auto& gradient = gradients[i++];
    const auto direction = normal<T>(field.tensor.shape(), 0, 1, rng);
    const double analytic = gradient.defined() ? sum(gradient * direction).item() : 0;
    const auto at = [&](double distance) {
      const auto values = field.tensor.clone();
      const auto move = [&](const Tensor<T>& to) {
        const NoGrad guard;
        std::ranges::copy(to.data(), field.tensor.mutable_data().begin());
      };
      move(values + direction * distance);
      const double result = penalty().item();
      move(values);
      return result;
    };
    const double h = 1e-6, numeric = (at(h) - at(-h)) / (2 * h);
    const bool same = std::abs(analytic - numeric) <= 1e-5 * std::max(1.0, std::abs(numeric));
    std::cout << field.name << ": " << analytic << ", finite differences " << numeric << (same ? "" : "  DIFFERENT")
              << '\n';
    agree = agree && same;
  }
  return agree ? 0 : 1;
}
