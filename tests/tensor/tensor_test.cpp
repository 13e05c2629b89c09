#include "../catch.hpp"

#include <agon/tensor/factories.hpp>
#include <agon/tensor/print.hpp>
#include <agon/tensor/state.hpp>

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
  CHECK(cast<std::uint8_t>(from_data<float>({1, 254.9f}, {2})).to_vector() == std::vector<std::uint8_t>{1, 254});
  const auto p = scalar<float>(1).requires_grad_();
  CHECK_THROWS_AS(cast<double>(p), GraphError);
  CHECK(zeros<float>({0, 3}).numel() == 0);
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
