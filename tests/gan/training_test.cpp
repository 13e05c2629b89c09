#include <agon/optim/sgd.hpp>

#include "gan/run.hpp"

#include <cmath>
#include <limits>

using namespace agon;
using run::Run;
using run::weights;

TEST_CASE("every loss and penalty trains with finite figures", "[gan][training]") {
  for (const auto loss :
       {Loss::minimax, Loss::non_saturating, Loss::hinge, Loss::least_squares, Loss::wasserstein, Loss::relativistic}) {
    CAPTURE(static_cast<int>(loss));
    Run run({.loss = loss});
    const auto g = weights(run.g), d = weights(run.d);
    for (int i = 0; i < 3; ++i) {
      const auto report = run.step();
      for (const double x : {report.d_loss, report.g_loss, report.real_logit, report.fake_logit})
        CHECK(std::isfinite(x));
      CHECK(report.d_grad_norm > 0);
      CHECK(report.g_grad_norm > 0);
      CHECK(report.penalty == 0);
      CHECK_FALSE(report.skipped);
    }
    CHECK(weights(run.g) != g);
    CHECK(weights(run.d) != d);
  }
  for (const auto& options : {TrainingOptions{.r1 = 1}, {.r2 = 1}, {.gradient_penalty = 10}}) {
    Run run(options);
    const auto report = run.step();
    CHECK(report.penalty > 0);
    CHECK(report.d_loss > report.penalty);  // the hinge loss is never negative
    CHECK_FALSE(report.skipped);
  }
  const double all = Run<float>({.r1 = 1, .r2 = 2, .gradient_penalty = 10}).step().penalty;
  const double parts = Run<float>({.r1 = 1}).step().penalty + Run<float>({.r2 = 2}).step().penalty +
                       Run<float>({.gradient_penalty = 10}).step().penalty;
  CHECK(all == Approx(parts).epsilon(1e-5));
}

TEST_CASE("the generator is updated after every critic_steps updates of the discriminator", "[gan][training]") {
  Run run({.critic_steps = 3});
  for (int i = 1; i <= 6; ++i) {
    const auto g = weights(run.g), d = weights(run.d);
    const auto report = run.step();
    CAPTURE(i);
    CHECK(weights(run.d) != d);
    CHECK((weights(run.g) != g) == (i % 3 == 0));
    CHECK((report.g_grad_norm > 0) == (i % 3 == 0));
  }
  CHECK(run.d_optimizer.steps() == 6);
  CHECK(run.g_optimizer.steps() == 2);
  CHECK_THROWS_AS(Run<float>({.critic_steps = 0}), Error);
}

TEST_CASE("an update whose gradients are not finite is left out", "[gan][training]") {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e38f})
    for (const double max_norm : {0.0, 1.0}) {
      CAPTURE(bad, max_norm);
      Run run({.max_grad_norm = max_norm});
      run.step();
      const auto before = run.d.parameters()[0].to_vector();
      const auto report = run.training.step(full<float>({8, 28, 28, 1}, bad), zeros<std::int32_t>({8}));
      CHECK(report.skipped);
      CHECK_FALSE(std::isfinite(report.d_grad_norm));
      CHECK(run.d.parameters()[0].to_vector() == before);
      CHECK(run.d_optimizer.steps() == 1);
      CHECK(std::isfinite(report.g_grad_norm));  // the generator saw none of these images

      const auto next = run.step();
      CHECK_FALSE(next.skipped);
      CHECK(std::isfinite(next.d_loss));
      for (const auto& values : {weights(run.g), weights(run.d)})
        CHECK(std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); }));
    }
}

TEST_CASE("clipping bounds the step and reports the norm before it", "[gan][training]") {
  const auto norm_of_change = [](double max_norm) {
    Rng rng(1);
    Generator<double> g(generator_preset(Size::tiny), rng);
    Discriminator<double> d(discriminator_preset(Size::tiny), rng);
    Sgd<double> g_sgd(g.parameters(), {.lr = 1}), d_sgd(d.parameters(), {.lr = 1});
    Training<double, Generator<double>, Discriminator<double>> training(g, d, g_sgd, d_sgd,
                                                                        {.max_grad_norm = max_norm});
    std::vector<Tensor<double>> before;
    for (const auto& p : d.parameters()) before.push_back(p.clone());
    const auto report = training.step(uniform<double>({4, 28, 28, 1}, -1, 1, rng), randint<std::int32_t>({4}, 10, rng));
    double squares = 0;
    const NoGrad guard;
    for (std::size_t i = 0; i < before.size(); ++i) squares += sum(square(d.parameters()[i] - before[i])).item();
    return std::pair{std::sqrt(squares), report.d_grad_norm};
  };
  const auto [free_change, free_norm] = norm_of_change(0);
  CHECK(free_change == Approx(free_norm).epsilon(1e-10));
  const auto [clipped_change, reported] = norm_of_change(free_norm / 10);
  CHECK(reported == Approx(free_norm).epsilon(1e-12));
  CHECK(clipped_change == Approx(free_norm / 10).epsilon(1e-10));
}

TEST_CASE("each player computes gradients for its own weights only", "[gan][training]") {
  Run run;
  run.step();
  int weight_gradients = 0, generator_forwards = 0;
  {
    const ObserverScope scope([&](const OpEvent& event) {
      weight_gradients += event.op == "conv2d_weight_grad" && !event.backward;
      generator_forwards += event.op == "batch_norm" && !event.backward;
    });
    run.step();
  }
  CHECK(generator_forwards == 6);  // three norms, once for either player
  CHECK(weight_gradients == 6);    // three convolutions of each network, once
  for (const auto& p : run.d.parameters()) CHECK_FALSE(p.grad().defined());
  for (const auto& p : run.g.parameters()) CHECK_FALSE(p.grad().defined());
}

TEST_CASE("a stored run goes on as if it had not stopped, bit for bit", "[gan][training]") {
  const TrainingOptions options{.r1 = 0.5, .gradient_penalty = 1, .critic_steps = 2, .seed = 5};
  Run straight(options), stopped(options);
  straight.steps(5);
  stopped.steps(3);  // between two updates of the generator
  const auto state = stopped.state();
  Run resumed(options);
  CHECK_FALSE(run::same_bits(resumed, stopped));
  resumed.load(state);
  resumed.steps(2);
  CHECK(run::same_bits(resumed, straight));
}

TEST_CASE("training refuses nonsense options", "[gan][training]") {
  const double bad = GENERATE(-1.0, std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_AS(Run<float>({.r1 = bad}), Error);
  CHECK_THROWS_AS(Run<float>({.r2 = bad}), Error);
  CHECK_THROWS_AS(Run<float>({.gradient_penalty = bad}), Error);
  CHECK_THROWS_AS(Run<float>({.max_grad_norm = bad}), Error);
}

TEST_CASE("training refuses a state that does not fit and stays as it was", "[gan][training]") {
  Run run, twin;
  auto state = run.training.state();
  state.set("z", zeros<float>({1}));
  CHECK_THROWS_AS(run.training.load(state), Error);
  CHECK_THROWS_AS(run.training.load(State()), Error);
  CHECK_THROWS_AS(run.training.load(Run<float>({.seed = 1}).training.state()), Error);
  run.step();
  twin.step();
  CHECK(run::same_bits(run, twin));
}

TEST_CASE("training refuses an optimiser of other parameters than its network's", "[gan][training]") {
  Run run;
  const auto message = [&](Optimizer<float>& g_optimizer, Optimizer<float>& d_optimizer) -> std::string {
    try {
      Training<float, Generator<float>, Discriminator<float>>(run.g, run.d, g_optimizer, d_optimizer, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  auto too_few = run.d.parameters();
  too_few.pop_back();
  Sgd<float> of_copies(run.g.clone().parameters(), {}), of_too_few(too_few, {});
  CHECK(message(run.g_optimizer, run.d_optimizer) == "accepted");
  CHECK_THAT(message(run.d_optimizer, run.g_optimizer),
             Catch::Matchers::ContainsSubstring("the generator's optimiser"));
  CHECK_THAT(message(of_copies, run.d_optimizer), Catch::Matchers::ContainsSubstring("the generator's optimiser"));
  CHECK_THAT(message(run.g_optimizer, of_too_few), Catch::Matchers::ContainsSubstring("the discriminator's optimiser"));
}
