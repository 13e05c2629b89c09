#pragma once

#include <agon/core/rng.hpp>
#include <agon/tensor/tensor.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agon {

/// Images with a label each: pixels [n, h, w, c], 0 to 255, and labels [n] in [0, classes).
struct ImageDataset {
  Tensor<std::uint8_t> images;
  Tensor<std::int32_t> labels;
  std::int64_t classes;
  std::string name;

  /// Throws ShapeError unless the shapes agree and every label is below `classes`.
  ImageDataset(Tensor<std::uint8_t> images_, Tensor<std::int32_t> labels_, std::int64_t classes_, std::string name_)
      : images(std::move(images_)), labels(std::move(labels_)), classes(classes_), name(std::move(name_)) {
    check<ShapeError>(images.rank() == 4, "dataset '", name, "': images have shape ", images.shape(),
                      "; expected [n, h, w, c]");
    check<ShapeError>(labels.shape() == Shape{images.size(0)}, "dataset '", name, "': labels have shape ",
                      labels.shape(), " for images ", images.shape(), "; expected [", images.size(0), "]");
    std::int64_t index = 0;
    for (const auto label : labels.data()) {
      check<ShapeError>(label >= 0 && label < classes, "dataset '", name, "': label ", label, " of image ", index,
                        "; expected 0 to ", classes - 1);
      ++index;
    }
  }

  /// Number of images.
  std::int64_t size() const { return images.size(0); }

  /// A hash of all pixels and labels: tells this set from another, whatever either is called.
  std::uint64_t contents() const {
    const auto hash = [](const auto& tensor) {
      return hash_name({reinterpret_cast<const char*>(tensor.data().data()), tensor.data().size_bytes()});
    };
    return 31 * hash(images) + hash(labels);
  }
};

}  // namespace agon
