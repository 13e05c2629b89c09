#include <agon/io/png.hpp>

#include "support.hpp"

#include <png.h>

#include <cmath>
#include <limits>

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor<std::uint8_t> counting(const Shape& shape) {
  auto tensor = Tensor<std::uint8_t>::uninitialized(shape);
  int i = 0;
  for (auto& x : tensor.mutable_data()) x = static_cast<std::uint8_t>(i++ * 37);
  return tensor;
}

// The pixels of a PNG file, read by libpng.
Bytes decode(const Bytes& file, int channels, std::uint32_t height, std::uint32_t width) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, file.data(), file.size()) != 0);
  CHECK(image.height == height);
  CHECK(image.width == width);
  CHECK(image.format == (channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY));
  Bytes pixels(PNG_IMAGE_SIZE(image));
  REQUIRE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0);
  return pixels;
}

}  // namespace

TEST_CASE("PNG gives back grey and colour pixels") {
  for (const auto& shape : {Shape{5, 3}, Shape{5, 3, 1}, Shape{5, 3, 3}, Shape{1, 1}, Shape{300, 7, 3}}) {
    const auto picture = counting(shape);
    const auto pixels = decode(encode_png(picture), shape.rank() == 3 ? static_cast<int>(shape[2]) : 1,
                               static_cast<std::uint32_t>(shape[0]), static_cast<std::uint32_t>(shape[1]));
    CHECK(pixels == picture.to_vector());
  }
  const TemporaryFolder folder;
  save_png(folder / "a.png", counting({4, 4}));
  CHECK(read_file(folder / "a.png", 10000) == encode_png(counting({4, 4})));
}

TEST_CASE("PNG refuses what is no picture") {
  for (const auto& shape :
       {Shape{}, Shape{4}, Shape{4, 4, 2}, Shape{4, 4, 4}, Shape{1, 4, 4, 1}, Shape{0, 4}, Shape{4, 0, 3}})
    CHECK_THROWS_AS(encode_png(counting(shape)), ShapeError);
  // libpng itself takes at most a million pixels a row.
  CHECK_THAT(io_error_of([] { encode_png(counting({1, 1 << 21})); }), ContainsSubstring("libpng cannot write"));
}

TEST_CASE("a grid places images row by row") {
  const auto images = counting({3, 1, 2, 1});  // 0 37 | 74 111 | 148 185
  const auto one = grid(images, {.columns = 2, .padding = 1, .scale = 1, .background = 9});
  CHECK(one.shape() == Shape{5, 7, 1});
  CHECK(one.to_vector() == Bytes{9, 9,   9,   9, 9,  9,   9,  //
                                 9, 0,   37,  9, 74, 111, 9,  //
                                 9, 9,   9,   9, 9,  9,   9,  //
                                 9, 148, 185, 9, 9,  9,   9,  //
                                 9, 9,   9,   9, 9,  9,   9});
  const auto scaled = grid(images, {.columns = 2, .padding = 1, .scale = 3, .background = 9});
  REQUIRE(scaled.shape() == Shape{15, 21, 1});
  for (std::int64_t y = 0; y < 15; ++y)
    for (std::int64_t x = 0; x < 21; ++x) CHECK(scaled.at({y, x, 0}) == one.at({y / 3, x / 3, 0}));
  CHECK(grid(counting({2, 3, 4, 3}), {.columns = 10, .padding = 0}).shape() == Shape{3, 8, 3});
}

TEST_CASE("a grid of numbers in [-1, 1] shows them as pixels") {
  auto images = Tensor<float>::uninitialized({1, 1, 6, 1});
  const float values[] = {-1, 1, 0, -7, 7, std::numeric_limits<float>::quiet_NaN()};
  std::copy(std::begin(values), std::end(values), images.mutable_data().begin());
  CHECK(grid(images, {.padding = 0}).to_vector() == Bytes{0, 255, 128, 0, 255, 0});
}

TEST_CASE("a grid refuses nonsense") {
  const auto images = counting({2, 2, 2, 1});
  CHECK_THROWS_AS(grid(counting({2, 2, 2})), ShapeError);
  CHECK_THROWS_AS(grid(counting({0, 2, 2, 1})), ShapeError);
  CHECK_THROWS_AS(grid(images, {.columns = 0}), ShapeError);
  CHECK_THROWS_AS(grid(images, {.padding = -1}), ShapeError);
  CHECK_THROWS_AS(grid(images, {.scale = 0}), ShapeError);
}
