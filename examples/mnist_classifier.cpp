// Trains a small convolutional classifier on MNIST, says how good it is on the test set, and judges generated digits:
// how many does it read as the label that was asked for?
//
//   mnist_classifier MNIST_FOLDER [FOLDER WITH samples.npy AND labels.npy [EPOCHS]]

#include <agon/agon.hpp>
#include <agon/io/mnist.hpp>
#include <agon/io/npy.hpp>

#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

using namespace agon;

namespace {

constexpr std::int64_t batch_size = 128;

Sequential<float> make_classifier(Rng& rng) {
  const auto conv = [&](std::int64_t in, std::int64_t out, std::int64_t stride) {
    return Conv2D<float>({.in_channels = in,
                          .out_channels = out,
                          .kernel_size = stride == 1 ? 3 : 4,
                          .stride = stride,
                          .padding = 1,
                          .activation = relu(),
                          .init = Init::he_normal},
                         rng);
  };
  return Sequential<float>(
      conv(1, 32, 1), conv(32, 32, 2), conv(32, 64, 1), conv(64, 64, 2), Flatten<float>(),
      Dense<float>({.in_features = 7 * 7 * 64, .out_features = 128, .activation = relu(), .init = Init::he_normal},
                   rng),
      Dropout<float>({.p = 0.4}), Dense<float>({.in_features = 128, .out_features = 10}, rng));
}

void train(Sequential<float>& net, const ImageDataset& digits, int epochs) {
  Loader<float> loader(digits, {.batch_size = batch_size, .translation = 0.08, .seed = 1});
  Adam<float> adam(net.parameters(), {.lr = 2e-3});
  Rng drops(1, "dropout");
  const auto steps = epochs * loader.batches();
  const Schedule schedule{.decay = Schedule::Decay::cosine, .warmup = 20, .end = steps};
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto batch = loader.next();
    adam.set_lr(2e-3 * schedule.factor(step));
    const auto loss = cross_entropy(net(batch.images, {.training = true, .rng = &drops}), batch.labels);
    adam.step(grad<float>({loss}, adam.parameters()));
    if (step % 100 == 0) std::cout << "step " << step << " of " << steps << ", loss " << loss.item() << std::endl;
  }
}

// How many of each label's images the classifier reads as that label.
std::vector<std::int64_t> count_right(const Sequential<float>& net, const ImageDataset& digits) {
  const NoGrad guard;
  std::vector<std::int64_t> right(10, 0);
  for (std::int64_t first = 0; first < digits.size(); first += 500) {
    const auto count = std::min<std::int64_t>(500, digits.size() - first);
    const auto pixels = digits.images.window({count, 28, 28, 1}, first * 28 * 28);
    const auto read = argmax(net(to_signed_unit<float>(pixels)), 1);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto label = digits.labels.at({first + i});
      right[static_cast<std::size_t>(label)] += read.at({i}) == label;
    }
  }
  return right;
}

void report(const std::string& name, const Sequential<float>& net, const ImageDataset& digits) {
  const auto right = count_right(net, digits);
  std::vector<std::int64_t> of_label(10, 0);
  for (auto label : digits.labels.data()) ++of_label[static_cast<std::size_t>(label)];
  std::int64_t total = 0;
  for (auto r : right) total += r;
  std::cout << std::fixed << std::setprecision(2) << name << ": " << digits.size() << " images, "
            << 100.0 * static_cast<double>(total) / static_cast<double>(digits.size()) << "% read as their label;";
  for (std::size_t k = 0; k < 10; ++k)
    if (of_label[k] > 0)
      std::cout << "  " << k << ": " << 100.0 * static_cast<double>(right[k]) / static_cast<double>(of_label[k]);
  std::cout << std::endl;
}

ImageDataset load_samples(const std::filesystem::path& folder) {
  const auto images = io::load_npy<std::uint8_t>(folder / "samples.npy");
  const auto labels = io::load_npy<std::int32_t>(folder / "labels.npy");
  return {images.window({images.size(0), 28, 28, 1}, 0), labels, 10, "samples"};
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2 || argc > 4) {
    std::cerr << "usage: mnist_classifier MNIST_FOLDER [SAMPLES_FOLDER [EPOCHS]]\n";
    return 2;
  }
  const FlushDenormals guard;
  Rng rng(1, "init/classifier");
  auto net = make_classifier(rng);
  train(net, io::load_mnist(argv[1], io::Split::train), argc > 3 ? std::stoi(argv[3]) : 4);
  report("MNIST test set", net, io::load_mnist(argv[1], io::Split::test));
  if (argc > 2) report(argv[2], net, load_samples(argv[2]));
} catch (const std::exception& error) {
  std::cerr << "mnist_classifier: " << error.what() << '\n';
  return 1;
}
