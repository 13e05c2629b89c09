// What the training loop asks of its two players, seen by players that write it down.

#include <agon/gan/training.hpp>
#include <agon/nn/dense.hpp>
#include <agon/optim/sgd.hpp>

#include "catch.hpp"

using namespace agon;

namespace {

using Labels = std::vector<std::int32_t>;

struct Call {
  Labels labels;
  bool training, update_buffers, recorded;
};

struct PlayerOptions {
  std::int64_t latent = 2, classes = 10;
};

class Player : public Module<double> {
 public:
  explicit Player(std::int64_t in, std::int64_t out, Rng& rng)
      : layer_({.in_features = in, .out_features = out}, rng) {}
  PlayerOptions options() const { return {}; }
  void fields(Fields<double>& v) override { v.child("layer", layer_); }

  Tensor<double> forward(const Tensor<double>& x, const Tensor<std::int32_t>& labels, const Context& ctx) const {
    calls.push_back({labels.to_vector(), ctx.training, ctx.update_buffers, grad_enabled()});
    const auto y = layer_(x, ctx);
    return y.size(1) == 1 ? reshape(y, {-1}) : y;
  }

  mutable std::vector<Call> calls;

 private:
  Dense<double> layer_;
};

// The calls of one step on 16 images with these labels.
std::pair<std::vector<Call>, std::vector<Call>> calls_of_step(const TrainingOptions& options, const Labels& labels) {
  Rng rng(1);
  Player g(2, 3, rng), d(3, 1, rng);
  Sgd<double> g_sgd(g.parameters(), {}), d_sgd(d.parameters(), {});
  Training<double, Player, Player> training(g, d, g_sgd, d_sgd, options);
  training.step(normal<double>({16, 3}, 0, 1, rng), from_data<std::int32_t>(labels, {16}));
  return {g.calls, d.calls};
}

const Labels real_labels{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

Labels half(const Labels& both, bool second) {
  const auto middle = both.begin() + static_cast<std::ptrdiff_t>(both.size() / 2);
  return second ? Labels(middle, both.end()) : Labels(both.begin(), middle);
}

}  // namespace

TEST_CASE("buffers of either network advance in its own update only", "[gan][training]") {
  const auto [g, d] = calls_of_step({}, real_labels);
  REQUIRE(g.size() == 2);
  REQUIRE(d.size() == 2);
  CHECK((g[0].training && !g[0].update_buffers && !g[0].recorded));  // images for the discriminator
  CHECK((d[0].training && d[0].update_buffers && d[0].recorded));    // real and generated at once
  CHECK((g[1].training && g[1].update_buffers && g[1].recorded));
  CHECK((d[1].training && !d[1].update_buffers && d[1].recorded));
}

TEST_CASE("generated images have labels of their own", "[gan][training]") {
  const auto [g, d] = calls_of_step({}, real_labels);
  REQUIRE(d[0].labels.size() == 32);
  CHECK(half(d[0].labels, false) == real_labels);
  CHECK(half(d[0].labels, true) == g[0].labels);
  CHECK(g[0].labels != real_labels);
  CHECK(g[1].labels == d[1].labels);
  CHECK(g[1].labels != g[0].labels);
  for (const auto label : g[0].labels) CHECK((label >= 0 && label < 10));
}

TEST_CASE("the relativistic loss pairs images of one label", "[gan][training]") {
  const auto [g, d] = calls_of_step({.loss = Loss::relativistic}, real_labels);
  REQUIRE(g.size() == 2);
  REQUIRE(d.size() == 3);  // the generator's loss needs the logits of real images, without a graph
  for (const auto& call : g) CHECK(call.labels == real_labels);
  CHECK(half(d[0].labels, true) == real_labels);
  CHECK(d[1].labels == real_labels);
  CHECK(d[2].labels == real_labels);
  CHECK((d[1].recorded && !d[2].recorded));
}

TEST_CASE("penalties see the labels of their images and advance nothing", "[gan][training]") {
  const auto [g, d] = calls_of_step({.r1 = 1, .r2 = 1, .gradient_penalty = 1}, real_labels);
  REQUIRE(d.size() == 5);
  CHECK(d[1].labels == real_labels);
  CHECK(d[2].labels == g[0].labels);
  CHECK(d[3].labels == real_labels);
  for (std::size_t i = 1; i < 4; ++i) CHECK_FALSE(d[i].update_buffers);
}

TEST_CASE("every discriminator update draws anew", "[gan][training]") {
  Rng rng(1);
  Player g(2, 3, rng), d(3, 1, rng);
  Sgd<double> g_sgd(g.parameters(), {}), d_sgd(d.parameters(), {});
  Training<double, Player, Player> training(g, d, g_sgd, d_sgd, {.critic_steps = 2});
  const auto images = normal<double>({16, 3}, 0, 1, rng);
  training.step(images, from_data<std::int32_t>(real_labels, {16}));
  training.step(images, from_data<std::int32_t>(real_labels, {16}));
  REQUIRE(g.calls.size() == 3);
  CHECK(g.calls[0].labels != g.calls[1].labels);
  CHECK(training.draw_z(4).to_vector() != training.draw_z(4).to_vector());
}
