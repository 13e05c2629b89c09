#pragma once

#include <agon/io/file.hpp>
#include <agon/io/grid.hpp>
#include <agon/tensor/tensor.hpp>

#include <png.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace agon::io {

/// A PNG file of a picture [h, w] or [h, w, 1] in grey, or [h, w, 3] in colour.
/// Throws ShapeError for other shapes and for more than 2^28 values, IoError when libpng fails.
inline Bytes encode_png(const Tensor<std::uint8_t>& picture) {
  const auto& shape = picture.shape();
  const auto channels = shape.rank() == 3 ? shape[2] : 1;
  check<ShapeError>((shape.rank() == 2 || shape.rank() == 3) && (channels == 1 || channels == 3),
                    "png: picture has shape ", shape, "; expected [h, w], [h, w, 1] or [h, w, 3]");
  check<ShapeError>(shape.numel() > 0 && shape.numel() <= std::int64_t{1} << 28, "png: picture has shape ", shape,
                    "; expected 1 to 2^28 values");

  // libpng's simplified interface keeps its longjmp to itself and reports by return value.
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(shape[1]);
  image.height = static_cast<png_uint_32>(shape[0]);
  image.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes bytes(size);
  const int ok = png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.data().data(), 0, nullptr);
  const std::string message = image.message;
  png_image_free(&image);
  check<IoError>(ok != 0, "png: libpng cannot write ", shape, ": ", message);
  bytes.resize(size);
  return bytes;
}

/// Writes a picture as a PNG file, whole or not at all; see encode_png and write_file.
inline void save_png(const std::filesystem::path& path, const Tensor<std::uint8_t>& picture) {
  write_file(path, encode_png(picture));
}

}  // namespace agon::io
