#include <agon/kernels/layout.hpp>

#include <numeric>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using agon::Shape;
using agon::strides_of;
using namespace kernel_test;

namespace {

template <class T>
std::vector<T> numbered(std::int64_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i);
  return x;
}

std::int64_t dot(const Shape& sizes, std::int64_t flat, const k::Strides& strides) {
  std::int64_t sum = 0;
  for (int i = sizes.rank() - 1; i >= 0; --i) {
    sum += flat % sizes[i] * strides[static_cast<std::size_t>(i)];
    flat /= sizes[i];
  }
  return sum;
}

template <class T>
void check_copy(const Shape& sizes, const k::Strides& from, const k::Strides& to, std::int64_t src_size,
                std::int64_t dst_size) {
  const auto src = numbered<T>(src_size);
  std::vector<T> expected(static_cast<std::size_t>(dst_size), T(1));
  for (std::int64_t i = 0; i < sizes.numel(); ++i)
    expected[static_cast<std::size_t>(dot(sizes, i, to))] = src[static_cast<std::size_t>(dot(sizes, i, from))];
  const auto dst = with_any_threads([&] {
    std::vector<T> out(expected.size(), T(1));
    k::copy(sizes, src.data(), from, out.data(), to);
    return out;
  });
  INFO("sizes " << sizes);
  CHECK(dst == expected);
}

}  // namespace

TEMPLATE_TEST_CASE("every permutation of four axes, both ways", "[layout]", float, std::int64_t, std::uint8_t) {
  const Shape shape{3, 20, 7, 33};
  const auto own = strides_of(shape);
  std::size_t order[] = {0, 1, 2, 3};
  do {
    Shape permuted;
    k::Strides strides{};
    for (std::size_t i = 0; i < 4; ++i) {
      permuted.push_back(shape[static_cast<int>(order[i])]);
      strides[i] = own[order[i]];
    }
    check_copy<TestType>(permuted, strides, strides_of(permuted), shape.numel(), shape.numel());
    check_copy<TestType>(permuted, strides_of(permuted), strides, shape.numel(), shape.numel());
  } while (std::next_permutation(order, order + 4));
}

TEST_CASE("transpositions of large matrices", "[layout]") {
  for (const Shape& shape : {Shape{300, 500}, Shape{1, 1000}, Shape{2, 70001}, Shape{70001, 2}}) {
    const k::Strides across{1, shape[0]};
    check_copy<float>(shape, across, strides_of(shape), shape.numel(), shape.numel());
    check_copy<float>(shape, strides_of(shape), across, shape.numel(), shape.numel());
  }
}

TEST_CASE("slices, padding, broadcasting, scalars and nothing", "[layout]") {
  check_copy<double>({}, {}, {}, 1, 1);
  check_copy<double>({0, 4}, {4, 1}, {4, 1}, 1, 1);
  check_copy<double>({5}, {3}, {1}, 13, 5);                // every third element
  check_copy<double>({5}, {1}, {3}, 5, 13);                // into every third place
  check_copy<float>({6, 9}, {20, 1}, {9, 1}, 120, 54);     // a window of a matrix
  check_copy<float>({6, 9}, {9, 1}, {20, 1}, 54, 120);     // into a window
  check_copy<float>({40, 30}, {0, 1}, {30, 1}, 30, 1200);  // rows repeated
  check_copy<float>({40, 30}, {1, 0}, {30, 1}, 40, 1200);  // columns repeated
  check_copy<float>({3, 40, 30}, {0, 0, 0}, {1200, 30, 1}, 1, 3600);
  check_copy<float>({100003}, {1}, {1}, 100003, 100003);
}
