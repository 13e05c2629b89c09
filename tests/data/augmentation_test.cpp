#include <agon/data/augmentation.hpp>

#include "catch.hpp"

#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

using namespace agon;

namespace {

Tensor<float> counting(const Shape& shape) {
  auto tensor = Tensor<float>::uninitialized(shape);
  float next = 1;
  for (auto& x : tensor.mutable_data()) x = next++;
  return tensor;
}

// The shift (down, right) that takes one image to the other with -1 where nothing is left, if there is one.
std::optional<std::pair<int, int>> shift_between(const Tensor<float>& from, const Tensor<float>& to, std::int64_t n) {
  const auto h = from.size(1), w = from.size(2), c = from.size(3);
  for (int down = -5; down <= 5; ++down) {
    for (int right = -5; right <= 5; ++right) {
      bool equal = true;
      for (std::int64_t y = 0; y < h && equal; ++y)
        for (std::int64_t x = 0; x < w; ++x)
          for (std::int64_t k = 0; k < c; ++k) {
            const bool inside = y - down >= 0 && y - down < h && x - right >= 0 && x - right < w;
            equal = equal && to.at({n, y, x, k}) == (inside ? from.at({n, y - down, x - right, k}) : -1);
          }
      if (equal) return std::pair(down, right);
    }
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("random_translation moves every image by every shift within reach alike") {
  const auto images = counting({2000, 8, 4, 2});
  Rng rng(5, "test");
  const auto moved = random_translation(images, 0.25, -1.0f, rng);  // up to 2 rows and 1 column
  CHECK(rng.position() == 4000);
  std::map<std::pair<int, int>, int> times;
  for (std::int64_t i = 0; i < 2000; ++i) {
    const auto shift = shift_between(images, moved, i);
    REQUIRE(shift.has_value());
    ++times[*shift];
  }
  // 133 expected of each; the standard deviation is 11.
  CHECK(times.size() == 15);
  for (const auto& [shift, count] : times) {
    CHECK(std::abs(shift.first) <= 2);
    CHECK(std::abs(shift.second) <= 1);
    CHECK(std::abs(count - 133) < 60);
  }
}

TEST_CASE("random_translation follows its stream and leaves the input alone") {
  const auto images = counting({5, 6, 6, 1});
  Rng a(1, "a"), same(1, "a"), other(2, "a");
  const auto moved = random_translation(images, 0.5, 0.0f, a);
  CHECK(moved.to_vector() == random_translation(images, 0.5, 0.0f, same).to_vector());
  CHECK(moved.to_vector() != random_translation(images, 0.5, 0.0f, other).to_vector());
  CHECK(images.to_vector() == counting({5, 6, 6, 1}).to_vector());
  CHECK(random_translation(images, 0.0, 0.0f, a).to_vector() == images.to_vector());
}

TEST_CASE("random_translation takes the smallest images and refuses nonsense") {
  Rng rng(1);
  CHECK(random_translation(counting({3, 1, 1, 1}), 0.9, 0.0f, rng).shape() == Shape{3, 1, 1, 1});
  CHECK(random_translation(counting({0, 4, 4, 1}), 0.9, 0.0f, rng).numel() == 0);
  CHECK_THROWS_AS(random_translation(counting({4, 4, 1}), 0.1, 0.0f, rng), ShapeError);
  CHECK_THROWS_AS(random_translation(counting({1, 4, 4, 1}), -0.1, 0.0f, rng), ShapeError);
  CHECK_THROWS_AS(random_translation(counting({1, 4, 4, 1}), 1.0, 0.0f, rng), ShapeError);
}
