#pragma once

#include <agon/gan/losses.hpp>
#include <agon/gan/penalties.hpp>
#include <agon/nn/module.hpp>
#include <agon/optim/clip.hpp>
#include <agon/optim/optimizer.hpp>
#include <agon/tensor/factories.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace agon {

struct TrainingOptions {
  Loss loss = Loss::hinge;
  double r1 = 0;                ///< gamma of the penalty on real images; 0 for none
  double r2 = 0;                ///< gamma of the penalty on generated images
  double gradient_penalty = 0;  ///< lambda of WGAN-GP
  int critic_steps = 1;         ///< discriminator updates a generator update
  double max_grad_norm = 0;     ///< clips the global norm of each network's gradients; 0 for never
  std::uint64_t seed = 0;       ///< of z, labels and penalties
};

/// What one step did.
struct StepReport {
  double d_loss = 0, g_loss = 0, penalty = 0;  ///< d_loss includes the penalty
  double real_logit = 0, fake_logit = 0;       ///< means in the discriminator's update
  double d_grad_norm = 0, g_grad_norm = 0;
  bool skipped = false;  ///< an update was left out because its gradients were not finite
};

/// The minimax loop of a conditional GAN: each step draws z and labels, updates the discriminator and then the
/// generator, each with its own optimiser; average_model() then moves an averaged generator. Any modules will do: a G
/// with forward(z, labels, ctx), options().latent and options().classes, and a D with forward(images, labels, ctx) that
/// treats the images of a batch independently (no batch norm: real and generated ones go through it together, and the
/// penalties take its slopes image by image). Everything drawn comes from streams named "z", "labels" and "penalty", so
/// the same seed gives the same weights at any number of threads.
template <Real T, class G, class D>
class Training {
 public:
  /// Keeps references to all four. Throws Error when an option is out of range, or when an optimiser has other
  /// parameters than its network.
  Training(G& generator, D& discriminator, Optimizer<T>& g_optimizer, Optimizer<T>& d_optimizer,
           const TrainingOptions& options)
      : g_(generator),
        d_(discriminator),
        g_optimizer_(g_optimizer),
        d_optimizer_(d_optimizer),
        options_(options),
        z_(options.seed, "z"),
        labels_(options.seed, "labels"),
        penalty_(options.seed, "penalty") {
    check(options.critic_steps >= 1, "Training: critic_steps ", options.critic_steps, "; expected at least 1");
    const auto valid = [](double x) { return x >= 0; };
    check(valid(options.r1) && valid(options.r2) && valid(options.gradient_penalty) && valid(options.max_grad_norm),
          "Training: r1 ", options.r1, ", r2 ", options.r2, ", gradient_penalty ", options.gradient_penalty,
          ", max_grad_norm ", options.max_grad_norm, "; expected 0 or more");
    check_parameters("generator", generator, g_optimizer);
    check_parameters("discriminator", discriminator, d_optimizer);
  }

  /// One discriminator update on `images` and `labels`, and a generator update after every critic_steps of them.
  StepReport step(const Tensor<T>& images, const Tensor<std::int32_t>& labels) {
    StepReport report;
    update_discriminator(images, labels, report);
    if (++d_updates_ % options_.critic_steps == 0) update_generator(images, labels, report);
    return report;
  }

  /// Noise and labels of `n` images from the training streams.
  Tensor<T> draw_z(std::int64_t n) { return normal<T>({n, g_.options().latent}, 0, 1, z_); }
  Tensor<std::int32_t> draw_labels(std::int64_t n) {
    return randint<std::int32_t>({n}, static_cast<std::int32_t>(g_.options().classes), labels_);
  }

  /// The seed, positions of the streams and counters; the networks and optimisers have states of their own.
  State state() const {
    State state;
    state.set("seed", std::bit_cast<std::int64_t>(options_.seed));
    state.set("d_updates", d_updates_);
    state.set("z", static_cast<std::int64_t>(z_.position()));
    state.set("labels", static_cast<std::int64_t>(labels_.position()));
    state.set("penalty", static_cast<std::int64_t>(penalty_.position()));
    return state;
  }
  /// The inverse of state(). Throws Error when it does not fit or is of another seed, before anything changes.
  void load(const State& state) {
    const auto seed = std::bit_cast<std::uint64_t>(state.integer("seed"));
    check(seed == options_.seed, "Training: the state is of seed ", seed, "; expected that of the options, ",
          options_.seed);
    const auto updates = state.integer("d_updates"), z = state.integer("z"), labels = state.integer("labels"),
               penalty = state.integer("penalty");
    check(updates >= 0 && z >= 0 && labels >= 0 && penalty >= 0, "Training: the state has a negative position");
    d_updates_ = updates;
    z_.seek(static_cast<std::uint64_t>(z));
    labels_.seek(static_cast<std::uint64_t>(labels));
    penalty_.seek(static_cast<std::uint64_t>(penalty));
  }

 private:
  static void check_parameters(std::string_view name, const Module<T>& network, const Optimizer<T>& optimizer) {
    const auto same = [](const Tensor<T>& a, const Tensor<T>& b) { return a.handle() == b.handle(); };
    check(std::ranges::equal(network.parameters(), optimizer.parameters(), same), "Training: the ", name,
          "'s optimiser has other parameters than the ", name, "; expected its parameters()");
  }

  static constexpr Context advancing{.training = true, .update_buffers = true};
  static constexpr Context steady{.training = true};

  bool relativistic() const { return options_.loss == Loss::relativistic; }

  void update_discriminator(const Tensor<T>& real, const Tensor<std::int32_t>& real_labels, StepReport& report) {
    const auto n = real.size(0);
    const auto fake_labels = relativistic() ? real_labels : draw_labels(n);
    const auto fake = [&] {
      const NoGrad guard;
      return g_.forward(draw_z(n), fake_labels, steady);
    }();
    // The discriminator has no batch norm, so both halves go through it at once. Spectral norm advances here only.
    const auto images = concat<T>({real, fake});
    const auto logits = d_.forward(images, join(real_labels, fake_labels), advancing);
    const auto real_logits = slice(logits, 0, 0, n), fake_logits = slice(logits, 0, n, 2 * n);
    auto loss = discriminator_loss(options_.loss, real_logits, fake_logits);
    if (const auto penalty = penalties(real, real_labels, fake, fake_labels); penalty.defined()) {
      report.penalty = static_cast<double>(penalty.item());
      loss = loss + penalty;
    }
    report.d_loss = static_cast<double>(loss.item());
    report.real_logit = static_cast<double>(mean(real_logits.detach()).item());
    report.fake_logit = static_cast<double>(mean(fake_logits.detach()).item());
    report.d_grad_norm = apply(d_optimizer_, loss, report);
  }

  Tensor<T> penalties(const Tensor<T>& real, const Tensor<std::int32_t>& real_labels, const Tensor<T>& fake,
                      const Tensor<std::int32_t>& fake_labels) {
    Tensor<T> total;
    const auto add_term = [&](const Tensor<T>& term) { total = total.defined() ? total + term : term; };
    const auto critic = [&](const Tensor<std::int32_t>& labels) {
      return [this, &labels](const Tensor<T>& x) { return d_.forward(x, labels, steady); };
    };
    if (options_.r1 > 0) add_term(zero_centred_penalty(critic(real_labels), real, options_.r1));
    if (options_.r2 > 0) add_term(zero_centred_penalty(critic(fake_labels), fake, options_.r2));
    if (options_.gradient_penalty > 0)
      add_term(gradient_penalty(critic(real_labels), real, fake, options_.gradient_penalty, penalty_));
    return total;
  }

  void update_generator(const Tensor<T>& real, const Tensor<std::int32_t>& real_labels, StepReport& report) {
    const auto n = real.size(0);
    const auto labels = relativistic() ? real_labels : draw_labels(n);
    const auto logits = d_.forward(g_.forward(draw_z(n), labels, advancing), labels, steady);
    const auto real_logits = [&] {
      const NoGrad guard;
      return relativistic() ? d_.forward(real, real_labels, steady) : Tensor<T>();
    }();
    const auto loss = generator_loss(options_.loss, real_logits, logits);
    report.g_loss = static_cast<double>(loss.item());
    report.g_grad_norm = apply(g_optimizer_, loss, report);
  }

  // Gradients of the loss for one network's parameters only, and its optimiser's step unless they are not finite.
  double apply(Optimizer<T>& optimizer, const Tensor<T>& loss, StepReport& report) {
    auto gradients = grad<T>({loss}, optimizer.parameters(), {.allow_unused = true});
    const double norm =
        options_.max_grad_norm > 0 ? clip_grad_norm(gradients, options_.max_grad_norm) : global_norm(gradients);
    if (is_finite(norm))
      optimizer.step(gradients);
    else
      report.skipped = true;
    return norm;
  }

  static Tensor<std::int32_t> join(const Tensor<std::int32_t>& a, const Tensor<std::int32_t>& b) {
    auto both = empty<std::int32_t>({a.numel() + b.numel()});
    const auto out = both.mutable_data();
    std::copy(a.data().begin(), a.data().end(), out.begin());
    std::copy(b.data().begin(), b.data().end(), out.begin() + a.numel());
    return both;
  }

  G& g_;
  D& d_;
  Optimizer<T>& g_optimizer_;
  Optimizer<T>& d_optimizer_;
  TrainingOptions options_;
  Rng z_, labels_, penalty_;
  std::int64_t d_updates_ = 0;
};

}  // namespace agon
