// Operations without parameters that models are made of, against PyTorch.

#include <agon/ops/attention.hpp>
#include <agon/ops/pool.hpp>
#include <agon/ops/softmax.hpp>

#include "golden/golden.hpp"

using namespace agon;

TEMPLATE_TEST_CASE("pools agree with PyTorch", "[nn][pool]", float, double) {
  for (const std::string op : {"max_pool2d", "avg_pool2d"})
    for (const auto& name : golden::cases(op)) {
      const auto path = op + "." + name;
      const PoolOptions options{golden::integer(path + ".kernel_size"), golden::integer(path + ".stride")};
      golden::check_function<TestType>(path, {"x"}, [&](const auto& in) {
        return op == "max_pool2d" ? max_pool2d(in[0], options) : avg_pool2d(in[0], options);
      });
    }
}

TEMPLATE_TEST_CASE("nearest upsampling agrees with PyTorch", "[nn][pool]", float, double) {
  for (const auto& name : golden::cases("upsample_nearest2d")) {
    const auto path = "upsample_nearest2d." + name;
    golden::check_function<TestType>(
        path, {"x"}, [&](const auto& in) { return upsample_nearest2d(in[0], golden::integer(path + ".factor")); });
  }
}

TEMPLATE_TEST_CASE("softmax, log_softmax and cross_entropy agree with PyTorch", "[nn][softmax]", float, double) {
  for (const auto& name : golden::cases("softmax")) {
    golden::check_function<TestType>("softmax." + name, {"x"}, [](const auto& in) { return softmax(in[0]); });
    golden::check_function<TestType>("log_softmax." + name, {"x"}, [](const auto& in) { return log_softmax(in[0]); });
  }
  const auto& labels = golden::file().tensor<std::int32_t>("cross_entropy.labels");
  golden::check_function<TestType>("cross_entropy", {"x"},
                                   [&](const auto& in) { return cross_entropy(in[0], labels); });
}

TEMPLATE_TEST_CASE("scaled_dot_product_attention agrees with PyTorch", "[nn][attention]", float, double) {
  for (const auto& name : golden::cases("attention")) {
    const auto path = "attention." + name;
    AttentionOptions options{.heads = golden::integer(path + ".heads"),
                             .causal = golden::integer(path + ".causal") != 0};
    if (golden::integer(path + ".unscaled") != 0) options.scale = 1;
    const auto mask = golden::has(path + ".mask") ? golden::file().tensor<bool>(path + ".mask") : Tensor<bool>();
    golden::check_function<TestType>(path, {"q", "k", "v"}, [&](const auto& in) {
      return scaled_dot_product_attention(in[0], in[1], in[2], mask, options);
    });
  }
}
