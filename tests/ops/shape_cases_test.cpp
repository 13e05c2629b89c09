#include "op_cases.hpp"

namespace agon::test {

namespace {

const Tensor<std::int64_t> rows = from_data<std::int64_t>({2, 0, 2, 1}, {2, 2});

}  // namespace

// Linear maps are squared, so that their second derivatives are not zero.
std::vector<OpCase> shape_cases() {
  std::vector<OpCase> cases{
      {"reshape",
       {{3, 4}},
       [](const Tensors& x) {
         return square(reshape(x[0], {2, -1}));
       }},
      {"permute",
       {{2, 3, 4}},
       [](const Tensors& x) {
         return square(permute(x[0], {2, 0, 1}));
       },
       [](const std::vector<Values>& x) {
         Values y;
         for (std::size_t k = 0; k < 4; ++k)
           for (std::size_t i = 0; i < 2; ++i)
             for (std::size_t j = 0; j < 3; ++j) y.push_back(x[0][(i * 3 + j) * 4 + k] * x[0][(i * 3 + j) * 4 + k]);
         return y;
       }},
      {"transpose", {{2, 3, 4}}, [](const Tensors& x) { return square(transpose(x[0], 0, -1)); }},
      {"slice_leading",
       {{4, 3}},
       [](const Tensors& x) { return square(slice(x[0], 0, 1, 3)); },
       [](const std::vector<Values>& x) {
         Values y;
         for (std::size_t i = 3; i < 9; ++i) y.push_back(x[0][i] * x[0][i]);
         return y;
       }},
      {"slice_inner", {{2, 5, 3}}, [](const Tensors& x) { return square(slice(x[0], 1, 2, 4)); }},
      {"slice_empty", {{2, 3}}, [](const Tensors& x) { return square(slice(x[0], 1, 1, 1)); }},
      {"pad",
       {{2, 3}},
       [](const Tensors& x) { return square(pad(x[0], 1, 2, 1)); },
       [](const std::vector<Values>& x) {
         Values y(12, 0.0);
         for (std::size_t i = 0; i < 2; ++i)
           for (std::size_t j = 0; j < 3; ++j) y[i * 6 + 2 + j] = x[0][i * 3 + j] * x[0][i * 3 + j];
         return y;
       }},
      {"concat", {{2, 3}, {2, 1}, {2, 2}}, [](const Tensors& x) { return square(concat(x, 1)); }},
      {"concat_same",
       {{2, 3}},
       [](const Tensors& x) {
         return square(concat<double>({x[0], x[0]}, 0));
       }},
      {"split",
       {{6, 2}},
       [](const Tensors& x) {
         const auto parts = split(x[0], {1, 2, 3});
         return parts[0] * sum(parts[1]) + sum(square(parts[2]), {0});
       }},
      {"broadcast_to",
       {{3, 1}},
       [](const Tensors& x) {
         return square(broadcast_to(x[0], {2, 3, 4}));
       }},
      {"sum_to",
       {{2, 3, 4}},
       [](const Tensors& x) {
         return square(sum_to(x[0], {3, 1}));
       }},
      {"alias", {{3}}, [](const Tensors& x) { return square(alias(x[0])); }},
      {"sum",
       {{2, 3, 4}},
       [](const Tensors& x) { return square(sum(x[0])); },
       [](const std::vector<Values>& x) {
         double s = 0;
         for (double v : x[0]) s += v;
         return Values{s * s};
       }},
      {"sum_outer",
       {{2, 3, 4}},
       [](const Tensors& x) {
         return square(sum(x[0], {0, 2}));
       },
       [](const std::vector<Values>& x) {
         Values y;
         for (std::size_t j = 0; j < 3; ++j) {
           double s = 0;
           for (std::size_t i = 0; i < 2; ++i)
             for (std::size_t k = 0; k < 4; ++k) s += x[0][(i * 3 + j) * 4 + k];
           y.push_back(s * s);
         }
         return y;
       }},
      {"sum_keep", {{2, 3, 4}}, [](const Tensors& x) { return x[0] * sum(x[0], {1}, true); }},
      {"mean", {{2, 3, 4}}, [](const Tensors& x) { return square(mean(x[0], {-1})); }},
      {"var",
       {{2, 5}},
       [](const Tensors& x) { return var(x[0], {1}); },
       [](const std::vector<Values>& x) {
         Values y;
         for (std::size_t i = 0; i < 2; ++i) {
           double m = 0, s = 0;
           for (std::size_t k = 0; k < 5; ++k) m += x[0][i * 5 + k] / 5;
           for (std::size_t k = 0; k < 5; ++k) s += (x[0][i * 5 + k] - m) * (x[0][i * 5 + k] - m) / 5;
           y.push_back(s);
         }
         return y;
       }},
      {"max_axis", {{3, 4, 2}}, [](const Tensors& x) { return square(max(x[0], 1)); }},
      {"max_all", {{3, 4}}, [](const Tensors& x) { return square(max(x[0])); }},
      {"take",
       {{6}},
       [](const Tensors& x) {
         return square(take(x[0], from_data<std::int64_t>({5, 1, 1}, {3})));
       }},
      {"put",
       {{3}},
       [](const Tensors& x) {
         return square(put(x[0], from_data<std::int64_t>({5, 1, 1}, {3}), {2, 3}));
       }},
      {"embedding",
       {{3, 2}},
       [](const Tensors& x) { return square(embedding(x[0], rows)); },
       [](const std::vector<Values>& x) {
         Values y;
         for (std::size_t r : {2u, 0u, 2u, 1u})
           for (std::size_t k = 0; k < 2; ++k) y.push_back(x[0][r * 2 + k] * x[0][r * 2 + k]);
         return y;
       }},
      {"scatter_add", {{2, 2, 3}}, [](const Tensors& x) { return square(scatter_add(x[0], rows, 4)); }},
      {"dropout",
       {{4, 5}},
       [](const Tensors& x) {
         return square(dropout(x[0], 0.3, StreamKey{1, 2}, 5));
       }},
  };
  return cases;
}

}  // namespace agon::test
