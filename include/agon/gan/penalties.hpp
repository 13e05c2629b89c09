#pragma once

#include <agon/autograd/engine.hpp>
#include <agon/ops/compare.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/reduce.hpp>
#include <agon/ops/shape.hpp>

#include <cstdint>

namespace agon {

namespace detail {

/// For each image, the sum of squares of d critic(x_i) / d x_i: [n], differentiable in the critic's parameters.
/// The critic must treat the images of a batch independently: no batch normalisation.
template <Real T, class Critic>
Tensor<T> squared_slopes(const Critic& critic, const Tensor<T>& images) {
  const bool differentiable = grad_enabled();
  const GradMode mode(true);  // the inner derivative is taken even where the penalty is only measured
  const auto x = images.detach().requires_grad_();
  const auto slopes = grad(sum(critic(x)), x, {.create_graph = differentiable});
  return sum(square(reshape(slopes, {x.size(0), -1})), {1});
}

}  // namespace detail

/// Zero-centred gradient penalty (gamma / 2) E |grad_x D(x)|^2 at the given images: R1 on real ones, R2 on generated
/// ones (Mescheder et al. 2018). `critic` maps images [n, ...] to logits [n]; the result is a scalar to add to the
/// discriminator's loss.
template <Real T, class Critic>
Tensor<T> zero_centred_penalty(const Critic& critic, const Tensor<T>& images, double gamma) {
  return mean(detail::squared_slopes(critic, images)) * (gamma / 2);
}

/// WGAN-GP (Gulrajani et al. 2017): lambda E (|grad_x D(x^)| - 1)^2 with x^ = x + a (x_fake - x), one a ~ U[0, 1) an
/// image. A slope below 1e-6, where the root has no derivative, counts as 1e-6 with derivative 0; elsewhere the penalty
/// is exact, unlike with compare_gan's sqrt(1e-4 + |grad_x D|^2). A slope that is not finite makes it so.
template <Real T, class Critic>
Tensor<T> gradient_penalty(const Critic& critic, const Tensor<T>& real, const Tensor<T>& fake, double lambda,
                           Rng& rng) {
  check<ShapeError>(real.shape() == fake.shape() && real.rank() >= 2, "gradient_penalty: real images ", real.shape(),
                    ", generated ones ", fake.shape(), "; expected equal shapes [n, ...]");
  const auto between = [&] {
    const NoGrad guard;
    std::vector<std::int64_t> per_image(static_cast<std::size_t>(real.rank()), 1);
    per_image[0] = real.size(0);
    const auto a = reshape(uniform<T>({real.size(0)}, 0, 1, rng), per_image);
    return real + a * (fake - real);
  }();
  const auto squares = detail::squared_slopes(critic, between);
  const auto slopes = sqrt(maximum(squares, scalar<T>(T(1e-12))));
  return mean(square(slopes - 1.0)) * lambda;
}

}  // namespace agon
