#include <agon/nn/multi_head_attention.hpp>
#include <agon/nn/self_attention.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

using namespace agon;

namespace {

SelfAttentionOptions paper_block(std::int64_t channels) {
  return {.channels = channels,
          .key_channels = 2,
          .value_channels = channels,
          .output_projection = false,
          .bias = true,
          .pool = 1};
}

}  // namespace

TEMPLATE_TEST_CASE("SelfAttention agrees with the paper's and the released block in PyTorch", "[nn][attention]", float,
                   double) {
  using T = TestType;
  Rng rng(1);
  SelfAttention<T> paper(paper_block(8), rng), released({.channels = 8, .key_channels = 2}, rng);
  for (const auto& [name, block] :
       {std::pair{"self_attention.paper", &paper}, {"self_attention.released", &released}}) {
    const std::string path = name;
    block->load(golden::state<T>(path + ".parameters"));
    const auto x = golden::real<T>(path + ".x").requires_grad_();
    const auto y = block->forward(x);
    golden::check_close(y, path + ".y");
    golden::check_gradients<T>(path, y, {"x"}, {x});
    golden::check_parameter_gradients(*block, block->forward(x), golden::real<T>(path + ".g"), path + ".gradients");
  }
}

TEMPLATE_TEST_CASE("MultiHeadAttention agrees with torch.nn.MultiheadAttention", "[nn][attention]", float, double) {
  using T = TestType;
  Rng rng(2);
  for (const auto& name : golden::cases("multi_head_attention")) {
    const auto path = "multi_head_attention." + name;
    const bool cross = golden::has(path + ".key");
    const MultiHeadAttention<T> fresh({.features = 6,
                                       .heads = golden::integer(path + ".heads"),
                                       .key_features = cross ? 4 : 0,
                                       .value_features = cross ? 5 : 0,
                                       .causal = golden::integer(path + ".causal") != 0},
                                      rng);
    auto layer = fresh.clone();
    layer.load(golden::state<T>(path + ".parameters"));
    const auto mask = golden::has(path + ".mask") ? golden::file().tensor<bool>(path + ".mask") : Tensor<bool>();
    const auto g = golden::real<T>(path + ".g");
    if (cross) {
      const auto attend = [&](const auto& in) { return layer.attend(in[0], in[1], in[2], mask); };
      golden::check_function<T>(path, {"x", "key", "value"}, attend);
      const std::vector in{golden::real<T>(path + ".x"), golden::real<T>(path + ".key"),
                           golden::real<T>(path + ".value")};
      golden::check_parameter_gradients(layer, attend(in), g, path + ".gradients");
    } else {
      golden::check_function<T>(path, {"x"}, [&](const auto& in) { return layer(in[0]); });
      golden::check_parameter_gradients(layer, layer(golden::real<T>(path + ".x")), g, path + ".gradients");
    }
  }
}

TEST_CASE("attention layers are differentiable twice in inputs and parameters", "[nn][attention]") {
  Rng rng(3);
  const bool spectral = GENERATE(false, true);
  CAPTURE(spectral);
  auto options = paper_block(4);
  options.spectral_norm = spectral;
  SelfAttention<double> paper(options, rng), released({.channels = 4, .spectral_norm = spectral}, rng);
  const auto images = normal<double>({2, 4, 4, 4}, 0, 1, rng);
  for (auto* block : {&paper, &released}) {
    functional::randomize(*block, 4, 0.7);
    CHECK_GRADIENTS(functional::gradcheck(*block, {images}, [&](const auto& in) { return block->forward(in[0]); }));
  }

  const bool causal = GENERATE(false, true);
  MultiHeadAttention<double> self({.features = 4, .heads = 2, .causal = causal, .spectral_norm = spectral}, rng);
  const auto tokens = normal<double>({2, 3, 4}, 0, 1, rng);
  CHECK_GRADIENTS(functional::gradcheck(self, {tokens}, [&](const auto& in) { return self(in[0]); }));

  MultiHeadAttention<double> cross(
      {.features = 4, .heads = 2, .key_features = 3, .value_features = 2, .spectral_norm = spectral}, rng);
  const auto keys = normal<double>({2, 5, 3}, 0, 1, rng), values = normal<double>({2, 5, 2}, 0, 1, rng);
  const auto mask = from_data<bool>({1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0}, {3, 5});
  CHECK_GRADIENTS(functional::gradcheck(cross, {tokens, keys, values},
                                        [&](const auto& in) { return cross.attend(in[0], in[1], in[2], mask); }));
}

TEST_CASE("with gamma = 0 the attention's weights get exactly no gradient, and gamma does", "[nn][attention]") {
  Rng rng(5);
  for (const auto& options : {SelfAttentionOptions{.channels = 8}, paper_block(8)}) {
    const SelfAttention<double> block(options, rng);
    const auto x = normal<double>({2, 4, 4, 8}, 0, 1, rng);
    CHECK(block(x).to_vector() == x.to_vector());
    backward(sum(square(block(x))));
    for (const auto& field : block.list()) {
      CAPTURE(field.name);
      const auto gradient = field.tensor.grad().to_vector();
      const bool zero = std::all_of(gradient.begin(), gradient.end(), [](double d) { return d == 0; });
      CHECK(zero == (field.name != "gamma"));
    }
  }
}

TEST_CASE("gamma scales what attention adds, also below zero and where it is pooled", "[nn][attention]") {
  Rng rng(6);
  for (const bool projection : {false, true})
    for (const std::int64_t pool : {1, 2}) {
      INFO("projection " << projection << ", pool " << pool);
      SelfAttention<double> block(
          {.channels = 4, .key_channels = 2, .output_projection = projection, .bias = true, .pool = pool}, rng);
      const auto x = normal<double>({2, 4, 4, 4}, 0, 1, rng);
      const auto added = [&](double gamma) {
        auto state = block.state();
        state.set("gamma", full<double>({1}, gamma));
        block.load(state);
        return block(x) - x;
      };
      const auto once = added(1), opposite = added(-0.5);
      for (std::size_t i = 0; i < once.data().size(); ++i)
        CHECK(opposite.data()[i] == Approx(-0.5 * once.data()[i]).margin(1e-12));
      // The slope in gamma at zero, where training starts, is what attention adds at one.
      added(0);
      const auto slope = grad<double>({sum(block(x))}, block.parameters()).back().item();
      CHECK(slope == Approx(sum(once).item()).margin(1e-9));
    }
}

TEST_CASE("a query that sees no key gets the output's bias", "[nn][attention]") {
  Rng rng(6);
  MultiHeadAttention<double> layer({.features = 4, .heads = 2}, rng);
  functional::randomize(layer, 7);
  const auto x = normal<double>({1, 2, 4}, 0, 1, rng);
  const auto y = layer.attend(x, x, x, from_data<bool>({true, true, false, false}, {2, 2}));
  const auto bias = layer.state().tensor<double>("output.bias").to_vector();
  CHECK(slice(y, 1, 1, 2).to_vector() == bias);
  CHECK(slice(y, 1, 0, 1).to_vector() != bias);
}

TEST_CASE("dropout of attention drops in training only, by its random stream", "[nn][attention]") {
  Rng rng(8);
  MultiHeadAttention<double> layer({.features = 4, .heads = 2, .dropout = 0.5}, rng);
  MultiHeadAttention<double> plain({.features = 4, .heads = 2}, rng);
  plain.load(layer.state());
  const auto x = normal<double>({2, 6, 4}, 0, 1, rng);
  CHECK(layer(x).to_vector() == plain(x).to_vector());
  CHECK_THROWS_AS(layer(x, {.training = true}), Error);

  const auto trained = [&](std::uint64_t seed) {
    Rng drops(seed, "dropout");
    return layer(x, {.training = true, .rng = &drops}).to_vector();
  };
  CHECK(trained(1) == trained(1));
  CHECK(trained(1) != trained(2));
  CHECK(trained(1) != plain(x).to_vector());
  CHECK_GRADIENTS(functional::gradcheck(layer, {x}, [&](const auto& in) {
    Rng drops(9, "dropout");
    return layer(in[0], {.training = true, .rng = &drops});
  }));
}

TEST_CASE("attention layers refuse what does not fit", "[nn][attention]") {
  Rng rng(10);
  CHECK_THROWS_AS(SelfAttention<float>(SelfAttentionOptions{}, rng), Error);
  CHECK_THROWS_AS(SelfAttention<float>({.channels = 4, .value_channels = 2, .output_projection = false}, rng), Error);
  CHECK_THROWS_AS(SelfAttention<float>({.channels = 4, .pool = 0}, rng), Error);
  CHECK_THROWS_AS(MultiHeadAttention<float>({.features = 4, .heads = 3}, rng), Error);
  CHECK_THROWS_AS(MultiHeadAttention<float>({.features = 4, .dropout = 1}, rng), Error);
  SelfAttention<float> block({.channels = 4}, rng);
  CHECK_THROWS_AS(block(zeros<float>({1, 4, 4, 3})), ShapeError);
  CHECK_THROWS_AS(block(zeros<float>({1, 1, 4, 4})), ShapeError);  // nothing left after pooling
  MultiHeadAttention<float> layer({.features = 4, .heads = 2}, rng);
  CHECK_THROWS_AS(layer(zeros<float>({1, 3, 5})), ShapeError);
  const auto x = zeros<float>({1, 3, 4});
  CHECK_THROWS_AS(layer.attend(x, zeros<float>({1, 2, 4}), x), ShapeError);
  CHECK_THROWS_AS(layer.attend(x, x, x, full<bool>({2, 3}, true)), ShapeError);
}
