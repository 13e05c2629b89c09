#pragma once

#include <agon/data/dataset.hpp>
#include <agon/io/idx.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

namespace agon::io {

/// The two parts that MNIST comes in: 60,000 images to train with and 10,000 to test with.
enum class Split { train, test };

namespace detail {

/// The path of an MNIST file in any of its usual spellings: dash or dot, raw or gzip.
inline std::filesystem::path find_mnist_file(const std::filesystem::path& folder, const std::string& stem,
                                             const std::string& ending) {
  const std::array names{stem + "-" + ending, stem + "." + ending, stem + "-" + ending + ".gz",
                         stem + "." + ending + ".gz"};
  std::error_code ignored;
  const auto found =
      std::ranges::find_if(names, [&](const auto& name) { return std::filesystem::exists(folder / name, ignored); });
  check<IoError>(found != names.end(), folder.string(), ": has none of ", names[0], ", ", names[1], ", ", names[2],
                 ", ", names[3]);
  return folder / *found;
}

}  // namespace detail

/// Reads one part of MNIST, or of a set in the same form such as Fashion-MNIST, from a folder: images [n, 28, 28, 1]
/// and labels 0 to 9. The data set is named after the folder. Throws IoError when a file is missing, damaged or of
/// another size than the rest.
inline ImageDataset load_mnist(const std::filesystem::path& folder, Split split) {
  std::error_code ignored;
  check<IoError>(std::filesystem::is_directory(folder, ignored), folder.string(), ": no such folder");
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const auto image_path = detail::find_mnist_file(folder, prefix + "-images", "idx3-ubyte");
  const auto label_path = detail::find_mnist_file(folder, prefix + "-labels", "idx1-ubyte");

  const auto images = load_idx(image_path);
  check<IoError>(images.rank() == 3 && images.size(1) == 28 && images.size(2) == 28, image_path.string(),
                 ": images have shape ", images.shape(), "; expected [n, 28, 28]");
  const auto n = images.size(0);
  const auto bytes = load_idx(label_path);
  check<IoError>(bytes.shape() == Shape{n}, label_path.string(), ": labels have shape ", bytes.shape(), "; expected [",
                 n, "], one for each image of ", image_path.filename().string());

  auto labels = Tensor<std::int32_t>::uninitialized({n});
  auto label = labels.mutable_data().begin();
  for (const auto byte : bytes.data()) {
    check<IoError>(byte < 10, label_path.string(), ": label ", +byte, "; expected 0 to 9");
    *label++ = byte;
  }
  const auto name = std::filesystem::absolute(folder / ".", ignored).lexically_normal().parent_path().filename();
  return {images.window({n, 28, 28, 1}, 0), labels, 10, name.string()};
}

}  // namespace agon::io
