#include <agon/core/error.hpp>

#include "../catch.hpp"

using agon::check;

TEST_CASE("check throws the given type with its parts joined", "[error]") {
  CHECK_NOTHROW(check(true, "never"));
  CHECK_THROWS_AS(check(false, "x"), agon::Error);
  CHECK_THROWS_AS(check<agon::ShapeError>(false, "x"), agon::ShapeError);
  CHECK_THROWS_AS(check<agon::GraphError>(false, "x"), agon::GraphError);
  CHECK_THROWS_AS(check<agon::IoError>(false, "x"), agon::IoError);
  CHECK_THROWS_WITH(check(false, "matmul: ", 3, " and ", 4.5, '!'), "matmul: 3 and 4.5!");
}

TEST_CASE("every error is an Error and a std::runtime_error", "[error]") {
  CHECK_THROWS_AS(check<agon::ShapeError>(false, "x"), agon::Error);
  CHECK_THROWS_AS(check<agon::GraphError>(false, "x"), agon::Error);
  CHECK_THROWS_AS(check<agon::IoError>(false, "x"), std::runtime_error);
}
