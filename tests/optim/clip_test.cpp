#include <agon/ops/arithmetic.hpp>
#include <agon/optim/clip.hpp>

#include "golden/golden.hpp"

#include <limits>

using namespace agon;

TEMPLATE_TEST_CASE("clip_grad_norm agrees with PyTorch", "[optim][clip]", float, double) {
  using T = TestType;
  std::vector<Tensor<T>> gradients{golden::real<T>("clip.p"), golden::real<T>("clip.q")};
  const double norm = golden::real<double>("clip.norm").item(), limit = golden::real<double>("clip.max_norm").item();
  CHECK(global_norm(gradients) == Approx(norm).epsilon(golden::tolerance<T>));
  CHECK(clip_grad_norm(gradients, limit) == Approx(norm).epsilon(golden::tolerance<T>));
  // PyTorch divides by norm + 1e-6.
  const double correction = (norm + 1e-6) / norm;
  CHECK(golden::difference(gradients[0], golden::real<double>("clip.clipped_p") * correction) <= golden::tolerance<T>);
  CHECK(golden::difference(gradients[1], golden::real<double>("clip.clipped_q") * correction) <= golden::tolerance<T>);
  CHECK(global_norm(gradients) == Approx(limit).epsilon(golden::tolerance<T>));
}

TEST_CASE("gradients within the limit stay as they are", "[optim][clip]") {
  std::vector<Tensor<double>> gradients{from_data<double>({3}, {1}), {}, from_data<double>({4}, {1})};
  CHECK(clip_grad_norm(gradients, 5) == 5);
  CHECK(gradients[0].item() == 3);
  CHECK_FALSE(gradients[1].defined());
  CHECK_THROWS_AS(clip_grad_norm(gradients, 0), Error);
}

TEST_CASE("clipping writes to no tensor that others hold", "[optim][clip]") {
  const auto g = from_data<float>({3, 4}, {2});
  std::vector<Tensor<float>> gradients{g};
  clip_grad_norm(gradients, 1);
  CHECK(g.to_vector() == std::vector<float>{3, 4});
  CHECK(gradients[0].at({0}) == Approx(0.6));
}

TEST_CASE("the norm of gradients that are not finite is not finite", "[optim][clip]") {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const double norm = global_norm<float>({from_data<float>({1, bad}, {2})});
    CHECK_FALSE(std::isfinite(norm));
  }
  CHECK(global_norm<float>({}) == 0);
}
