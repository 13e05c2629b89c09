#include "commands.hpp"
#include "files.hpp"

#include <agon/core/parallel.hpp>
#include <agon/io/grid.hpp>
#include <agon/io/npy.hpp>
#include <agon/io/png.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace trainer {

using namespace agon;

namespace {

constexpr std::int64_t most_columns = 20;

// The first images of each digit, one row a digit.
Tensor<std::uint8_t> overview(const Tensor<std::uint8_t>& images, std::int64_t digits) {
  const auto per_digit = images.size(0) / digits, columns = std::min(per_digit, most_columns);
  const auto pixels = images.numel() / images.size(0);
  auto shown = empty<std::uint8_t>(images.shape().with(0, digits * columns));
  auto to = shown.mutable_data().begin();
  for (std::int64_t digit = 0; digit < digits; ++digit)
    to = std::copy_n(images.data().begin() + digit * per_digit * pixels, columns * pixels, to);
  return io::grid(shown, {.columns = columns, .scale = 2});
}

}  // namespace

int sample(const SampleOptions& options) {
  const ThreadScope threads(options.threads > 0 ? options.threads : num_threads());
  const auto trained = load_weights(options.weights);
  Rng rng(options.seed, "sample");
  const auto labels = repeated(options.digits, options.per_digit);
  const auto images = draw(trained.generator, labels, rng);

  const std::filesystem::path out = options.out;
  make_folder(out);
  io::save_png(out / "grid.png", overview(images, static_cast<std::int64_t>(options.digits.size())));
  io::save_npy(out / "samples.npy", images.window({images.size(0), images.size(1), images.size(2)}, 0));
  io::save_npy(out / "labels.npy", labels);
  std::cout << images.size(0) << " images: " << (out / "grid.png").string() << ", samples.npy, labels.npy\n";
  return 0;
}

}  // namespace trainer
