#include <agon/gan/presets.hpp>
#include <agon/nn/summary.hpp>

#include "golden/golden.hpp"
#include "nn/functional.hpp"

#include <algorithm>
#include <utility>

using namespace agon;

namespace {

constexpr Context training{.training = true};

GeneratorOptions small_generator() {
  return {.latent = 5,
          .classes = 3,
          .start_size = 2,
          .channels = {6, 4},
          .attention_block = {.key_channels = 2, .value_channels = 2}};
}

GeneratorOptions small_reference() {
  return {
      .latent = 5,
      .classes = 3,
      .start_size = 2,
      .channels = {6, 4},
      .norm = GeneratorOptions::Norm::batch,
      .upsampling = GeneratorOptions::Upsampling::transposed,
      .label_features = 2,
      .head_upsamples = true,
      .attention_block = {.key_channels = 2, .value_channels = 4, .output_projection = false, .bias = true, .pool = 1}};
}

const std::vector sizes{Size::tiny, Size::small, Size::base, Size::reference};

}  // namespace

TEMPLATE_TEST_CASE("generators agree with the same networks in PyTorch", "[gan][networks]", float, double) {
  using T = TestType;
  Rng rng(1);
  for (const auto& [name, options] : {std::pair{"preset", small_generator()}, {"reference", small_reference()}}) {
    const auto path = std::string("generator.") + name;
    Generator<T> g(options, rng);
    auto state = g.state();
    for (const auto& [parameter, value] : golden::state<T>(path + ".parameters").entries()) {
      REQUIRE(state.contains(parameter));
      state.set(parameter, golden::real<T>(path + ".parameters." + parameter));
    }
    g.load(state);
    const auto z = golden::real<T>(path + ".x").requires_grad_();
    const auto& labels = golden::file().tensor<std::int32_t>(path + ".labels");
    const auto images = g.forward(z, labels, training);
    golden::check_close(images, path + ".y");
    golden::check_gradients<T>(path, images, {"x"}, {z});
    golden::check_parameter_gradients(g, g.forward(z, labels, training), golden::real<T>(path + ".g"),
                                      path + ".gradients");
  }
}

TEST_CASE("the presets have the sizes they are known by", "[gan][networks]") {
  Rng rng(2);
  const std::int64_t generators[] = {59090, 363890, 1060674, 834038},
                     discriminators[] = {28210, 219522, 435394, 206482};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Generator<float> g(generator_preset(sizes[i]), rng);
    const Discriminator<float> d(discriminator_preset(sizes[i]), rng);
    CAPTURE(size_names[i]);
    CHECK(g.parameter_count() == generators[i]);
    CHECK(d.parameter_count() == discriminators[i]);
    const auto labels = from_data<std::int32_t>({3, 9}, {2});
    const auto z = normal<float>({2, g.options().latent}, 0, 1, rng);
    const auto images = g.forward(z, labels);
    CHECK(images.shape() == Shape{2, 28, 28, 1});
    CHECK(std::all_of(images.data().begin(), images.data().end(), [](float x) { return x >= -1 && x <= 1; }));
    CHECK(d.forward(images, labels).shape() == Shape{2});
    CHECK(parse_size(size_names[i]) == sizes[i]);
  }
  CHECK_THROWS_AS(parse_size("huge"), Error);
}

TEST_CASE("networks are differentiable twice in inputs and parameters", "[gan][networks]") {
  Rng rng(3);
  const auto labels = from_data<std::int32_t>({2, 0, 1}, {3});
  const auto z = normal<double>({3, 5}, 0, 1, rng);
  auto plain = small_generator();
  plain.norm = GeneratorOptions::Norm::none;
  plain.leak = 0.2;
  plain.tanh_output = false;
  plain.residual_start = true;
  plain.attention = -1;
  for (const auto& options : {small_generator(), small_reference(), plain}) {
    Generator<double> g(options, rng);
    functional::randomize(g, 4, 0.4);
    CHECK_GRADIENTS(functional::gradcheck(g, {z}, [&](const auto& in) { return g.forward(in[0], labels, training); }));
  }

  const auto images = uniform<double>({3, 8, 8, 1}, -1, 1, rng);
  using Head = DiscriminatorOptions::Head;
  for (const auto& options :
       {DiscriminatorOptions{.classes = 3, .image_size = 8, .channels = {4, 6}}, DiscriminatorOptions{.classes = 3,
                                                                                 .image_size = 8,
                                                                                 .channels = {3, 4},
                                                                                 .spectral_norm = false,
                                                                                 .head = Head::flatten,
                                                                                 .attention = 1}}) {
    Discriminator<double> d(options, rng);
    functional::randomize(d, 5, 0.4);
    for (int i = 0; i < 20; ++i) d.forward(images, labels, {.update_buffers = true});
    CHECK_GRADIENTS(functional::gradcheck(d, {images}, [&](const auto& in) { return d.forward(in[0], labels); }));
  }
}

TEST_CASE("gradients have the same bits with and without a graph of their own", "[gan][networks]") {
  Rng rng(12);
  const Generator<float> g(generator_preset(Size::tiny), rng);
  const Discriminator<float> d(discriminator_preset(Size::tiny), rng);
  const auto z = normal<float>({4, 32}, 0, 1, rng);
  const auto labels = from_data<std::int32_t>({1, 2, 3, 4}, {4});
  auto parameters = g.parameters();
  for (const auto& p : d.parameters()) parameters.push_back(p);
  const auto gradients = [&](bool create_graph) {
    const auto loss = sum(d.forward(g.forward(z, labels, training), labels));
    return grad<float>({loss}, parameters, {.create_graph = create_graph});
  };
  const auto plain = gradients(false), recorded = gradients(true);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CAPTURE(i);
    CHECK(plain[i].to_vector() == recorded[i].to_vector());
    CHECK_FALSE(plain[i].requires_grad());
  }
}

TEST_CASE("attention can be left out or placed after any map", "[gan][networks]") {
  Rng rng(6);
  for (int place = -1; place < 3; ++place) {
    auto go = generator_preset(Size::tiny);
    auto dopt = discriminator_preset(Size::tiny);
    go.attention = dopt.attention = place;
    const Generator<float> g(go, rng);
    const Discriminator<float> d(dopt, rng);
    const auto has_attention = [](const auto& net) {
      const auto list = net.list();
      return std::any_of(list.begin(), list.end(), [](const auto& f) { return f.name.starts_with("attention."); });
    };
    CAPTURE(place);
    CHECK(has_attention(g) == (place >= 0));
    CHECK(has_attention(d) == (place >= 0));
    const auto labels = from_data<std::int32_t>({1}, {1});
    CHECK(d.forward(g.forward(zeros<float>({1, 32}), labels), labels).shape() == Shape{1});
  }
}

TEST_CASE("images of one batch do not influence each other in the discriminator", "[gan][networks]") {
  Rng rng(7);
  const Discriminator<double> d(discriminator_preset(Size::tiny), rng);
  const auto images = uniform<double>({3, 28, 28, 1}, -1, 1, rng);
  const auto labels = from_data<std::int32_t>({4, 4, 7}, {3});
  const auto all = d.forward(images, labels);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto one = d.forward(slice(images, 0, i, i + 1), from_data<std::int32_t>({labels.at({i})}, {1}));
    CHECK(one.item() == Approx(all.at({i})).epsilon(1e-12));
  }
}

TEST_CASE("the label changes what the networks give", "[gan][networks]") {
  Rng rng(8);
  Generator<double> g(small_generator(), rng);
  Discriminator<double> d({.classes = 3, .image_size = 8, .channels = {4, 6}}, rng);
  functional::randomize(g, 9);
  const auto z = normal<double>({1, 5}, 0, 1, rng), image = uniform<double>({1, 8, 8, 1}, -1, 1, rng);
  const auto one = from_data<std::int32_t>({1}, {1}), two = from_data<std::int32_t>({2}, {1});
  CHECK(g.forward(z, one).to_vector() != g.forward(z, two).to_vector());
  CHECK(d.forward(image, one).item() != d.forward(image, two).item());
}

TEST_CASE("a clone of a network computes the same with tensors of its own", "[gan][networks]") {
  Rng rng(10);
  const auto labels = from_data<std::int32_t>({2, 0}, {2});
  for (const auto size : {Size::tiny, Size::reference}) {
    const Generator<float> g(generator_preset(size), rng);
    const Discriminator<float> d(discriminator_preset(size), rng);
    const auto z = normal<float>({2, g.options().latent}, 0, 1, rng);
    const auto g2 = g.clone();
    const auto d2 = d.clone();
    const auto images = g.forward(z, labels);
    CHECK(g2.forward(z, labels).to_vector() == images.to_vector());
    CHECK(d2.forward(images, labels).to_vector() == d.forward(images, labels).to_vector());
    CHECK(g2.parameters()[0].data().data() != g.parameters()[0].data().data());
    CHECK(summary(g2) == summary(g));
  }
}

TEST_CASE("an empty batch gives an empty result", "[gan][networks]") {
  Rng rng(13);
  const Generator<float> g(generator_preset(Size::tiny), rng);
  const Discriminator<float> d(discriminator_preset(Size::tiny), rng);
  const auto images = g.forward(zeros<float>({0, 32}), zeros<std::int32_t>({0}));
  CHECK(images.shape() == Shape{0, 28, 28, 1});
  CHECK(d.forward(images, zeros<std::int32_t>({0})).shape() == Shape{0});
}

TEST_CASE("networks refuse what does not fit", "[gan][networks]") {
  Rng rng(11);
  CHECK_THROWS_AS(Generator<float>({.latent = 0}, rng), Error);
  CHECK_THROWS_AS(Generator<float>({.channels = {}}, rng), Error);
  CHECK_THROWS_AS(Generator<float>({.attention = 3}, rng), Error);
  CHECK_THROWS_AS(Discriminator<float>({.classes = 0}, rng), Error);
  CHECK_THROWS_AS(Discriminator<float>({.attention = -2}, rng), Error);
  const Generator<float> g(generator_preset(Size::tiny), rng);
  const Discriminator<float> d(discriminator_preset(Size::tiny), rng);
  const auto one = from_data<std::int32_t>({1}, {1}), ten = from_data<std::int32_t>({10}, {1});
  CHECK_THROWS_AS(g.forward(zeros<float>({1, 31}), one), ShapeError);
  CHECK_THROWS_AS(g.forward(zeros<float>({2, 32}), one), ShapeError);
  CHECK_THROWS_AS(g.forward(zeros<float>({1, 32}), ten), ShapeError);
  CHECK_THROWS_AS(d.forward(zeros<float>({1, 27, 28, 1}), one), ShapeError);
  CHECK_THROWS_AS(d.forward(zeros<float>({1, 28, 28, 1}), from_data<std::int32_t>({-1}, {1})), ShapeError);
}
