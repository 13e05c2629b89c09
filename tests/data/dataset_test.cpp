#include <agon/data/dataset.hpp>
#include <agon/data/pixels.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace agon;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor<std::int32_t> labels(std::vector<std::int32_t> values) {
  auto tensor = Tensor<std::int32_t>::uninitialized({static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.mutable_data().begin());
  return tensor;
}

std::string refusal(const Shape& images, std::vector<std::int32_t> values) {
  try {
    const ImageDataset dataset(Tensor<std::uint8_t>::uninitialized(images), labels(std::move(values)), 3, "set");
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a data set refuses images and labels that do not fit") {
  CHECK(refusal({2, 4, 4, 1}, {0, 2}) == "accepted");
  CHECK(refusal({0, 4, 4, 1}, {}) == "accepted");
  CHECK_THAT(refusal({2, 4, 4}, {0, 2}),
             ContainsSubstring("'set': images have shape [2, 4, 4]; expected [n, h, w, c]"));
  CHECK_THAT(refusal({2, 4, 4, 1}, {0}),
             ContainsSubstring("labels have shape [1]") && ContainsSubstring("expected [2]"));
  CHECK_THAT(refusal({2, 4, 4, 1}, {0, 3}), ContainsSubstring("label 3 of image 1; expected 0 to 2"));
  CHECK_THAT(refusal({2, 4, 4, 1}, {-1, 0}), ContainsSubstring("label -1 of image 0; expected 0 to 2"));
}

TEMPLATE_TEST_CASE("pixels become numbers in [-1, 1] and back", "", float, double) {
  auto pixels = Tensor<std::uint8_t>::uninitialized({4, 64});
  int i = 0;
  for (auto& pixel : pixels.mutable_data()) pixel = static_cast<std::uint8_t>(i++);
  const auto numbers = to_signed_unit<TestType>(pixels);
  CHECK(numbers.shape() == pixels.shape());
  CHECK(numbers.at({0, 0}) == TestType(-1));
  CHECK(numbers.at({3, 63}) == TestType(1));
  CHECK(numbers.at({1, 36}) == Approx(100 / 127.5 - 1));
  CHECK(to_pixels(numbers).to_vector() == pixels.to_vector());
}

TEST_CASE("numbers outside [-1, 1] are clamped to pixels") {
  auto numbers = Tensor<double>::uninitialized({6});
  const double values[] = {
      -1.5, 1.5, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), std::nan(""), 0};
  std::copy(std::begin(values), std::end(values), numbers.mutable_data().begin());
  CHECK(to_pixels(numbers).to_vector() == std::vector<std::uint8_t>{0, 255, 255, 0, 0, 128});
}
