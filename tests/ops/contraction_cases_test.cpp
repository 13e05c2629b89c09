#include "op_cases.hpp"

namespace agon::test {

namespace {

Values naive_matmul(const Values& a, const Values& b, std::size_t m, std::size_t k, std::size_t n) {
  Values y(m * n, 0.0);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t p = 0; p < k; ++p) y[i * n + j] += a[i * k + p] * b[p * n + j];
  return y;
}

}  // namespace

std::vector<OpCase> contraction_cases() {
  std::vector<OpCase> cases{
      {"matmul",
       {{3, 4}, {4, 2}},
       [](const Tensors& x) { return matmul(x[0], x[1]); },
       [](const std::vector<Values>& x) { return naive_matmul(x[0], x[1], 3, 4, 2); }},
      {"matmul_ta", {{4, 3}, {4, 2}}, [](const Tensors& x) { return matmul(x[0], x[1], {.transpose_a = true}); }},
      {"matmul_tb", {{3, 4}, {2, 4}}, [](const Tensors& x) { return matmul(x[0], x[1], {.transpose_b = true}); }},
      {"matmul_ta_tb",
       {{4, 3}, {2, 4}},
       [](const Tensors& x) {
         return matmul(x[0], x[1], {true, true});
       }},
      {"matmul_batch", {{2, 3, 4}, {2, 4, 2}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_batch_tb",
       {{2, 3, 4}, {2, 2, 4}},
       [](const Tensors& x) {
         return matmul(x[0], x[1], {false, true});
       }},
      {"matmul_batch_ta",
       {{2, 4, 3}, {2, 4, 2}},
       [](const Tensors& x) {
         return matmul(x[0], x[1], {true, false});
       }},
      {"matmul_tall", {{2, 3, 4}, {4, 2}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_broadcast", {{2, 1, 3, 4}, {3, 4, 2}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_shared_left", {{3, 4}, {2, 4, 2}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"matmul_self", {{3, 3}}, [](const Tensors& x) { return matmul(x[0], x[0], {.transpose_b = true}); }},
      {"matmul_one", {{1, 1}, {1, 1}}, [](const Tensors& x) { return matmul(x[0], x[1]); }},
      {"linear", {{2, 3, 4}, {5, 4}, {5}}, [](const Tensors& x) { return linear(x[0], x[1], x[2]); }},
      {"linear_tanh", {{3, 4}, {2, 4}, {2}}, [](const Tensors& x) { return linear(x[0], x[1], x[2], tanh()); }},
      {"linear_residual",
       {{2, 3, 4}, {5, 4}, {5}, {2, 3, 5}},
       [](const Tensors& x) { return linear(x[0], x[1], x[2], {}, x[3]); }},
      {"linear_residual_tanh",
       {{3, 4}, {2, 4}, {3, 2}},
       [](const Tensors& x) { return linear(x[0], x[1], {}, tanh(), x[2]); }},
      {"linear_leaky", {{3, 4}, {2, 4}}, [](const Tensors& x) { return linear(x[0], x[1], {}, leaky_relu(0.2)); }},
  };
  const auto conv = [&](std::string name, Shape x, Shape w, ConvOptions options, bool bias) {
    std::vector<Shape> inputs{x, w};
    if (bias) inputs.push_back({w[0]});
    cases.push_back({std::move(name), inputs, [options](const Tensors& in) {
                       return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor<double>(), options);
                     }});
  };
  conv("conv2d_3x3", {2, 5, 4, 3}, {2, 3, 3, 3}, {.padding = 1}, true);
  conv("conv2d_4x4_stride2", {1, 6, 6, 2}, {3, 4, 4, 2}, {.stride = 2, .padding = 1}, false);
  conv("conv2d_odd_stride", {1, 7, 6, 1}, {2, 3, 2, 1}, {.stride = 3}, true);
  conv("conv2d_rest", {1, 6, 6, 1}, {2, 3, 3, 1}, {.stride = 2}, false);  // the last row and column are not covered
  conv("conv2d_1x1", {2, 3, 3, 4}, {2, 1, 1, 4}, {}, true);
  conv("conv2d_whole_image", {2, 3, 3, 2}, {2, 3, 3, 2}, {}, false);
  conv("conv2d_leaky", {1, 5, 5, 2}, {3, 3, 3, 2}, {.stride = 2, .padding = 1, .activation = leaky_relu(0.2)}, true);
  conv("conv2d_tanh", {1, 4, 4, 2}, {2, 3, 3, 2}, {.padding = 1, .activation = tanh()}, true);
  const auto transposed = [&](std::string name, Shape x, Shape w, ConvTransposeOptions options) {
    cases.push_back({std::move(name), {x, w, {w[3]}}, [options](const Tensors& in) {
                       return conv_transpose2d(in[0], in[1], in[2], options);
                     }});
  };
  transposed("conv_transpose2d", {2, 3, 3, 2}, {2, 4, 4, 3}, {.stride = 2, .padding = 1});
  transposed("conv_transpose2d_output_padding", {1, 3, 2, 2}, {2, 3, 3, 1},
             {.stride = 2, .padding = 1, .output_padding = 1});
  transposed("conv_transpose2d_sigmoid", {1, 3, 3, 2}, {2, 3, 3, 2}, {.activation = sigmoid()});
  const auto upsampled = [&](std::string name, Shape x, Shape w, UpsampleConvOptions options) {
    cases.push_back({std::move(name), {x, w, {w[0]}}, [options](const Tensors& in) {
                       return upsample_conv2d(in[0], in[1], in[2], options);
                     }});
  };
  upsampled("upsample_conv2d", {2, 2, 3, 2}, {2, 3, 3, 2}, {.padding = 1});
  upsampled("upsample_conv2d_3_tanh", {1, 2, 2, 1}, {2, 2, 2, 1}, {.factor = 3, .activation = tanh()});
  cases.push_back({"max_pool2d", {{2, 4, 4, 3}}, [](const Tensors& x) { return square(max_pool2d(x[0])); }});
  cases.push_back({"max_pool2d_overlap", {{1, 5, 5, 2}}, [](const Tensors& x) {
                     return square(max_pool2d(x[0], {.kernel_size = 3, .stride = 1}));
                   }});
  cases.push_back({"avg_pool2d", {{2, 5, 4, 3}}, [](const Tensors& x) { return square(avg_pool2d(x[0])); }});
  cases.push_back({"avg_pool2d_overlap", {{1, 5, 5, 2}}, [](const Tensors& x) {
                     return square(avg_pool2d(x[0], {.kernel_size = 3, .stride = 2}));
                   }});
  cases.push_back(
      {"upsample_nearest2d", {{2, 2, 3, 2}}, [](const Tensors& x) { return square(upsample_nearest2d(x[0])); }});
  cases.push_back(
      {"upsample_nearest2d_3", {{1, 2, 2, 1}}, [](const Tensors& x) { return square(upsample_nearest2d(x[0], 3)); }});
  return cases;
}

}  // namespace agon::test
