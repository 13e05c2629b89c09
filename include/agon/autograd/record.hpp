#pragma once

#include <agon/autograd/node.hpp>
#include <agon/autograd/observer.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace agon {

/// What record() may be told besides the rule.
struct RecordOptions {
  std::vector<AnyTensor> aux{};  ///< never differentiated: indices, masks, statistics; read with v.aux<U>(i)
  bool broadcasting = false;     ///< the rule's gradients have the broadcast shape, the engine sums them down
};

namespace detail {

template <Real T>
bool all_finite(const std::vector<Tensor<T>>& tensors) {
  for (const auto& t : tensors)
    if (t.defined())
      for (T x : t.data())
        if (!is_finite(x)) return false;
  return true;
}

template <Real T>
void notify(std::string_view op, bool backward, const std::vector<Tensor<T>>& results, double seconds) {
  OpEvent event{op, backward, {}, 0, seconds, [&] { return all_finite(results); }};
  for (const auto& t : results)
    if (t.defined()) {
      event.shapes.push_back(t.shape());
      event.bytes += t.numel() * static_cast<std::int64_t>(sizeof(T));
    }
  call_observers(event);
}

template <Real T>
std::shared_ptr<Node<T>> make_node(std::string_view op, const std::vector<Tensor<T>>& outputs,
                                   std::vector<Tensor<T>> inputs, Save save) {
  for (const auto& y : outputs) {
    const auto same = [&](const Tensor<T>& t) { return t.handle() == y.handle(); };
    const bool own =
        std::none_of(inputs.begin(), inputs.end(), same) && std::count_if(outputs.begin(), outputs.end(), same) == 1;
    check<GraphError>(own, op, ": its result of shape ", y.shape(),
                      " is an input or another result as well; expected a tensor of its own, as detach() makes");
    check<GraphError>(!y.requires_grad(), op, ": its result of shape ", y.shape(),
                      " is part of a graph already; expected one computed under NoGrad or from detached inputs");
  }
  check<GraphError>(save.fits(inputs.size(), outputs.size()), op, ": saves more than its ", inputs.size(),
                    " inputs and ", outputs.size(), " results; expected Save::input(i) of an input it has");
  auto node = std::make_shared<Node<T>>();
  node->op = op;
  node->save = save;
  for (const auto& x : inputs) {
    Edge<T> edge;
    if (x.defined() && x.requires_grad()) {
      edge.node = x.handle()->node;
      edge.output = x.handle()->output;
      if (!edge.node) edge.leaf = x.handle();
    }
    node->edges.push_back(std::move(edge));
    node->input_shapes.push_back(x.defined() ? x.shape() : Shape{});
  }
  if (save.input_bits) {
    node->saved_versions.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!save.has_input(i)) inputs[i] = Tensor<T>();
      node->saved_versions[i] = version_of(inputs[i]);
    }
    node->saved_inputs = std::move(inputs);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& body = outputs[i].handle();
    node->output_shapes.push_back(body->shape);
    if (save.output_bits) {
      node->saved_outputs.emplace_back();
      if (save.has_output(i)) node->saved_outputs.back() = {body->storage, body->offset, body->storage->version()};
    }
    body->node = node;
    body->output = static_cast<int>(i);
  }
  return node;
}

}  // namespace detail

/// Records an operation with several results: `outputs` were just computed from `inputs` (absent tensors are allowed),
/// and `rule` maps the gradients of the outputs to those of the inputs, written in public operations. `save` says which
/// of them the rule reads. Returns the outputs, now part of the graph if any input requires a gradient and this thread
/// records. The rule captures attributes (sizes, options), never tensors; what is saved must not be written to before
/// it has run. Throws GraphError when an output has a graph already, is an input or appears twice.
template <Real T>
std::vector<Tensor<T>> record_all(std::string_view op, std::vector<Tensor<T>> outputs,
                                  const std::type_identity_t<std::vector<Tensor<T>>>& inputs, Save save,
                                  std::type_identity_t<Rule<T>> rule, RecordOptions options = {}) {
  if (detail::observer_state().innermost) {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - detail::observer_state().last;
    detail::notify(op, false, outputs, since.count());
  }
  bool needed = false;
  if (grad_enabled())
    for (const auto& x : inputs) needed |= x.defined() && x.requires_grad();
  if (!needed) return outputs;
  const auto node = detail::make_node<T>(op, outputs, inputs, save);
  for (const auto& aux : options.aux) node->aux_versions.push_back(detail::version_of(aux));
  node->aux = std::move(options.aux);
  node->broadcasting = options.broadcasting;
  node->rule = std::move(rule);
  return outputs;
}

/// record_all() for the usual operation with one result.
template <Real T>
Tensor<T> record(std::string_view op, const Tensor<T>& output,
                 const std::type_identity_t<std::vector<Tensor<T>>>& inputs, Save save,
                 std::type_identity_t<Rule<T>> rule, RecordOptions options = {}) {
  record_all<T>(op, {output}, inputs, save, std::move(rule), std::move(options));
  return output;
}

}  // namespace agon
