// A short run on drawn digits: a classifier trained on real ones reads the label that was asked for off the samples.

#include "gan/run.hpp"

#include <agon/data/drawn_digits.hpp>
#include <agon/data/loader.hpp>
#include <agon/data/pixels.hpp>
#include <agon/nn/sequential.hpp>
#include <agon/nn/simple_layers.hpp>
#include <agon/optim/schedule.hpp>

using namespace agon;

namespace {

// A small convolutional network, trained for 200 batches of 64 drawn digits.
Sequential<float> trained_classifier() {
  Rng rng(1, "classifier");
  Sequential<float> net(Conv2D<float>({.in_channels = 1,
                                       .out_channels = 16,
                                       .kernel_size = 4,
                                       .stride = 2,
                                       .padding = 1,
                                       .activation = leaky_relu(0.1)},
                                      rng),
                        Conv2D<float>({.in_channels = 16,
                                       .out_channels = 32,
                                       .kernel_size = 4,
                                       .stride = 2,
                                       .padding = 1,
                                       .activation = leaky_relu(0.1)},
                                      rng),
                        Flatten<float>(), Dense<float>({.in_features = 7 * 7 * 32, .out_features = 10}, rng));
  Adam<float> adam(net.parameters(), {.lr = 2e-3});
  Loader<float> loader(drawn_digits(4000, 1), {.batch_size = 64});
  for (int step = 0; step < 200; ++step) {
    const auto batch = loader.next();
    adam.zero_grad();
    backward(cross_entropy(net(batch.images), batch.labels));
    adam.step();
  }
  return net;
}

// The share of images in which the classifier reads their label.
double accuracy(const Sequential<float>& classifier, const Tensor<float>& images, const Tensor<std::int32_t>& labels) {
  const NoGrad guard;
  const auto read = argmax(classifier(images), 1);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < labels.numel(); ++i) right += read.at({i}) == labels.at({i});
  return static_cast<double>(right) / static_cast<double>(labels.numel());
}

}  // namespace

TEST_CASE("600 steps of the tiny network teach it to draw the digit that is asked for", "[gan][learns][.slow]") {
  constexpr std::int64_t steps = 600, samples = 1000;
  constexpr double lr = 6e-3, threshold = 0.9;  // seeds 0 to 3 reached 0.966 to 0.984

  const auto classifier = trained_classifier();
  const auto unseen = drawn_digits(1000, 2);
  REQUIRE(accuracy(classifier, to_signed_unit<float>(unseen.images), unseen.labels) >= 0.97);

  run::Run run({}, lr);
  auto average = run.g.clone();
  const Schedule schedule{.decay = Schedule::Decay::linear, .start = steps * 7 / 10, .end = steps};
  Loader<float> loader(drawn_digits(10000), {.batch_size = 32});
  for (std::int64_t step = 0; step < steps; ++step) {
    for (auto* optimizer : {&run.g_optimizer, &run.d_optimizer}) optimizer->set_lr(lr * schedule.factor(step));
    const auto batch = loader.next();
    REQUIRE_FALSE(run.training.step(batch.images, batch.labels).skipped);
    average_model(average, run.g, ema_decay(step, 0.05 * steps));
  }

  Rng rng(5, "samples");
  const auto labels = randint<std::int32_t>({samples}, 10, rng);
  const NoGrad guard;
  const auto images = average.forward(normal<float>({samples, 32}, 0, 1, rng), labels);
  CHECK(accuracy(classifier, images, labels) >= threshold);

  // Samples of one digit differ, and untrained networks do not pass.
  const auto ones = full<std::int32_t>({64}, 1);
  const auto spread = mean(var(average.forward(normal<float>({64, 32}, 0, 1, rng), ones), {0})).item();
  const auto real = [&] {
    std::vector<Tensor<float>> found;
    const auto all = to_signed_unit<float>(unseen.images);
    for (std::int64_t i = 1; i < 640; i += 10) found.push_back(slice(all, 0, i, i + 1));
    return mean(var(concat(found), {0})).item();
  }();
  INFO("variance of the pixels of ones: " << spread << ", of real ones: " << real);
  CHECK(spread > 0.3f * real);
  CHECK(accuracy(classifier, run::Run<float>().g.forward(zeros<float>({samples, 32}), labels), labels) < 0.3);
}
