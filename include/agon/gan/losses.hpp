#pragma once

#include <agon/ops/activation.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/reduce.hpp>

#include <iterator>
#include <string_view>

namespace agon {

/// What the two players minimise, on logits D(x) of real and D(G(z)) of generated images; E is the mean over the batch.
///
///                 discriminator                              generator                  source
/// minimax         E sp(-D(x)) + E sp(D(G))                   -E sp(D(G))                Goodfellow et al. 2014, eq. 1
/// non_saturating  the same                                   E sp(-D(G))                Goodfellow et al. 2014, sec. 3
/// hinge           E relu(1 - D(x)) + E relu(1 + D(G))        -E D(G)                    Lim and Ye 2017; SAGAN
/// least_squares   E (D(x) - 1)^2 / 2 + E D(G)^2 / 2          E (D(G) - 1)^2 / 2         Mao et al. 2017
/// wasserstein     E D(G) - E D(x)                            -E D(G)                    Arjovsky et al. 2017
/// relativistic    E sp(-(D(x) - D(G)))                       E sp(-(D(G) - D(x)))       R3GAN, Huang et al. 2024
///
/// sp is softplus. At D = 0 the discriminator's loss is 2 log 2 (minimax, non_saturating), 2 (hinge), 1/2, 0 and log 2.
enum class Loss { minimax, non_saturating, hinge, least_squares, wasserstein, relativistic };

inline constexpr std::string_view loss_names[] = {"minimax",       "non_saturating", "hinge",
                                                  "least_squares", "wasserstein",    "relativistic"};

/// The loss of that name. Throws Error listing the names.
inline Loss parse_loss(std::string_view name) {
  for (std::size_t i = 0; i < std::size(loss_names); ++i)
    if (loss_names[i] == name) return static_cast<Loss>(i);
  check(false, "loss '", name,
        "'; expected minimax, non_saturating, hinge, least_squares, wasserstein or relativistic");
  return Loss::hinge;
}

/// The discriminator's loss, a scalar; see Loss. Logits are [n]; relativistic pairs them by position.
template <Real T>
Tensor<T> discriminator_loss(Loss loss, const Tensor<T>& real, const Tensor<T>& fake) {
  switch (loss) {
    case Loss::minimax:
    case Loss::non_saturating:
      return mean(softplus(-real)) + mean(softplus(fake));
    case Loss::hinge:
      return mean(relu(1.0 - real)) + mean(relu(1.0 + fake));
    case Loss::least_squares:
      return (mean(square(real - 1.0)) + mean(square(fake))) * 0.5;
    case Loss::wasserstein:
      return mean(fake) - mean(real);
    case Loss::relativistic:
      return mean(softplus(fake - real));
  }
  check(false, "discriminator_loss: unknown loss ", static_cast<int>(loss));
  return {};
}

/// The generator's loss, a scalar; see Loss. `real` is read by relativistic alone and may be absent otherwise.
template <Real T>
Tensor<T> generator_loss(Loss loss, const Tensor<T>& real, const Tensor<T>& fake) {
  switch (loss) {
    case Loss::minimax:
      return -mean(softplus(fake));
    case Loss::non_saturating:
      return mean(softplus(-fake));
    case Loss::hinge:
    case Loss::wasserstein:
      return -mean(fake);
    case Loss::least_squares:
      return mean(square(fake - 1.0)) * 0.5;
    case Loss::relativistic:
      return mean(softplus(real - fake));
  }
  check(false, "generator_loss: unknown loss ", static_cast<int>(loss));
  return {};
}

}  // namespace agon
