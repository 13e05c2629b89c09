#include "op_cases.hpp"

namespace agon::test {

namespace {

Values naive_softmax(const Values& x, std::size_t cols, bool log) {
  Values y;
  for (std::size_t i = 0; i < x.size(); i += cols) {
    double total = 0;
    for (std::size_t j = 0; j < cols; ++j) total += std::exp(x[i + j]);
    for (std::size_t j = 0; j < cols; ++j) y.push_back(log ? x[i + j] - std::log(total) : std::exp(x[i + j]) / total);
  }
  return y;
}

Tensor<bool> some_mask() { return from_data<bool>({true, false, true, false, false, false, true, true, true}, {3, 3}); }

}  // namespace

std::vector<OpCase> fused_cases() {
  std::vector<OpCase> cases{
      {"softmax",
       {{3, 5}},
       [](const Tensors& x) { return softmax(x[0] * 2.0); },
       [](const std::vector<Values>& x) {
         auto doubled = x[0];
         for (auto& v : doubled) v *= 2;
         return naive_softmax(doubled, 5, false);
       }},
      {"log_softmax",
       {{3, 5}},
       [](const Tensors& x) { return log_softmax(x[0]); },
       [](const std::vector<Values>& x) { return naive_softmax(x[0], 5, true); }},
      {"softmax_one", {{4, 1}}, [](const Tensors& x) { return softmax(x[0]); }},
      {"cross_entropy",
       {{3, 4}},
       [](const Tensors& x) {
         return cross_entropy(x[0], from_data<std::int32_t>({1, 3, 0}, {3}));
       }},
      {"batch_norm", {{3, 2, 2, 3}, {3}, {3}}, [](const Tensors& x) { return batch_norm(x[0], x[1], x[2]).y; }},
      {"batch_norm_conditional",
       {{3, 2, 2, 3}, {3, 3}, {3, 3}},
       [](const Tensors& x) { return batch_norm(x[0], x[1], x[2]).y; }},
      {"batch_norm_leaky",
       {{6, 3}, {3}, {3}},
       [](const Tensors& x) { return batch_norm(x[0], x[1], x[2], {.activation = leaky_relu(0.2)}).y; }},
      {"batch_norm_tanh",
       {{6, 2}, {2}, {2}},
       [](const Tensors& x) { return batch_norm(x[0], x[1], x[2], {.eps = 1e-3, .activation = tanh()}).y; }},
      {"layer_norm", {{3, 5}, {5}, {5}}, [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); }},
      {"layer_norm_rows", {{2, 3, 5}, {2, 5}, {2, 5}}, [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); }},
      {"layer_norm_sigmoid",
       {{4, 3}, {3}, {3}},
       [](const Tensors& x) { return layer_norm(x[0], x[1], x[2], {.activation = sigmoid()}); }},
  };
  const auto attention = [&](std::string name, Shape q, Shape k, Shape v, Tensor<bool> mask, AttentionOptions options) {
    cases.push_back({std::move(name), {q, k, v}, [mask, options](const Tensors& x) {
                       return scaled_dot_product_attention(x[0], x[1], x[2], mask, options);
                     }});
  };
  attention("attention", {2, 3, 4}, {2, 5, 4}, {2, 5, 3}, {}, {});
  attention("attention_heads", {1, 3, 4}, {1, 4, 4}, {1, 4, 6}, {}, {.heads = 2});
  attention("attention_no_scale", {2, 4, 2}, {2, 3, 2}, {2, 3, 2}, {}, {.scale = 1.0});
  attention("attention_causal", {1, 4, 3}, {1, 4, 3}, {1, 4, 2}, {}, {.causal = true});
  attention("attention_mask", {2, 3, 2}, {2, 3, 2}, {2, 3, 2}, some_mask(), {});  // row 1 sees no key at all
  attention("attention_batch_mask", {2, 2, 2}, {2, 3, 2}, {2, 3, 2},
            from_data<bool>({true, true, false, false, true, true}, {2, 1, 3}), {.heads = 2});
  attention("attention_one", {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {}, {});
  cases.push_back({"attention_self", {{2, 3, 4}}, [](const Tensors& x) {
                     return scaled_dot_product_attention(x[0], x[0], x[0], {}, {.heads = 2});
                   }});
  cases.push_back({"attention_qkv_packed", {{2, 3, 7}}, [](const Tensors& x) {
                     return attention_qkv_packed(x[0], 2);  // dk 2, dv 3
                   }});
  cases.push_back({"attention_qkv_packed_heads", {{1, 4, 10}}, [](const Tensors& x) {
                     return attention_qkv_packed(x[0], 2, {}, {.heads = 2, .causal = true});
                   }});
  cases.push_back({"attention_kv_packed", {{1, 3, 4}, {1, 5, 10}}, [](const Tensors& x) {
                     return attention_kv_packed(x[0], x[1], {}, {.heads = 2});
                   }});
  return cases;
}

}  // namespace agon::test
