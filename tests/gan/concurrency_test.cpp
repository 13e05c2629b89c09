#include "gan/run.hpp"

#include <thread>

using namespace agon;

namespace {

// Calls body(i) on a thread of its own for every i < count.
template <class Body>
void on_threads(int count, const Body& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&body, i] {
      const ThreadScope one(1);
      body(i);
    });
  for (auto& thread : threads) thread.join();
}

// Images, logits and gradients that one user of a model computes.
std::vector<float> use(const Generator<float>& g, const Discriminator<float>& d, int user, const Context& ctx) {
  Rng rng(3, "user/" + std::to_string(user));
  std::vector<float> results;
  for (int round = 0; round < 3; ++round) {
    const auto z = normal<float>({3, g.options().latent}, 0, 1, rng);
    const auto labels = randint<std::int32_t>({3}, 10, rng);
    const auto images = g.forward(z, labels, ctx);
    const auto logits = d.forward(images, labels, ctx);
    const auto gradients = grad<float>({sum(logits)}, d.parameters());
    for (const auto& t : {images, logits, gradients.front(), gradients.back()})
      results.insert(results.end(), t.data().begin(), t.data().end());
  }
  return results;
}

}  // namespace

TEST_CASE("users of one const model on several threads get the bits they get alone", "[gan][threads]") {
  Rng rng(1);
  const Generator<float> g(generator_preset(Size::tiny), rng);
  const Discriminator<float> d(discriminator_preset(Size::tiny), rng);
  for (const Context& ctx : {inference, Context{.training = true}}) {
    constexpr int users = 4;
    std::vector<std::vector<float>> alone, together(users);
    for (int i = 0; i < users; ++i) alone.push_back(use(g, d, i, ctx));
    on_threads(users, [&](int i) { together[static_cast<std::size_t>(i)] = use(g, d, i, ctx); });
    for (std::size_t i = 0; i < users; ++i) {
      CAPTURE(i, ctx.training);
      CHECK(run::same_bits(together[i], alone[i]));
    }
  }
}

TEST_CASE("one thread may differentiate while another runs without gradients", "[gan][threads]") {
  Rng rng(2);
  const Discriminator<float> d(discriminator_preset(Size::tiny), rng);
  const auto images = uniform<float>({2, 28, 28, 1}, -1, 1, rng);
  const auto labels = zeros<std::int32_t>({2});
  std::vector<char> recorded(4);
  on_threads(4, [&](int i) {
    const GradMode mode(i % 2 == 0);
    for (int round = 0; round < 3; ++round)
      recorded[static_cast<std::size_t>(i)] = d.forward(images, labels).requires_grad() ? 1 : 0;
  });
  CHECK(recorded == std::vector<char>{1, 0, 1, 0});
}

TEST_CASE("runs on several threads at a time do not disturb each other", "[gan][threads]") {
  std::vector<std::vector<float>> alone(2), together(2);
  const auto train = [](int i) {
    run::Run run({.r1 = 1, .seed = static_cast<std::uint64_t>(i)});
    run.steps(2);
    return run::weights(run.d);
  };
  for (int i = 0; i < 2; ++i) alone[static_cast<std::size_t>(i)] = train(i);
  on_threads(2, [&](int i) { together[static_cast<std::size_t>(i)] = train(i); });
  for (std::size_t i = 0; i < 2; ++i) CHECK(run::same_bits(together[i], alone[i]));
}
