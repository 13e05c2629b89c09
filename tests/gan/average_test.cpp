#include "gan/run.hpp"

using namespace agon;

TEST_CASE("average_model averages parameters and statistics and copies the vectors of spectral norm",
          "[gan][average]") {
  run::Run<double> run;
  const auto check_average = [](const auto& model, const auto& train) {
    auto average = model.clone();
    train();
    const auto before = average.state();
    average_model(average, model, 0.75);
    const auto after = average.state(), target = model.state();
    for (const auto& field : model.list()) {
      CAPTURE(field.name);
      const auto from = before.template tensor<double>(field.name), to = target.template tensor<double>(field.name),
                 now = after.template tensor<double>(field.name);
      const bool copied = field.name.ends_with("_u") || field.name.ends_with("_v");
      CHECK((field.averaging == Averaging::copy) == copied);
      const auto expected = copied ? to : from * 0.75 + to * 0.25;
      CHECK(max(abs(now - expected)).item() <= 1e-15);
    }
  };
  check_average(run.g, [&] { run.step(); });
  check_average(run.d, [&] { run.step(); });
}

TEST_CASE("average_model leaves the model alone and refuses another one before anything changes", "[gan][average]") {
  run::Run<float> run;
  const auto model = run::weights(run.d);
  auto average = run.d.clone();
  average_model(average, run.d, 0.5);
  CHECK(run::weights(run.d) == model);

  run.step();
  auto options = discriminator_preset(Size::tiny);
  options.classes = 11;
  Rng rng(1);
  const Discriminator<float> other(options, rng);
  const auto before = run::weights(average);
  CHECK_THROWS_AS(average_model(average, other, 0.5), Error);
  CHECK_THROWS_AS(average_model(average, run.g, 0.5), Error);
  CHECK(run::weights(average) == before);
}
