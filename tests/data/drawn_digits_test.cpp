#include <agon/data/drawn_digits.hpp>

#include "catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

using namespace agon;

namespace {

using Picture = std::array<double, 28 * 28>;

Picture picture(const ImageDataset& digits, std::int64_t i) {
  Picture result;
  const auto* pixels = digits.images.data().data() + i * 28 * 28;
  std::copy_n(pixels, result.size(), result.begin());
  return result;
}

double distance(const Picture& a, const Picture& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

TEST_CASE("drawn digits have the form of MNIST") {
  const auto digits = drawn_digits(1000, 1);
  CHECK(digits.images.shape() == Shape{1000, 28, 28, 1});
  CHECK(digits.classes == 10);
  std::set<std::vector<std::uint8_t>> different;
  double total = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    CHECK(digits.labels.at({i}) == i % 10);
    const auto image = picture(digits, i);
    double mass = 0, x_sum = 0, y_sum = 0, border = 0, most = 0;
    for (std::size_t k = 0; k < image.size(); ++k) {
      const auto y = static_cast<double>(k / 28), x = static_cast<double>(k % 28);
      mass += image[k], x_sum += image[k] * x, y_sum += image[k] * y, most = std::max(most, image[k]);
      if (x < 1 || x > 26 || y < 1 || y > 26) border += image[k];
    }
    total += mass;
    CAPTURE(i);
    CHECK(most == 255);
    CHECK(border == 0);
    CHECK(mass / 255 > 25);
    CHECK(mass / 255 < 250);
    CHECK(std::abs(x_sum / mass - 13.5) < 2.5);
    CHECK(std::abs(y_sum / mass - 13.5) < 2.5);
    different.insert({image.begin(), image.end()});
  }
  CHECK(different.size() == 1000);
  // The mean pixel of MNIST is 0.131.
  CHECK(total / (1000 * 28 * 28 * 255.0) == Approx(0.131).margin(0.02));
}

TEST_CASE("a drawn digit depends on seed and number alone") {
  const auto few = drawn_digits(70, 8), many = drawn_digits(300, 8), other = drawn_digits(70, 9);
  CHECK(std::ranges::equal(few.images.data(), many.images.data().first(few.images.data().size())));
  CHECK(few.images.to_vector() != other.images.to_vector());
  const ThreadScope one(1);
  CHECK(drawn_digits(300, 8).images.to_vector() == many.images.to_vector());
  CHECK(drawn_digits(0).size() == 0);
  CHECK_THROWS_AS(drawn_digits(-1), ShapeError);
}

TEST_CASE("drawn digits can be told apart, and are not all alike") {
  const auto known = drawn_digits(3000, 1), asked = drawn_digits(300, 2);
  int right = 0;
  for (std::int64_t i = 0; i < asked.size(); ++i) {
    const auto image = picture(asked, i);
    std::int64_t nearest = 0;
    double least = 1e18;
    for (std::int64_t k = 0; k < known.size(); ++k) {
      const double far = distance(image, picture(known, k));
      if (far < least) least = far, nearest = k;
    }
    right += known.labels.at({nearest}) == asked.labels.at({i});
    CHECK(least > 0);
  }
  CHECK(right > 285);
}
