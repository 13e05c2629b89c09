#include <agon/optim/adam.hpp>
#include <agon/optim/rmsprop.hpp>
#include <agon/optim/sgd.hpp>

#include <agon/autograd/engine.hpp>
#include <agon/ops/reduce.hpp>

#include "golden/golden.hpp"

#include <memory>

using namespace agon;

namespace {

using Catch::Matchers::ContainsSubstring;

template <Real T>
std::vector<Tensor<T>> start() {
  return {golden::real<T>("optimizer.start.p").requires_grad_(), golden::real<T>("optimizer.start.q").requires_grad_()};
}

template <Real T>
std::unique_ptr<Optimizer<T>> make(const std::string& name, const std::vector<Tensor<T>>& p) {
  if (name == "sgd") return std::make_unique<Sgd<T>>(p, SgdOptions{.lr = 0.1});
  if (name == "sgd_momentum")
    return std::make_unique<Sgd<T>>(p, SgdOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
  if (name == "sgd_nesterov")
    return std::make_unique<Sgd<T>>(p, SgdOptions{.lr = 0.1, .momentum = 0.8, .weight_decay = 0.02, .nesterov = true});
  if (name == "adam") return std::make_unique<Adam<T>>(p, AdamOptions{.lr = 0.05, .beta1 = 0, .beta2 = 0.9});
  if (name == "adam_decay")
    return std::make_unique<Adam<T>>(
        p, AdamOptions{.lr = 0.05, .beta1 = 0.5, .beta2 = 0.99, .eps = 1e-6, .weight_decay = 0.1});
  if (name == "adamw") return std::make_unique<AdamW<T>>(p, AdamOptions{.lr = 0.05, .weight_decay = 0.1});
  if (name == "rmsprop") return std::make_unique<RmsProp<T>>(p, RmsPropOptions{.lr = 0.02, .alpha = 0.9, .eps = 1e-6});
  throw Error("no optimiser " + name);
}

const std::vector<std::string> algorithms{"sgd",        "sgd_momentum", "sgd_nesterov", "adam",
                                          "adam_decay", "adamw",        "rmsprop"};

// The row of one step in a golden tensor [steps, ...].
template <Real T>
Tensor<T> row(const std::string& name, std::int64_t step) {
  const auto all = golden::real<T>(name);
  return reshape(slice(all, 0, step, step + 1), Shape(all.shape().sizes().subspan(1)));
}

template <Real T>
std::vector<Tensor<T>> gradients(std::int64_t step) {
  return {row<T>("optimizer.gradients.p", step), row<T>("optimizer.gradients.q", step)};
}

std::vector<double> values(const std::vector<Tensor<double>>& p) {
  auto all = p[0].to_vector();
  const auto more = p[1].to_vector();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("optimisers follow PyTorch's trajectories", "[optim]", float, double) {
  using T = TestType;
  for (const auto& name : algorithms) {
    const auto p = start<T>();
    const auto optimizer = make<T>(name, p);
    for (std::int64_t step = 0; step < 5; ++step) {
      CAPTURE(name, step);
      optimizer->step(gradients<T>(step));
      CHECK(golden::difference(p[0], row<double>("optimizer." + name + ".p", step)) <= golden::tolerance<T>);
      CHECK(golden::difference(p[1], row<double>("optimizer." + name + ".q", step)) <= golden::tolerance<T>);
    }
    CHECK(optimizer->steps() == 5);
  }
}

TEST_CASE("an optimiser that was stored goes on as if it had not stopped", "[optim]") {
  for (const auto& name : algorithms) {
    CAPTURE(name);
    const auto straight = start<double>();
    const auto one = make<double>(name, straight);
    for (std::int64_t step = 0; step < 2; ++step) one->step(gradients<double>(step));
    const auto state = one->state();
    const std::vector resumed{straight[0].clone().requires_grad_(), straight[1].clone().requires_grad_()};
    const auto two = make<double>(name, resumed);
    two->load(state);
    CHECK(two->steps() == 2);
    for (std::int64_t step = 2; step < 5; ++step) {
      one->step(gradients<double>(step));
      two->step(gradients<double>(step));
    }
    CHECK(values(straight) == values(resumed));
  }
}

TEST_CASE("an optimiser refuses a state that does not fit and stays as it was", "[optim]") {
  const auto p = start<double>(), q = start<double>();
  const auto adam = make<double>("adam", p), twin = make<double>("adam", q);
  adam->step(gradients<double>(0));
  twin->step(gradients<double>(0));
  auto state = adam->state();
  state.set("v.1", zeros<double>({4}));
  state.set("m.0", full<double>({3, 4}, 7));
  CHECK_THROWS_AS(adam->load(state), ShapeError);
  CHECK_THROWS_AS(adam->load(State()), Error);
  CHECK_THROWS_AS(adam->load(make<double>("sgd", p)->state()), Error);
  const auto refused = [&](const Optimizer<double>& other) { CHECK_THROWS_AS(adam->load(other.state()), Error); };
  refused(*make<double>("rmsprop", p));
  refused(Adam<double>({p[0]}, {}));
  refused(Adam<double>({p[0], p[1], p[1]}, {}));
  const auto changed = [&](const std::string& name, const auto& value) {
    auto with = adam->state();
    with.set(name, value);
    CHECK_THROWS_AS(adam->load(with), Error);
  };
  changed("kind", std::string("sgd"));
  changed("parameters", std::int64_t{3});
  changed("lr", scalar(-1.0));
  changed("steps", std::int64_t{-1});
  changed("v.2", zeros<double>({5}));
  adam->step(gradients<double>(1));
  twin->step(gradients<double>(1));
  CHECK(values(p) == values(q));
}

TEST_CASE("optimisers without slots refuse the states of others too", "[optim]") {
  const auto p = start<double>();
  Sgd<double> sgd(p, {.lr = 0.1}), one_parameter({p[0]}, {});
  CHECK_THROWS_AS(sgd.load(one_parameter.state()), Error);
  CHECK_THROWS_AS(sgd.load(make<double>("sgd_momentum", p)->state()), Error);
  CHECK_THROWS_AS(sgd.load(make<double>("adam", p)->state()), Error);
}

TEST_CASE("the learning rate is part of the state", "[optim]") {
  const auto p = start<double>();
  const auto one = make<double>("adam", p), two = make<double>("adam", p);
  one->set_lr(0.1 / 3);
  two->load(one->state());
  CHECK(two->lr() == 0.1 / 3);
}

TEST_CASE("step refuses gradients that do not fit before anything changes", "[optim]") {
  const auto p = start<double>();
  const auto before = values(p);
  const auto adam = make<double>("adam", p);
  CHECK_THROWS_AS(adam->step({zeros<double>({3, 4})}), ShapeError);
  CHECK_THROWS_AS(adam->step({ones<double>({3, 4}), ones<double>({4})}), ShapeError);
  CHECK(adam->steps() == 0);
  CHECK(values(p) == before);
}

TEST_CASE("a parameter without a gradient stays", "[optim]") {
  for (const auto& name : algorithms) {
    const auto p = start<double>();
    const auto before = p[1].to_vector();
    make<double>(name, p)->step({ones<double>({3, 4}), {}});
    CAPTURE(name);
    CHECK(p[1].to_vector() == before);
  }
}

TEST_CASE("step() takes what backward left and zero_grad clears it", "[optim]") {
  const auto p = start<double>(), q = start<double>();
  const auto by_backward = make<double>("adam", p), by_hand = make<double>("adam", q);
  backward(sum(square(p[0])) + sum(p[1] * 3));
  by_backward->step();
  by_hand->step({q[0].detach() * 2, full<double>({5}, 3)});
  CHECK(values(p) == values(q));
  by_backward->zero_grad();
  CHECK_FALSE(p[0].grad().defined());
}

TEST_CASE("the learning rate can be set between steps", "[optim]") {
  const auto p = start<double>();
  const auto before = values(p);
  const auto sgd = make<double>("sgd", p);
  sgd->set_lr(0);
  sgd->step(gradients<double>(0));
  CHECK(values(p) == before);
  CHECK(sgd->lr() == 0);
}

TEST_CASE("optimisers refuse nonsense options", "[optim]") {
  const auto p = start<double>();
  CHECK_THROWS_AS(Sgd<double>(p, {.lr = -1}), Error);
  CHECK_THROWS_AS(Sgd<double>(p, {.momentum = -0.1}), Error);
  CHECK_THROWS_AS(Sgd<double>(p, {.nesterov = true}), Error);  // has no meaning without momentum, as in PyTorch
  CHECK_THROWS_AS(Adam<double>(p, {.beta1 = 1}), Error);
  CHECK_THROWS_AS(Adam<double>(p, {.beta2 = -0.1}), Error);
  CHECK_THROWS_AS(Adam<double>(p, {.eps = -1}), Error);
  CHECK_THROWS_AS(Adam<double>(p, {.weight_decay = -1}), Error);
  CHECK_THROWS_AS(RmsProp<double>(p, {.alpha = 1}), Error);
  CHECK_THROWS_AS(Sgd<double>(p, {.lr = NAN}), Error);
}
