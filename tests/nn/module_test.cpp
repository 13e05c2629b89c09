#include <agon/nn/conv.hpp>
#include <agon/nn/dense.hpp>
#include <agon/nn/norm.hpp>
#include <agon/nn/sequential.hpp>
#include <agon/nn/simple_layers.hpp>
#include <agon/nn/summary.hpp>

#include "catch.hpp"

#include <type_traits>

using namespace agon;
using Catch::Matchers::ContainsSubstring;

namespace {

Sequential<float> small_net(std::uint64_t seed) {
  Rng rng(seed, "init");
  return Sequential<float>(
      Conv2D<float>({.in_channels = 1, .out_channels = 2, .kernel_size = 3, .padding = 1, .spectral_norm = true}, rng),
      BatchNorm<float>({.features = 2, .activation = relu()}), Flatten<float>(),
      Dense<float>({.in_features = 32, .out_features = 3, .bias = false}, rng));
}

std::vector<std::string> names(const Module<float>& module) {
  std::vector<std::string> result;
  for (const auto& field : module.list()) result.push_back(field.name);
  return result;
}

// A module whose fields() goes wrong.
class Confused : public Module<float> {
 public:
  explicit Confused(bool in_child) : in_child_(in_child), layer_({.in_features = 2, .out_features = 1}, rng_) {}
  void fields(Fields<float>& v) override {
    v.child("layer", layer_);
    if (in_child_)
      v.buffer("layer.bias", tensor_);
    else
      v.child("layer", layer_);
  }

 private:
  bool in_child_;
  Rng rng_{1};
  Dense<float> layer_;
  Tensor<float> tensor_ = zeros<float>({1});
};

bool same(const State& a, const State& b) {
  if (a.entries().size() != b.entries().size()) return false;
  for (const auto& [name, value] : a.entries())
    if (!b.contains(name) || a.tensor<float>(name).to_vector() != b.tensor<float>(name).to_vector()) return false;
  return true;
}

// The message of the Error that load throws; the module must be as before.
std::string refusal(Module<float>& module, const State& state) {
  const auto before = module.state();
  std::string message = "no error";
  try {
    module.load(state);
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK(same(module.state(), before));
  return message;
}

}  // namespace

TEST_CASE("names follow the order of fields and the path of children", "[nn][module]") {
  const auto net = small_net(1);
  CHECK(names(net) == std::vector<std::string>{"0.weight", "0.weight_u", "0.weight_v", "0.bias", "1.weight", "1.bias",
                                               "1.running_mean", "1.running_var", "3.weight"});
  CHECK(net.parameters().size() == 5);
  CHECK(net.parameter_count() == 18 + 2 + 2 + 2 + 96);
  for (const auto& field : net.list()) {
    CAPTURE(field.name);
    CHECK(field.tensor.requires_grad() == field.is_parameter);
    CHECK((field.averaging == Averaging::copy) == field.name.starts_with("0.weight_"));
  }
}

TEST_CASE("state holds copies and load puts them back", "[nn][module]") {
  auto net = small_net(1);
  const auto other = small_net(2);
  Rng rng(3);
  const auto x = normal<float>({2, 4, 4, 1}, 0, 1, rng);
  const auto state = net.state();
  CHECK_FALSE(same(state, other.state()));
  net.load(other.state());
  CHECK(same(net.state(), other.state()));
  CHECK(net(x).to_vector() == other(x).to_vector());
  net.load(state);
  CHECK(same(net.state(), state));
  net.load(net.state());
  CHECK(same(net.state(), state));
}

TEST_CASE("a clone has storage of its own", "[nn][module]") {
  const auto net = small_net(1);
  const auto copy = net.clone();
  Rng rng(3);
  const auto x = normal<float>({2, 4, 4, 1}, 0, 1, rng);
  CHECK(names(copy) == names(net));
  CHECK(copy(x).to_vector() == net(x).to_vector());
  const auto a = net.list(), b = copy.list();
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].tensor.data().data() != b[i].tensor.data().data());

  const auto before = net.state();
  copy(x, {.training = true, .update_buffers = true});
  const NoGrad guard;
  copy.parameters()[0].mutable_data()[0] += 1;
  CHECK(same(net.state(), before));
  CHECK_FALSE(same(copy.state(), before));
}

TEST_CASE("a clone is frozen where the module is", "[nn][module]") {
  auto net = small_net(1);
  net.parameters()[0].requires_grad_(false);
  const auto copy = net.clone().parameters();
  for (std::size_t i = 0; i < copy.size(); ++i) CHECK(copy[i].requires_grad() == (i != 0));
}

TEST_CASE("a name that comes twice is an error that says which", "[nn][module]") {
  const auto message = [](const Module<float>& module) -> std::string {
    try {
      module.list();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK_THAT(message(Confused(false)), ContainsSubstring("'layer.weight' twice"));
  CHECK_THAT(message(Confused(true)), ContainsSubstring("'layer.bias' twice"));
  CHECK_THROWS_AS(Confused(true).state(), Error);
}

TEST_CASE("load refuses a state that does not fit and changes nothing", "[nn][module]") {
  auto net = small_net(1);
  const auto fits = small_net(2).state();
  State missing, renamed;
  for (const auto& [name, value] : fits.entries()) {
    if (name != "1.running_var") missing.set(name, fits.tensor<float>(name));
    renamed.set(name == "3.weight" ? "3.kernel" : name, fits.tensor<float>(name));
  }
  CHECK_THAT(refusal(net, missing), ContainsSubstring("missing") && ContainsSubstring("1.running_var"));
  CHECK_THAT(refusal(net, renamed),
             ContainsSubstring("3.weight") && ContainsSubstring("unexpected") && ContainsSubstring("3.kernel"));
  auto extra = fits;
  extra.set("4.weight", zeros<float>({1}));
  CHECK_THAT(refusal(net, extra), ContainsSubstring("unexpected") && ContainsSubstring("4.weight"));
  auto shape = fits;  // the last of the names, so that earlier ones would have been written
  shape.set("3.weight", zeros<float>({32, 3}));
  CHECK_THAT(refusal(net, shape),
             ContainsSubstring("3.weight") && ContainsSubstring("[32, 3]") && ContainsSubstring("[3, 32]"));
  auto type = fits;
  type.set("3.weight", zeros<double>({3, 32}));
  CHECK_THAT(refusal(net, type), ContainsSubstring("3.weight"));
  auto integer = fits;
  integer.set("3.weight", std::int64_t{1});
  CHECK_THAT(refusal(net, integer), ContainsSubstring("3.weight"));
  CHECK_THAT(refusal(net, State()), ContainsSubstring("missing"));
}

TEST_CASE("a graph made before load refuses to run over the new weights", "[nn][module]") {
  auto net = small_net(1);
  const auto loss = sum(net(ones<float>({1, 4, 4, 1})));
  net.load(small_net(2).state());
  CHECK_THROWS_AS(backward(loss), GraphError);
}

TEST_CASE("modules move and do not copy", "[nn][module]") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Dense<float>>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<Dense<float>>);
  STATIC_REQUIRE(std::is_move_constructible_v<Dense<float>>);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Sequential<float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Sequential<float>, Sequential<float>&>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Sequential<float>, Dense<float>&>);

  auto net = small_net(1);
  Rng rng(3);
  const auto x = normal<float>({2, 4, 4, 1}, 0, 1, rng);
  const auto y = net(x).to_vector();
  const Sequential<float> nested(std::move(net), Activate<float>(relu()));
  CHECK(nested.size() == 2);
  CHECK(names(nested).front() == "0.0.weight");
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(nested(x).data()[i] == std::max(y[i], 0.0f));
  CHECK(nested.clone()(x).to_vector() == nested(x).to_vector());
}

TEST_CASE("an empty Sequential is the identity", "[nn][module]") {
  const Sequential<float> net;
  CHECK(net(arange<float>(3)).to_vector() == std::vector<float>{0, 1, 2});
  CHECK(net.parameter_count() == 0);
}

TEST_CASE("requires_grad_ freezes all parameters", "[nn][module]") {
  auto net = small_net(1);
  const auto x = ones<float>({1, 4, 4, 1});
  net.requires_grad_(false);
  CHECK_FALSE(net(x).requires_grad());
  net.requires_grad_(true);
  CHECK(net(x).requires_grad());
}

TEST_CASE("the summary lists every tensor with its shape and the total", "[nn][module]") {
  const auto text = summary(small_net(1));
  CHECK_THAT(text, ContainsSubstring("0.weight") && ContainsSubstring("[2, 3, 3, 1]") && ContainsSubstring("18"));
  CHECK_THAT(text, ContainsSubstring("1.running_var") && ContainsSubstring("buffer"));
  CHECK_THAT(text, ContainsSubstring("parameters") && ContainsSubstring("120"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 2 + 9);
}
