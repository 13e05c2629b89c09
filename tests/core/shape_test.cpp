#include <agon/core/shape.hpp>

#include <limits>
#include <sstream>
#include <vector>

#include "../catch.hpp"

using agon::Shape;
using agon::ShapeError;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a shape knows its rank, sizes and number of elements", "[shape]") {
  const Shape scalar, matrix{2, 3};
  CHECK(scalar.rank() == 0);
  CHECK(scalar.numel() == 1);
  CHECK(matrix.rank() == 2);
  CHECK(matrix.numel() == 6);
  CHECK(matrix[1] == 3);
  CHECK(matrix.at(-1) == 3);
  CHECK(matrix.at(-2) == 2);
  CHECK(Shape{4, 0, 5}.numel() == 0);
  CHECK(std::vector<std::int64_t>(matrix.begin(), matrix.end()) == std::vector<std::int64_t>{2, 3});
  CHECK(matrix == Shape{2, 3});
  CHECK_FALSE(matrix == Shape{3, 2});
  CHECK_FALSE(matrix == Shape{2, 3, 1});
  CHECK(matrix.with(-1, 7) == Shape{2, 7});
  CHECK(Shape{2, 3, 4}.first(2) == matrix);
  CHECK(matrix.first(0) == scalar);
}

TEST_CASE("shapes print as lists", "[shape]") {
  std::ostringstream out;
  out << Shape{} << Shape{5} << Shape{64, 110};
  CHECK(out.str() == "[][5][64, 110]");
}

TEST_CASE("impossible shapes and axes are errors with both values", "[shape]") {
  CHECK_THROWS_AS((Shape{2, -1}), ShapeError);
  CHECK_THROWS_WITH((Shape{2, -1}), ContainsSubstring("size -1 of axis 1"));
  CHECK_THROWS_WITH((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ContainsSubstring("rank 9") && ContainsSubstring("at most 8"));
  CHECK_NOTHROW(Shape{std::int64_t{1} << 31, std::int64_t{1} << 31});
  CHECK_THROWS_WITH((Shape{std::int64_t{1} << 32, std::int64_t{1} << 31}), ContainsSubstring("overflows"));
  // An empty axis does not hide a product that overflows: strides and volumes are products of the other sizes.
  CHECK_THROWS_WITH((Shape{0, std::int64_t{1} << 62, std::int64_t{1} << 62}), ContainsSubstring("overflows"));
  CHECK_THROWS_WITH((Shape{std::int64_t{1} << 62, 0, std::int64_t{1} << 62}), ContainsSubstring("overflows"));
  CHECK(Shape{0, std::int64_t{1} << 62}.numel() == 0);
  CHECK_THROWS_AS(Shape{}.with(0, 3), ShapeError);
  const Shape matrix{2, 3};
  CHECK_THROWS_AS(matrix.with(2, 3), ShapeError);
  CHECK_THROWS_WITH(matrix.at(2), ContainsSubstring("axis 2 of shape [2, 3]; expected -2 to 1"));
  CHECK_THROWS_WITH(matrix.wrap(-3, "sum"), ContainsSubstring("sum: axis -3"));
}

TEST_CASE("sums and products of sizes do not overflow", "[shape]") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK(agon::detail::add_sizes(most - 1, 1, "pad") == most);
  CHECK(agon::detail::multiply_sizes(most, 1, "pad") == most);
  CHECK(agon::detail::multiply_sizes(most, 0, "pad") == 0);
  CHECK_THROWS_WITH(agon::detail::add_sizes(most, 1, "pad"), ContainsSubstring("pad: sizes 9223372036854775807 and 1"));
  CHECK_THROWS_AS(agon::detail::multiply_sizes(most, 2, "pad"), ShapeError);
  CHECK_THROWS_AS(agon::detail::add_sizes(5, -2, "pad"), ShapeError);
}

TEST_CASE("row-major strides", "[shape]") {
  const auto strides = agon::strides_of({2, 3, 4});
  CHECK(strides[0] == 12);
  CHECK(strides[1] == 4);
  CHECK(strides[2] == 1);
}

TEST_CASE("shapes broadcast from the last axis", "[shape]") {
  CHECK(agon::broadcast_shapes({2, 1, 4}, {3, 1}, "add") == Shape{2, 3, 4});
  CHECK(agon::broadcast_shapes({}, {5, 6}, "add") == Shape{5, 6});
  CHECK(agon::broadcast_shapes({1}, {0}, "add") == Shape{0});
  CHECK_THROWS_WITH(agon::broadcast_shapes({2, 3}, {2, 4}, "add"),
                    ContainsSubstring("add: shapes do not broadcast: [2, 3] and [2, 4]"));
}
