#include "../catch.hpp"

#include <agon/tensor/factories.hpp>
#include <agon/tensor/print.hpp>
#include <agon/tensor/state.hpp>

#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

using namespace agon;

TEST_CASE("a tensor is a handle: copies are the same tensor, clones are not") {
  const auto a = from_data<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const auto same = a, copy = a.clone();
  a.mutable_data()[0] = 9;
  CHECK(same.at({0, 0}) == 9);
  CHECK(copy.at({0, 0}) == 1);
  CHECK(a.detach().at({0, 0}) == 9);
  CHECK(a.size(-1) == 3);
  CHECK(a.at({1, -1}) == 6);
  CHECK(a.to_vector().size() == 6);
}

TEST_CASE("an absent tensor answers only defined()") {
  const Tensor<float> absent;
  CHECK_FALSE(absent.defined());
  CHECK_THROWS_AS(absent.shape(), Error);
  CHECK_THROWS_AS(absent.data(), Error);
}

TEST_CASE("bad indices and sizes are errors") {
  const auto a = zeros<float>({2, 3});
  CHECK_THROWS_AS(a.at({0}), ShapeError);
  CHECK_THROWS_AS(a.at({0, 3}), ShapeError);
  CHECK_THROWS_AS(a.item(), ShapeError);
  CHECK_THROWS_AS(a.size(2), ShapeError);
  CHECK_THROWS_AS(a.window({4}, 3), ShapeError);
  CHECK_THROWS_AS(a.window({4}, std::numeric_limits<std::int64_t>::max()), ShapeError);
  CHECK_THROWS_AS(a.window({4}, -1), ShapeError);
  CHECK_THROWS_AS(from_data<float>({1, 2}, {3}), ShapeError);
  CHECK_THROWS_AS(zeros<float>({-1}), ShapeError);
  CHECK_THROWS_AS(Tensor<float>::uninitialized({std::int64_t{1} << 40, std::int64_t{1} << 40}), ShapeError);
  CHECK_THROWS_AS(Tensor<float>::uninitialized({std::int64_t{1} << 62}), ShapeError);
  CHECK_THROWS_AS(a.set_grad(zeros<float>({3})), ShapeError);
}

TEST_CASE("factories") {
  CHECK(arange<std::int32_t>(4, 3, 2).to_vector() == std::vector<std::int32_t>{3, 5, 7, 9});
  CHECK(eye<double>(2).to_vector() == std::vector<double>{1, 0, 0, 1});
  CHECK(full<bool>({2}, true).at({1}));
  CHECK(scalar<float>(4).item() == 4);
  CHECK(ones_like(zeros<float>({2, 2})).at({1, 1}) == 1);
  const auto p = scalar<float>(1).requires_grad_();
  CHECK_THROWS_AS(cast<double>(p), GraphError);
  CHECK(zeros<float>({0, 3}).numel() == 0);
}

TEST_CASE("cast cuts fractions off, saturates and makes NaN 0") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const auto x = from_data<float>({1, -2.9f, 254.9f, 255.5f, 3e9f, -3e9f, 1e30f, -inf, inf, nan, -nan}, {11});
  constexpr auto top = std::numeric_limits<std::int32_t>::max(), bottom = std::numeric_limits<std::int32_t>::min();
  CHECK(cast<std::int32_t>(x).to_vector() ==
        std::vector<std::int32_t>{1, -2, 254, 255, top, bottom, top, bottom, top, 0, 0});
  CHECK(cast<std::uint8_t>(x).to_vector() == std::vector<std::uint8_t>{1, 0, 254, 255, 255, 0, 255, 0, 255, 0, 0});
  CHECK(cast<std::int64_t>(x).to_vector()[6] == std::numeric_limits<std::int64_t>::max());
  CHECK(cast<std::int64_t>(x).to_vector()[4] == 3000000000);
  const auto wide = from_data<std::int64_t>({-1, 300, std::int64_t{1} << 40, -(std::int64_t{1} << 40)}, {4});
  CHECK(cast<std::uint8_t>(wide).to_vector() == std::vector<std::uint8_t>{0, 255, 255, 0});
  CHECK(cast<std::int32_t>(wide).to_vector() == std::vector<std::int32_t>{-1, 300, top, bottom});
  CHECK(cast<double>(wide).to_vector()[1] == 300);
  CHECK(cast<bool>(wide).at({0}));
  CHECK(cast<float>(full<bool>({1}, true)).item() == 1);
}

TEST_CASE("a gradient is stored without its graph") {
  const auto x = ones<float>({2}).requires_grad_();
  const auto gradient = full<float>({2}, 3).requires_grad_();
  x.set_grad(gradient);
  CHECK(x.grad().at({1}) == 3);
  CHECK_FALSE(x.grad().requires_grad());
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
  auto own = ones<float>({2});
  own.set_grad(own);
  const std::weak_ptr<void> body = own.handle();
  own = {};
  CHECK(body.expired());
}

TEST_CASE("random factories depend on seed, stream and position alone") {
  Rng a(5, "x"), b(5, "x"), c(5, "y");
  const auto first = normal<float>({3, 4}, 0, 1, a);
  CHECK(first.to_vector() == normal<float>({3, 4}, 0, 1, b).to_vector());
  CHECK(first.to_vector() != normal<float>({3, 4}, 0, 1, c).to_vector());
  CHECK(a.position() == 12);
  CHECK(first.to_vector() != normal<float>({3, 4}, 0, 1, a).to_vector());
  a.seek(0);
  CHECK(first.to_vector() == normal<float>({3, 4}, 0, 1, a).to_vector());
  for (auto label : randint<std::int32_t>({100}, 3, a).to_vector()) CHECK((label >= 0 && label < 3));
  for (auto x : uniform<float>({1000}, -2, 5, a).to_vector()) CHECK((x >= -2 && x < 5));
  CHECK_THROWS_AS(randint<std::int64_t>({2}, 0, a), ShapeError);
  CHECK(uniform<float>({1}, 2, 2, a).item() == 2);
  CHECK(normal<float>({1}, 2, 0, a).item() == 2);
  CHECK_THROWS_AS(uniform<float>({2}, 1, 0, a), Error);
  CHECK_THROWS_AS(normal<float>({2}, 0, -1, a), Error);
}

TEST_CASE("printing") {
  std::ostringstream out;
  out << from_data<float>({1, 2.5, 3, 4}, {2, 2}) << ' ' << full<bool>({1}, true) << ' ' << Tensor<double>();
  CHECK(out.str() == "float32[2, 2] [[1, 2.5],\n [3, 4]] bool[1] [true] Tensor(absent)");
  std::ostringstream large;
  large << arange<std::int64_t>(5000);
  CHECK(large.str() == "int64[5000] [0, 1, 2, ..., 4997, 4998, 4999]");
}

TEST_CASE("state is a tree of names with tensors, integers and texts") {
  State inner;
  inner.set("weight", ones<float>({2}));
  inner.set("steps", std::int64_t{7});
  State outer;
  outer.insert("G", inner);
  outer.set("size", std::string("small"));
  CHECK(outer.tensor<float>("G.weight").numel() == 2);
  CHECK(outer.sub("G").integer("steps") == 7);
  CHECK(outer.text("size") == "small");
  CHECK_FALSE(outer.sub("G").contains("size"));
  CHECK_THROWS_AS(outer.tensor<double>("G.weight"), Error);
  CHECK_THROWS_AS(outer.tensor<float>("size"), Error);
  CHECK_THROWS_AS(outer.integer("missing"), Error);
}

TEST_CASE("a state keeps tensors without their graph, and what it gives outlives it") {
  const auto x = ones<float>({2}).requires_grad_();
  State inner, outer;
  inner.set("x", x);
  inner.set("name", std::string("small"));
  outer.insert("G", inner);
  const auto& kept = outer.sub("G").tensor<float>("x");
  const auto& name = outer.sub("G").text("name");
  CHECK(name == "small");
  CHECK_FALSE(kept.requires_grad());
  CHECK(kept.data().data() == x.data().data());  // shared: clone() what will be written to
}
