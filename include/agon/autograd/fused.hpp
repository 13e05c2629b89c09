#pragma once

#include <agon/autograd/engine.hpp>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace agon {

/// What the backward kernel of a fused operation is given.
template <Real T>
struct FusedBackward {
  const std::vector<Tensor<T>>& inputs;
  const Tensor<T>& output;
  const Tensor<T>& grad;
  const Vjp<T>& vjp;

  /// One of the tensors given as `aux`. Throws what Vjp::aux throws.
  template <Element U>
  const Tensor<U>& saved(int i) const {
    return vjp.template aux<U>(i);
  }
};

namespace detail {

/// The rule of F_grad: differentiates the gradient of the composite, made here from fresh aliases of the inputs, so
/// that an input that stands in several slots (attention(x, x, x)) is not counted more than once.
template <Real T, class Composite>
Grads<T> differentiate_composite(const Vjp<T>& v, const Composite& composite) {
  const bool create_graph = grad_enabled();
  const GradMode mode(true);
  const int count = v.input_count();  // the inputs of F, then the gradient of its output
  std::vector<Tensor<T>> x;
  for (int i = 0; i < count; ++i) {
    const auto saved = v.input(i);
    const bool connects = create_graph && saved.defined() && saved.requires_grad();
    x.push_back(!saved.defined() ? saved : connects ? alias(saved) : saved.detach().requires_grad_());
  }
  const auto g = x.back();
  const auto y = composite(std::vector<Tensor<T>>(x.begin(), x.end() - 1), v.all_aux());
  std::vector<Tensor<T>> wanted, upstream, arguments;
  for (int i = 0; i + 1 < count; ++i)
    if (v.has_grad(i)) {
      wanted.push_back(x[static_cast<std::size_t>(i)]);
      upstream.push_back(v.grad(i));
    }
  std::vector<int> slots;
  for (int i = 0; i < count; ++i)
    if (v.needs(i)) {
      arguments.push_back(x[static_cast<std::size_t>(i)]);
      slots.push_back(i);
    }
  const auto first = grad<T>({y}, wanted, {.grad_outputs = {g}, .create_graph = true});
  const auto second = grad<T>(
      first, arguments,
      {.grad_outputs = upstream, .create_graph = create_graph, .retain_graph = create_graph, .allow_unused = true});
  Grads<T> result(static_cast<std::size_t>(count));
  for (std::size_t k = 0; k < slots.size(); ++k) {
    const auto slot = static_cast<std::size_t>(slots[k]);
    result[slot] = second[k].defined() ? second[k] : zeros_like(x[slot]);
  }
  return result;
}

/// Stands for a kernel of the second derivative that there is not: gives no gradients.
struct NoSecond {
  template <Real T>
  Grads<T> operator()(const Vjp<T>&) const {
    return {};
  }
};

/// Records F_grad; see record_fused.
template <Real T, class Composite, class Second>
Grads<T> record_fused_grad(const std::string& name, Grads<T> gradients, const std::vector<Tensor<T>>& arguments,
                           const std::vector<AnyTensor>& aux, Composite composite, Second second) {
  Grads<T> present;
  for (const auto& g : gradients)
    present.push_back(g.defined() ? g : empty<T>({0}));  // an output slot for every input, absent ones stay empty
  record_all<T>(name, present, arguments, Save::inputs,
                [composite, second](const Vjp<T>& v) -> Grads<T> {
                  if (!grad_enabled())
                    if (auto found = second(v); !found.empty()) return found;
                  return differentiate_composite(v, composite);
                },
                {.aux = aux});
  for (std::size_t i = 0; i < gradients.size(); ++i)
    if (gradients[i].defined()) gradients[i] = present[i];
  return gradients;
}

}  // namespace detail

/// Records y = F(inputs), computed by a kernel of its own. Its author gives two more things: `backward`, the kernel
/// that maps the gradient of y to those of the inputs (FusedBackward -> Grads), and `composite`, the same F in plain
/// operations ((inputs, aux) -> Tensor). The rule of F is itself a recorded operation, F_grad, whose forward is the
/// backward kernel; only the rule of F_grad differentiates the composite. So first derivatives have the same bits and
/// speed with and without create_graph, and every further derivative exists. Where second derivatives should be as
/// fast, `second` is a kernel for the rule of F_grad (Vjp -> Grads, the inputs being those of F and the gradient of y):
/// it is used where no graph is made of them.
template <Real T, class Backward, class Composite, class Second = detail::NoSecond>
Tensor<T> record_fused(std::string_view op, const Tensor<T>& y,
                       const std::type_identity_t<std::vector<Tensor<T>>>& inputs, std::vector<AnyTensor> aux,
                       Backward backward, Composite composite, Second second = {}) {
  const auto rule = [name = std::string(op) + "_grad", backward, composite, second](const Vjp<T>& v) -> Grads<T> {
    std::vector<Tensor<T>> x;
    for (int i = 0; i < v.input_count(); ++i) x.push_back(v.input(i));
    const auto g = v.grad();
    Grads<T> gradients;
    {
      const NoGrad guard;
      gradients = backward(FusedBackward<T>{x, v.output(), g, v});
    }
    auto arguments = x;
    arguments.push_back(g);
    return detail::record_fused_grad<T>(name, std::move(gradients), arguments, v.all_aux(), composite, second);
  };
  return record(op, y, inputs, Save::inputs | Save::output, rule, {.aux = std::move(aux)});
}

}  // namespace agon
