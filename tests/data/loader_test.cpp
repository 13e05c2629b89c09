#include <agon/data/loader.hpp>

#include "catch.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

using namespace agon;
using Catch::Matchers::ContainsSubstring;

namespace {

// Image i is 3 x 3 pixels of value i, with label i mod 4.
ImageDataset numbered(std::int64_t count) {
  auto images = Tensor<std::uint8_t>::uninitialized({count, 3, 3, 1});
  auto labels = Tensor<std::int32_t>::uninitialized({count});
  for (std::int64_t i = 0; i < count * 9; ++i)
    images.mutable_data()[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i / 9);
  for (std::int64_t i = 0; i < count; ++i)
    labels.mutable_data()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i % 4);
  return {images, labels, 4, "numbered"};
}

// The numbers of the images in a batch; each pixel and label of it must belong to them.
std::vector<int> numbers_in(const Batch<float>& batch) {
  const auto pixels = to_pixels(batch.images);
  std::vector<int> numbers;
  for (std::int64_t i = 0; i < batch.labels.numel(); ++i) {
    const int number = pixels.at({i, 0, 0, 0});
    for (std::int64_t k = 0; k < 9; ++k) CHECK(pixels.at({i, k / 3, k % 3, 0}) == number);
    CHECK(batch.labels.at({i}) == number % 4);
    numbers.push_back(number);
  }
  return numbers;
}

std::vector<int> epoch_of(Loader<float>& loader) {
  std::vector<int> numbers;
  for (std::int64_t i = 0; i < loader.batches(); ++i)
    for (const int number : numbers_in(loader.next())) numbers.push_back(number);
  return numbers;
}

std::string refusal(const LoaderOptions& options, std::int64_t count = 10) {
  try {
    const Loader<float> loader(numbered(count), options);
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("every epoch hands out every image once, in an order of its own") {
  Loader<float> loader(numbered(20), {.batch_size = 5, .seed = 3});
  CHECK(loader.batches() == 4);
  const auto first = epoch_of(loader), second = epoch_of(loader);
  CHECK(first != second);
  CHECK(std::set<int>(first.begin(), first.end()).size() == 20);
  CHECK(std::set<int>(second.begin(), second.end()).size() == 20);
  CHECK(loader.epoch() == 1);
  CHECK(loader.cursor() == 20);

  Loader<float> same(numbered(20), {.batch_size = 5, .seed = 3}), other(numbered(20), {.batch_size = 5, .seed = 4});
  CHECK(epoch_of(same) == first);
  CHECK(epoch_of(other) != first);
}

TEST_CASE("without shuffling the order is the data set's") {
  Loader<float> loader(numbered(5), {.batch_size = 2, .shuffle = false, .drop_last = false});
  CHECK(loader.batches() == 3);
  CHECK(numbers_in(loader.next()) == std::vector<int>{0, 1});
  CHECK(numbers_in(loader.next()) == std::vector<int>{2, 3});
  CHECK(numbers_in(loader.next()) == std::vector<int>{4});
  CHECK(numbers_in(loader.next()) == std::vector<int>{0, 1});
  CHECK(loader.epoch() == 1);
}

TEST_CASE("drop_last leaves out what does not fill a batch") {
  Loader<float> loader(numbered(5), {.batch_size = 2, .shuffle = false});
  CHECK(loader.batches() == 2);
  for (int i = 0; i < 2; ++i) {
    CHECK(numbers_in(loader.next()) == std::vector<int>{0, 1});
    CHECK(numbers_in(loader.next()) == std::vector<int>{2, 3});
  }
}

TEST_CASE("the orders are evenly distributed") {
  Loader<float> loader(numbered(4), {.batch_size = 1});
  int count[4][4] = {};
  for (int epoch = 0; epoch < 4000; ++epoch)
    for (auto& place : count) ++place[numbers_in(loader.next())[0]];
  // 1000 expected; the standard deviation is 27.
  for (const auto& place : count)
    for (const int times : place) CHECK(std::abs(times - 1000) < 140);
}

TEST_CASE("a loader that loads a position goes on exactly") {
  for (const bool drop_last : {true, false}) {
    const LoaderOptions options{.batch_size = 3, .drop_last = drop_last, .translation = 0.4, .seed = ~std::uint64_t{0}};
    Loader<float> straight(numbered(10), options);
    for (int stop = 0; stop < 12; ++stop) {
      Loader<float> resumed(numbered(10), {.batch_size = 3, .drop_last = drop_last, .translation = 0.4, .seed = 1});
      resumed.load(straight.state());
      for (int i = 0; i < stop; ++i) resumed.next();
      Loader<float> again(numbered(10), options);
      again.load(straight.state());
      for (int i = 0; i < stop; ++i) again.next();
      const auto a = resumed.next(), b = again.next();
      CHECK(a.images.to_vector() == b.images.to_vector());
    }
    // Straight through and stopped after every batch.
    Loader<float> stopped(numbered(10), options);
    for (int i = 0; i < 12; ++i) {
      Loader<float> next(numbered(10), {.batch_size = 3, .drop_last = drop_last, .translation = 0.4});
      next.load(stopped.state());
      const auto a = straight.next(), b = next.next();
      CHECK(a.images.to_vector() == b.images.to_vector());
      CHECK(a.labels.to_vector() == b.labels.to_vector());
      stopped.load(next.state());
    }
    CHECK(straight.epoch() == stopped.epoch());
    CHECK(straight.epoch() >= 2);
  }
}

TEST_CASE("a loader refuses options and positions that do not fit") {
  CHECK_THAT(refusal({}), ContainsSubstring("batch_size 0 for the 10 images of 'numbered'; expected 1 to 10"));
  CHECK_THAT(refusal({.batch_size = -1}), ContainsSubstring("batch_size -1"));
  CHECK_THAT(refusal({.batch_size = 11}), ContainsSubstring("batch_size 11"));
  CHECK(refusal({.batch_size = 11, .drop_last = false}) == "accepted");
  CHECK_THAT(refusal({.batch_size = 1}, 0), ContainsSubstring("is empty"));
  CHECK_THAT(refusal({.batch_size = 1, .translation = 1}), ContainsSubstring("translation 1;"));
  CHECK_THAT(refusal({.batch_size = 1, .translation = std::nan("")}), ContainsSubstring("translation nan"));

  Loader<float> loader(numbered(10), {.batch_size = 2});
  const auto load = [&](const std::string& name, std::int64_t value) {
    auto state = loader.state();
    state.set(name, value);
    loader.load(state);
  };
  CHECK_THROWS_AS(load("cursor", 11), Error);
  CHECK_THROWS_AS(load("cursor", -1), Error);
  CHECK_THROWS_AS(load("epoch", -1), Error);
  CHECK_THROWS_AS(load("epoch", std::numeric_limits<std::int64_t>::max()), Error);
  CHECK_THROWS_AS(load("size", 9), Error);
  CHECK_THROWS_AS(load("contents", 9), Error);
  CHECK_THROWS_AS(loader.load(State()), Error);
  CHECK_NOTHROW(load("cursor", 10));
}

TEST_CASE("a position belongs to the contents of a data set, not to its name") {
  const auto digits = numbered(10);
  const auto relabelled = [&](std::string name, std::int32_t last) {
    auto labels = digits.labels.clone();
    labels.mutable_data().back() = last;
    return ImageDataset(digits.images, labels, 4, std::move(name));
  };
  const LoaderOptions options{.batch_size = 2};
  const auto state = Loader<float>(digits, options).state();
  CHECK_NOTHROW(Loader<float>(relabelled("moved", digits.labels.at({9})), options).load(state));
  try {
    Loader<float>(relabelled("numbered", 3), options).load(state);
    FAIL("another data set was accepted");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), ContainsSubstring("'numbered' of 10 images; 'numbered' has 10 and other contents"));
  }
}
