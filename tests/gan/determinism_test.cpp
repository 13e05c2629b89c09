#include "gan/run.hpp"

using namespace agon;
using run::Run;

namespace {

// Weights after some steps with a number of threads.
Run<float> trained(const TrainingOptions& options, int threads, int steps) {
  const ThreadScope scope(threads);
  Run run(options);
  run.steps(steps);
  return run;
}

void check_same_bits(const TrainingOptions& options, int steps) {
  const auto one = trained(options, 1, steps);
  for (const int threads : {2, 4}) {
    CAPTURE(threads, steps);
    CHECK(run::same_bits(trained(options, threads, steps), one));
  }
}

}  // namespace

TEST_CASE("the same seed gives the same bits with 1, 2 and 4 threads", "[gan][determinism]") {
  check_same_bits({.seed = 7}, 3);
  check_same_bits({.loss = Loss::relativistic, .r1 = 1, .r2 = 1, .gradient_penalty = 1, .max_grad_norm = 1}, 2);
}

TEST_CASE("the same seed gives the same bits after 50 steps with 1, 2 and 4 threads", "[gan][determinism][.slow]") {
  check_same_bits({.seed = 8}, 50);
}

TEST_CASE("another seed gives other weights", "[gan][determinism]") {
  CHECK_FALSE(run::same_bits(trained({.seed = 1}, 2, 1), trained({.seed = 2}, 2, 1)));
}

TEST_CASE("in the first step single and double precision agree", "[gan][determinism]") {
  for (const auto& options : {TrainingOptions{}, {.r1 = 10}, {.gradient_penalty = 10}}) {
    Run<float> single(options);
    Run<double> both(options);
    // The same weights: a generator of double numbers draws others.
    const auto same_weights = [](const auto& from, auto& to) {
      auto state = to.state();
      for (const auto& field : from.list()) state.set(field.name, cast<double>(field.tensor.detach()));
      to.load(state);
    };
    same_weights(single.g, both.g);
    same_weights(single.d, both.d);
    const auto a = single.step(), b = both.step();
    CHECK(a.d_loss == Approx(b.d_loss).epsilon(1e-3));
    CHECK(a.penalty == Approx(b.penalty).epsilon(1e-3));
    CHECK(a.d_grad_norm == Approx(b.d_grad_norm).epsilon(1e-3));
  }
}
