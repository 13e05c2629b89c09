#include <agon/gan/discriminator.hpp>
#include <agon/gan/penalties.hpp>
#include <agon/nn/dense.hpp>
#include <agon/nn/multi_head_attention.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

#include <cmath>
#include <limits>

using namespace agon;

namespace {

// A discriminator with everything a penalty has to go through: convolution, both attentions, spectral norm.
class AttentiveCritic : public Module<double> {
 public:
  explicit AttentiveCritic(Rng& rng)
      : conv_({.in_channels = 1,
               .out_channels = 4,
               .kernel_size = 4,
               .stride = 2,
               .padding = 1,
               .activation = leaky_relu(0.2),
               .spectral_norm = true},
              rng),
        pixels_({.channels = 4, .key_channels = 2, .spectral_norm = true}, rng),
        heads_({.features = 4, .heads = 2, .spectral_norm = true}, rng),
        output_({.in_features = 4, .out_features = 1, .spectral_norm = true}, rng) {
    functional::randomize(*this, 11, 0.8);
    for (int i = 0; i < 20; ++i) (*this)(zeros<double>({1, 8, 8, 1}), {.update_buffers = true});  // u and v follow
  }

  Tensor<double> operator()(const Tensor<double>& images, const Context& ctx = inference) const {
    const auto h = pixels_(conv_(images, ctx), ctx);                             // [n, 4, 4, 4]
    const auto tokens = reshape(h, {h.size(0), h.size(1) * h.size(2), 4});       // [n, 16, 4]
    return reshape(output_(sum(tokens + heads_(tokens, ctx), {1}), ctx), {-1});  // [n]
  }

  void fields(Fields<double>& v) override {
    v.child("conv", conv_);
    v.child("pixels", pixels_);
    v.child("heads", heads_);
    v.child("output", output_);
  }

 private:
  Conv2D<double> conv_;
  SelfAttention<double> pixels_;
  MultiHeadAttention<double> heads_;
  Dense<double> output_;
};

// D(x) = w x + b over flat images.
struct LinearCritic {
  Tensor<double> w, b;
  Tensor<double> operator()(const Tensor<double>& x) const { return reshape(linear(x, w, b), {-1}); }
};

double squared_norm(const Tensor<double>& t) { return sum(square(t.detach())).item(); }

}  // namespace

TEST_CASE("penalties through convolution, spectral norm and both attentions agree with finite differences",
          "[gan][penalties]") {
  Rng rng(1);
  AttentiveCritic critic(rng);
  const auto real = uniform<double>({3, 8, 8, 1}, -1, 1, rng), fake = uniform<double>({3, 8, 8, 1}, -1, 1, rng);
  // The value of a penalty is a first derivative, so order 1 here is the second derivative of the critic.
  const GradcheckOptions options{.order = 2, .directions = 5};
  CHECK_GRADIENTS(functional::gradcheck(
      critic, {}, [&](const auto&) { return zero_centred_penalty(critic, real, 10); }, options));
  CHECK_GRADIENTS(functional::gradcheck(
      critic, {},
      [&](const auto&) {
        Rng between(2, "penalty");
        return gradient_penalty(critic, real, fake, 10, between);
      },
      options));
}

TEMPLATE_TEST_CASE("penalties of the discriminator agree with PyTorch", "[gan][penalties]", float, double) {
  using T = TestType;
  Rng rng(2);
  Discriminator<T> d(
      {.classes = 3, .image_size = 8, .channels = {4, 6}, .attention_block = {.key_channels = 2, .value_channels = 2}},
      rng);
  d.load(golden::state<T>("penalty.state"));
  const auto x = golden::real<T>("penalty.images").requires_grad_();
  const auto& labels = golden::file().tensor<std::int32_t>("penalty.labels");
  const auto critic = [&](const Tensor<T>& images) { return d.forward(images, labels); };
  golden::check_close(critic(x), "penalty.logits");
  golden::check_close(grad(sum(critic(x)), x), "penalty.slopes");

  const auto check_penalty = [&](const Tensor<T>& value, const std::string& path) {
    golden::check_close(value, path + ".value");
    const auto gradients = grad<T>({value}, d.parameters(), {.allow_unused = true});
    std::size_t i = 0;
    for (const auto& field : d.list()) {
      if (!field.is_parameter) continue;
      const auto& g = gradients[i++];
      golden::check_close(g.defined() ? g : zeros_like(field.tensor), path + ".gradients." + field.name);
    }
  };
  check_penalty(zero_centred_penalty(critic, x, 10), "penalty.zero_centred");
  // Between an image and itself there is only the image, whatever number is drawn.
  check_penalty(gradient_penalty(critic, x, x, 10, rng), "penalty.gradient_penalty");
}

TEST_CASE("penalties of a linear critic are exact", "[gan][penalties]") {
  Rng rng(3);
  const LinearCritic critic{normal<double>({1, 7}, 0, 1, rng).requires_grad_(), zeros<double>({1}).requires_grad_()};
  const auto real = normal<double>({4, 7}, 0, 1, rng), fake = normal<double>({4, 7}, 0, 1, rng);
  const double squares = squared_norm(critic.w), norm = std::sqrt(squares);

  const auto r1 = zero_centred_penalty(critic, real, 3);
  CHECK(r1.item() == Approx(1.5 * squares).epsilon(1e-14));
  CHECK(golden::difference(grad(r1, critic.w), critic.w.detach() * 3) <= 1e-14);

  const auto gp = gradient_penalty(critic, real, fake, 10, rng);
  CHECK(gp.item() == Approx(10 * (norm - 1) * (norm - 1)).epsilon(1e-13));
  CHECK(golden::difference(grad(gp, critic.w), critic.w.detach() * (20 * (norm - 1) / norm)) <= 1e-13);
}

TEST_CASE("R1 of two linear layers is that of their product", "[gan][penalties]") {
  Rng rng(4);
  const auto w1 = normal<double>({5, 6}, 0, 1, rng).requires_grad_(),
             w2 = normal<double>({1, 5}, 0, 1, rng).requires_grad_();
  const auto x = normal<double>({3, 6}, 0, 1, rng);
  const auto critic = [&](const Tensor<double>& t) { return reshape(linear(linear(t, w1), w2), {-1}); };
  const auto r1 = zero_centred_penalty(critic, x, 2);
  const auto product = matmul(w2, w1);
  CHECK(r1.item() == Approx(squared_norm(product)).epsilon(1e-13));
  const auto computed = grad<double>({r1}, std::vector{w1, w2});
  const auto exact = grad<double>({sum(square(product))}, std::vector{w1, w2});
  CHECK(golden::difference(computed[0], exact[0]) <= 1e-13);
  CHECK(golden::difference(computed[1], exact[1]) <= 1e-13);
}

TEST_CASE("biases of a piecewise linear discriminator do not change R1", "[gan][penalties]") {
  Rng rng(5);
  const Discriminator<double> d(
      {.classes = 2, .image_size = 8, .channels = {3, 4}, .spectral_norm = false, .attention = -1}, rng);
  const auto images = uniform<double>({2, 8, 8, 1}, -1, 1, rng);
  const auto labels = from_data<std::int32_t>({1, 0}, {2});
  const auto r1 = zero_centred_penalty([&](const auto& x) { return d.forward(x, labels); }, images, 10);
  const auto gradients = grad<double>({r1}, d.parameters(), {.allow_unused = true});
  std::size_t i = 0;
  for (const auto& field : d.list()) {
    CAPTURE(field.name);
    const auto& g = gradients[i++];
    CHECK((g.defined() && squared_norm(g) > 0) == !field.name.ends_with("bias"));
  }
}

TEST_CASE("a detached penalty has no gradient", "[gan][penalties]") {
  Rng rng(6);
  const LinearCritic critic{ones<double>({1, 3}).requires_grad_(), zeros<double>({1})};
  const auto x = ones<double>({2, 3});
  const auto r1 = zero_centred_penalty(critic, x, 1);
  CHECK_THROWS_AS(backward(r1.detach()), GraphError);
  CHECK_THROWS_AS(grad(r1.detach(), critic.w), GraphError);
  // Next to a loss it adds nothing.
  const auto loss = mean(critic(x));
  CHECK(grad(loss + r1.detach(), critic.w).to_vector() == grad(mean(critic(x)), critic.w).to_vector());
}

TEST_CASE("a penalty can be measured under NoGrad", "[gan][penalties]") {
  const LinearCritic critic{ones<double>({1, 3}).requires_grad_(), zeros<double>({1})};
  const NoGrad guard;
  CHECK(zero_centred_penalty(critic, ones<double>({2, 3}), 2).item() == Approx(3));
}

TEST_CASE("a penalty leaves no gradient in images or parameters, and no graph behind", "[gan][penalties]") {
  Rng rng(7);
  const auto before = live_nodes();
  const LinearCritic critic{ones<double>({1, 3}).requires_grad_(), zeros<double>({1})};
  const auto x = ones<double>({2, 3});
  {
    const auto r1 = zero_centred_penalty(critic, x, 1);
    CHECK(r1.requires_grad());
    CHECK(live_nodes() > before);
  }
  CHECK(live_nodes() == before);
  CHECK_FALSE(x.requires_grad());
  CHECK_FALSE(critic.w.grad().defined());
}

TEST_CASE("WGAN-GP draws one place an image between real and generated", "[gan][penalties]") {
  // D(x) = sum x^3 / 3 has the slope |x^2| at x; with real 0 and fake 1 the drawn place is a itself.
  const auto real = zeros<double>({6, 1}), fake = ones<double>({6, 1});
  const auto critic = [](const Tensor<double>& x) { return sum(x * square(x), {1}) * (1.0 / 3); };
  Rng rng(8, "penalty"), same(8, "penalty");
  const double value = gradient_penalty(critic, real, fake, 2, rng).item();
  const auto a = uniform<double>({6}, 0, 1, same);
  CHECK(value == Approx(2 * mean(square(square(a) - 1.0)).item()).epsilon(1e-13));
  CHECK(rng.position() == same.position());
}

TEST_CASE("WGAN-GP stays finite where the slope is zero", "[gan][penalties]") {
  const auto w = zeros<double>({1, 3}).requires_grad_();
  const auto x = ones<double>({2, 3});
  Rng rng(9);
  const auto gp = gradient_penalty(LinearCritic{w, Tensor<double>()}, x, x, 10, rng);
  CHECK(gp.item() == Approx(10).epsilon(1e-5));
  const auto gradient = grad(gp, w);
  for (const double g : gradient.data()) CHECK(std::isfinite(g));
}

TEST_CASE("WGAN-GP of a slope that is not finite is not finite", "[gan][penalties]") {
  const double bad = GENERATE(std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN());
  const auto w = from_data<double>({1, bad, 1}, {1, 3}).requires_grad_();
  const auto x = ones<double>({2, 3});
  Rng rng(9);
  const auto gp = gradient_penalty(LinearCritic{w, Tensor<double>()}, x, x, 10, rng);
  CHECK_FALSE(std::isfinite(gp.item()));
}

TEST_CASE("WGAN-GP refuses images of different shapes", "[gan][penalties]") {
  Rng rng(10);
  const auto critic = [](const Tensor<double>& x) { return sum(x, {1}); };
  CHECK_THROWS_AS(gradient_penalty(critic, zeros<double>({2, 3}), zeros<double>({3, 3}), 1, rng), ShapeError);
  CHECK_THROWS_AS(gradient_penalty(critic, zeros<double>({2}), zeros<double>({2}), 1, rng), ShapeError);
}
