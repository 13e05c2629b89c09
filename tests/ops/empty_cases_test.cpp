#include "op_cases.hpp"

namespace agon::test {

namespace {

Tensor<std::int64_t> no_positions(const Shape& shape) { return zeros<std::int64_t>(shape); }

}  // namespace

// Inputs, results or axes between them without elements. Linear maps are squared, as in the other families.
std::vector<OpCase> empty_cases() {
  return {
      {"empty_exp", {{0, 4}}, [](const Tensors& x) { return exp(x[0]); }},
      {"empty_broadcast", {{0, 4}, {4}}, [](const Tensors& x) { return x[0] * x[1] + square(x[1]); }},
      {"empty_maximum", {{0, 4}, {4}}, [](const Tensors& x) { return square(maximum(x[0], x[1])); }},
      {"empty_where", {{0, 4}, {4}}, [](const Tensors& x) { return square(where(full<bool>({4}, true), x[0], x[1])); }},
      {"empty_sum_axis", {{3, 0}}, [](const Tensors& x) { return square(sum(x[0], {1})); }},
      {"empty_sum_to",
       {{2, 0, 4}},
       [](const Tensors& x) {
         return square(sum_to(x[0], {2, 1, 4}));
       }},
      {"empty_max", {{3, 0}}, [](const Tensors& x) { return square(max(x[0], 0)); }},
      {"empty_permute",
       {{2, 0, 3}},
       [](const Tensors& x) {
         return square(permute(x[0], {2, 0, 1}));
       }},
      {"empty_concat", {{0, 2}, {3, 2}}, [](const Tensors& x) { return square(concat(x)); }},
      {"empty_pad", {{0, 2}}, [](const Tensors& x) { return square(pad(x[0], 0, 1, 2)); }},
      {"empty_take",
       {{4}},
       [](const Tensors& x) {
         return square(take(x[0], no_positions({0, 2})));
       }},
      {"empty_embedding", {{3, 2}}, [](const Tensors& x) { return square(embedding(x[0], no_positions({0}))); }},
      {"empty_embedding_width", {{3, 0}}, [](const Tensors& x) { return square(embedding(x[0], no_positions({2}))); }},
      {"empty_softmax", {{0, 4}}, [](const Tensors& x) { return softmax(x[0]); }},
      {"empty_log_softmax", {{0, 4}}, [](const Tensors& x) { return log_softmax(x[0]); }},
      {"matmul_no_rows", {{0, 4}, {4, 3}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_no_inner", {{3, 0}, {0, 5}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_tall_no_inner", {{2, 3, 0}, {0, 5}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_batch_no_inner", {{2, 3, 0}, {2, 0, 5}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_no_batch", {{0, 3, 4}, {0, 4, 5}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"linear_no_rows", {{0, 4}, {2, 4}, {2}}, [](const Tensors& x) { return linear(x[0], x[1], x[2], tanh()); }},
      {"linear_no_in", {{2, 3, 0}, {5, 0}, {5}}, [](const Tensors& x) { return linear(x[0], x[1], x[2], tanh()); }},
      {"linear_no_out", {{2, 3, 4}, {0, 4}, {0}}, [](const Tensors& x) { return linear(x[0], x[1], x[2], tanh()); }},
      {"conv2d_no_images",
       {{0, 5, 5, 2}, {3, 3, 3, 2}, {3}},
       [](const Tensors& x) { return conv2d(x[0], x[1], x[2], {.activation = tanh()}); }},
      {"max_pool2d_no_images", {{0, 4, 4, 3}}, [](const Tensors& x) { return square(max_pool2d(x[0])); }},
      {"avg_pool2d_no_images", {{0, 4, 4, 3}}, [](const Tensors& x) { return square(avg_pool2d(x[0])); }},
      {"upsample_no_images", {{0, 2, 2, 3}}, [](const Tensors& x) { return square(upsample_nearest2d(x[0])); }},
      {"layer_norm_no_rows", {{0, 4}, {4}, {4}}, [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); }},
      {"layer_norm_no_tokens",
       {{2, 0, 4}, {2, 4}, {2, 4}},
       [](const Tensors& x) { return layer_norm(x[0], x[1], x[2]); }},
      {"attention_no_batch",
       {{0, 2, 4}, {0, 3, 4}, {0, 3, 4}},
       [](const Tensors& x) { return scaled_dot_product_attention(x[0], x[1], x[2], {}, {.heads = 2}); }},
  };
}

}  // namespace agon::test
