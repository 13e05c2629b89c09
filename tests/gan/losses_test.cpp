#include <agon/gan/losses.hpp>

#include <agon/autograd/gradcheck.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

#include <cmath>

using namespace agon;

namespace {

const std::vector losses{Loss::minimax,       Loss::non_saturating, Loss::hinge,
                         Loss::least_squares, Loss::wasserstein,    Loss::relativistic};

std::string name_of(Loss loss) { return std::string(loss_names[static_cast<std::size_t>(loss)]); }

}  // namespace

TEMPLATE_TEST_CASE("losses and their gradients agree with PyTorch", "[gan][losses]", float, double) {
  using T = TestType;
  for (const auto loss : losses)
    for (const bool critic : {true, false}) {
      const auto path = "loss." + name_of(loss) + (critic ? ".discriminator" : ".generator");
      const auto real = golden::real<T>("loss.real").requires_grad_(),
                 fake = golden::real<T>("loss.fake").requires_grad_();
      const auto value = critic ? discriminator_loss(loss, real, fake) : generator_loss(loss, real, fake);
      CHECK(value.shape() == Shape{});
      golden::check_close(value, path + ".value");
      const auto gradients = grad<T>({value}, std::vector{real, fake}, {.allow_unused = true});
      golden::check_close(gradients[0].defined() ? gradients[0] : zeros_like(real), path + ".real");
      golden::check_close(gradients[1], path + ".fake");
    }
}

TEST_CASE("losses at D = 0 have their closed forms", "[gan][losses]") {
  const auto zero = zeros<double>({5});
  const double log2 = std::log(2.0);
  const auto d = [&](Loss loss) { return discriminator_loss(loss, zero, zero).item(); };
  const auto g = [&](Loss loss) { return generator_loss(loss, zero, zero).item(); };
  CHECK(d(Loss::minimax) == Approx(2 * log2).epsilon(1e-14));
  CHECK(d(Loss::non_saturating) == Approx(2 * log2).epsilon(1e-14));
  CHECK(d(Loss::hinge) == 2);
  CHECK(d(Loss::least_squares) == 0.5);
  CHECK(d(Loss::wasserstein) == 0);
  CHECK(d(Loss::relativistic) == Approx(log2).epsilon(1e-14));
  CHECK(g(Loss::minimax) == Approx(-log2).epsilon(1e-14));
  CHECK(g(Loss::non_saturating) == Approx(log2).epsilon(1e-14));
  CHECK(g(Loss::hinge) == 0);
  CHECK(g(Loss::least_squares) == 0.5);
  CHECK(g(Loss::wasserstein) == 0);
  CHECK(g(Loss::relativistic) == Approx(log2).epsilon(1e-14));
}

TEST_CASE("losses are differentiable twice", "[gan][losses]") {
  Rng rng(1);
  const std::vector logits{normal<double>({6}, 0, 2, rng), normal<double>({6}, 0, 2, rng)};
  for (const auto loss : losses) {
    CAPTURE(name_of(loss));
    CHECK_GRADIENTS(
        agon::gradcheck([&](const auto& in) { return discriminator_loss(loss, in[0], in[1]); }, logits, {.order = 2}));
    CHECK_GRADIENTS(
        agon::gradcheck([&](const auto& in) { return generator_loss(loss, in[0], in[1]); }, logits, {.order = 2}));
  }
}

TEST_CASE("losses stay finite where logits are large", "[gan][losses]") {
  for (const float size : {1e4f, -1e4f}) {
    const auto real = full<float>({3}, -size).requires_grad_(), fake = full<float>({3}, size).requires_grad_();
    for (const auto loss : losses) {
      CAPTURE(name_of(loss), size);
      const auto d = discriminator_loss(loss, real, fake), g = generator_loss(loss, real, fake);
      CHECK(std::isfinite(d.item()));
      CHECK(std::isfinite(g.item()));
      CHECK(std::isfinite(grad(d, fake).at({0})));
      CHECK(std::isfinite(grad(g, fake).at({0})));
    }
  }
}

TEST_CASE("hinge has no gradient where the margin is kept", "[gan][losses]") {
  const auto real = from_data<double>({2, 0.5}, {2}).requires_grad_(),
             fake = from_data<double>({-3, 0}, {2}).requires_grad_();
  const auto gradients = grad<double>({discriminator_loss(Loss::hinge, real, fake)}, std::vector{real, fake});
  CHECK(gradients[0].to_vector() == std::vector<double>{0, -0.5});
  CHECK(gradients[1].to_vector() == std::vector<double>{0, 0.5});
}

TEST_CASE("losses pair real and generated logits only where they must", "[gan][losses]") {
  const auto real = zeros<double>({4}), fake = zeros<double>({3});
  CHECK(discriminator_loss(Loss::hinge, real, fake).item() == 2);
  CHECK_THROWS_AS(discriminator_loss(Loss::relativistic, real, fake), ShapeError);
  CHECK_THROWS_AS(generator_loss(Loss::relativistic, real, fake), ShapeError);
  CHECK(generator_loss(Loss::hinge, Tensor<double>(), fake).item() == 0);
  CHECK_THROWS_AS(generator_loss(Loss::relativistic, Tensor<double>(), fake), Error);
}

TEST_CASE("losses have names", "[gan][losses]") {
  for (const auto loss : losses) CHECK(parse_loss(name_of(loss)) == loss);
  CHECK_THROWS_AS(parse_loss("wgan"), Error);
  CHECK_THROWS_AS(parse_loss(""), Error);
}
