#include "../catch.hpp"

#include <agon/agon.hpp>

#include <algorithm>
#include <cmath>

using namespace agon;

namespace {

/// Most bytes alive, beyond what was before, while attention over `length` positions of one head with 8 features is
/// evaluated and differentiated `order` times: operands, gradients, the graph and the kernels' own memory.
std::int64_t peak_of_attention(std::int64_t length, int order) {
  const auto before = pool_stats().live;
  reset_pool_peak();
  Rng rng(1, "long");
  std::vector<Tensor<float>> x;
  for (int i = 0; i < 3; ++i) x.push_back(normal<float>({1, length, 8}, 0, 1, rng).requires_grad_());
  const auto g = normal<float>({1, length, 8}, 0, 1, rng);
  const auto o = scaled_dot_product_attention(x[0], x[1], x[2]);
  auto slopes = grad<float>({o}, x, {.grad_outputs = {g}, .create_graph = order > 1});
  if (order > 1) slopes = grad<float>(slopes, x, {.grad_outputs = {g, g, g}});
  for (const auto& slope : slopes)
    REQUIRE(std::all_of(slope.data().begin(), slope.data().end(), [](float value) { return std::isfinite(value); }));
  return pool_stats().peak - before;
}

}  // namespace

TEST_CASE("the memory of attention is linear in the length") {
  const ThreadScope one(1);  // each has memory of its own, which is linear too
  const std::int64_t length = 16384;
  const auto scores = length * length * static_cast<std::int64_t>(sizeof(float));
  const auto at_a_quarter = peak_of_attention(length / 4, 1), at_full = peak_of_attention(length, 1);
  // Small buffers of kernels are not counted: they are the thread's own.
  constexpr auto uncounted = static_cast<std::int64_t>(detail::ScratchStack::capacity);
  CHECK(at_full < 5 * (at_a_quarter + uncounted));
  CHECK(at_full < scores / 50);
  CHECK(peak_of_attention(length / 4, 2) < 5 * (peak_of_attention(length / 16, 2) + uncounted));
}
