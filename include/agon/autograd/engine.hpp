#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/autograd/node.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agon {

/// How grad() walks the graph.
template <Real T>
struct GradOptions {
  std::vector<Tensor<T>> grad_outputs{};  ///< one an output; may be left out for outputs of one element (then 1)
  bool create_graph = false;              ///< record the backward pass, so that its results can be differentiated
  std::optional<bool> retain_graph{};     ///< keep the graph for another walk; create_graph when not given
  bool allow_unused = false;              ///< inputs the outputs do not depend on get an absent gradient, no error
};

/// How backward() walks the graph; see GradOptions.
template <Real T>
struct BackwardOptions {
  Tensor<T> grad_output{};
  bool create_graph = false;
  std::optional<bool> retain_graph{};
};

namespace detail {

/// Whether nobody else can see the tensor's memory.
template <Real T>
bool owned_alone(const Tensor<T>& t) {
  return t.handle().use_count() == 1 && t.handle()->storage.use_count() == 1;
}

/// One walk over a graph: gradients live here, so walks can nest and run on several threads. Errors name the `caller`.
template <Real T>
class Engine {
 public:
  Engine(std::string_view caller, bool create_graph, std::optional<bool> retain_graph)
      : caller_(caller), create_graph_(create_graph), retain_graph_(retain_graph.value_or(create_graph)) {}

  /// Asks for the gradient of one tensor; all leaves in reach when `all_leaves` is set instead.
  void request(const Tensor<T>& x) {
    if (x.handle()->node) {
      requested_nodes_[x.handle()->node.get()].resize(x.handle()->node->output_shapes.size());
      oldest_ = std::min(oldest_, x.handle()->node->sequence);
    } else {
      leaves_[x.handle().get()] = {x, {}};
      oldest_ = 0;
    }
  }
  void request_all_leaves() {
    all_leaves_ = true;
    oldest_ = 0;
  }

  /// Starts at `output` with its gradient, with 1 where that is absent.
  void seed(const Tensor<T>& output, Tensor<T> gradient) {
    check<ShapeError>(gradient.defined() || output.numel() == 1, caller_, ": output of shape ", output.shape(),
                      " needs a gradient of that shape in the options; only outputs of one element default to 1");
    if (!gradient.defined()) gradient = ones_like(output);
    check<ShapeError>(gradient.shape() == output.shape(), caller_, ": gradient of shape ", gradient.shape(),
                      " for an output of shape ", output.shape());
    Edge<T> edge{output.handle()->node, nullptr, output.handle()->output};
    if (!edge.node && output.requires_grad()) edge.leaf = output.handle();
    seeds_.push_back({std::move(edge), std::move(gradient)});
  }

  void run() {
    collect();
    for (auto& [edge, gradient] : seeds_) deliver(edge, std::move(gradient));
    seeds_.clear();
    for (auto it = order_.rbegin(); it != order_.rend(); ++it) visit(*it);
  }

  /// The gradient of a requested tensor, absent if nothing reached it.
  Tensor<T> result(const Tensor<T>& x) {
    if (const auto& node = x.handle()->node) {
      return requested_nodes_[node.get()][static_cast<std::size_t>(x.handle()->output)];
    }
    return leaves_[x.handle().get()].gradient;
  }

  template <class Visitor>
  void for_each_leaf(const Visitor& visitor) {
    for (const auto* body : leaf_order_) visitor(leaves_[body].tensor, leaves_[body].gradient);
  }

 private:
  struct Leaf {
    Tensor<T> tensor;
    Tensor<T> gradient;
  };
  struct State {
    bool needed = false;  // leads to something requested
    std::vector<Tensor<T>> gradients;
  };

  bool wanted(const Edge<T>& edge) const {
    if (edge.leaf) return all_leaves_ ? edge.leaf->requires_grad : leaves_.contains(edge.leaf.get());
    if (!edge.node) return false;
    if (requested_nodes_.contains(edge.node.get())) return true;
    const auto it = states_.find(edge.node.get());
    return it != states_.end() && it->second.needed;
  }

  // Finds all nodes between the outputs and the oldest requested tensor, oldest first, and marks the needed ones.
  void collect() {
    std::vector<std::shared_ptr<Node<T>>> pending;
    const auto push = [&](const std::shared_ptr<Node<T>>& node) {
      if (node && node->sequence >= oldest_ && states_.try_emplace(node.get()).second) {
        order_.push_back(node);
        pending.push_back(node);
      }
    };
    for (const auto& seed : seeds_) push(seed.first.node);
    while (!pending.empty()) {
      const auto node = std::move(pending.back());
      pending.pop_back();
      for (const auto& edge : node->edges) push(edge.node);
    }
    std::sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) { return a->sequence < b->sequence; });
    for (const auto& node : order_)
      states_[node.get()].needed =
          std::any_of(node->edges.begin(), node->edges.end(), [&](const Edge<T>& edge) { return wanted(edge); });
  }

  void visit(const std::shared_ptr<Node<T>>& node) {
    auto& state = states_[node.get()];
    if (state.gradients.empty()) return;
    if (const auto it = requested_nodes_.find(node.get()); it != requested_nodes_.end()) it->second = state.gradients;
    if (!state.needed) return;
    check<GraphError>(!node->freed, node->op,
                      ": its graph was freed by an earlier backward pass; expected "
                      ".retain_graph = true in that pass, or a new forward pass");
    std::vector<char> needs;
    for (const auto& edge : node->edges) needs.push_back(wanted(edge));
    auto gradients = apply_rule(node, std::move(state.gradients), needs);
    state.gradients.clear();
    if (!retain_graph_) node->release();
    for (std::size_t i = 0; i < gradients.size(); ++i)
      if (needs[i]) deliver(node->edges[i], fit(*node, i, std::move(gradients[i])));
  }

  // Takes what an input's gradients add up to out of its slot, if a rule may add to it in place.
  Tensor<T> take_sum(const Edge<T>& edge) {
    Tensor<T>* const sum = create_graph_ ? nullptr : slot(edge);
    return sum && sum->defined() && owned_alone(*sum) ? std::exchange(*sum, Tensor<T>()) : Tensor<T>();
  }

  Grads<T> apply_rule(const std::shared_ptr<Node<T>>& node, std::vector<Tensor<T>> gradients,
                      const std::vector<char>& needs) {
    const auto start = std::chrono::steady_clock::now();
    const GradMode mode(create_graph_);
    const auto take = [this, &node](int i) { return take_sum(node->edges[static_cast<std::size_t>(i)]); };
    auto result = node->rule(Vjp<T>(node, std::move(gradients), needs, take));
    check<GraphError>(result.size() == node->edges.size(), node->op, ": its rule returned ", result.size(),
                      " gradients; expected ", node->edges.size(), ", one an input");
    if (observer_state().innermost) {
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      notify(node->op, true, result, taken.count());
    }
    return result;
  }

  Tensor<T> fit(const Node<T>& node, std::size_t i, Tensor<T> gradient) {
    check<GraphError>(gradient.defined(), node.op, ": no derivative with respect to argument ", i,
                      "; expected a rule for it, or detach() on the argument");
    if (gradient.shape() == node.input_shapes[i]) return gradient;
    check<GraphError>(node.broadcasting, node.op, ": the gradient of argument ", i, " has shape ", gradient.shape(),
                      "; expected ", node.input_shapes[i]);
    const GradMode mode(create_graph_);
    return sum_to(gradient, node.input_shapes[i]);
  }

  // Where the gradient of what an edge comes from is added up; nullptr where none is wanted.
  Tensor<T>* slot(const Edge<T>& edge) {
    if (edge.leaf) {
      if (!wanted(edge)) return nullptr;
      auto [it, fresh] = leaves_.try_emplace(edge.leaf.get());
      if (fresh) {
        it->second.tensor = Tensor<T>::from_handle(edge.leaf);
        leaf_order_.push_back(edge.leaf.get());
      }
      return &it->second.gradient;
    }
    const auto it = edge.node ? states_.find(edge.node.get()) : states_.end();
    if (it == states_.end()) return nullptr;
    it->second.gradients.resize(edge.node->output_shapes.size());
    return &it->second.gradients[static_cast<std::size_t>(edge.output)];
  }

  void deliver(const Edge<T>& edge, Tensor<T> gradient) {
    if (Tensor<T>* const sum = slot(edge)) accumulate(*sum, std::move(gradient));
  }

  // Adds in place only into memory nobody else can see, and never while a graph is being made.
  void accumulate(Tensor<T>& slot, Tensor<T> gradient) {
    if (!slot.defined()) {
      slot = std::move(gradient);
      return;
    }
    const GradMode mode(create_graph_);
    if (!create_graph_ && owned_alone(slot))
      kernels::add_to(slot.numel(), gradient.data().data(), slot.mutable_data().data());
    else
      slot = add(slot, gradient);
  }

  std::string_view caller_;
  bool create_graph_, retain_graph_, all_leaves_ = false;
  std::uint64_t oldest_ = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::pair<Edge<T>, Tensor<T>>> seeds_;
  std::vector<std::shared_ptr<Node<T>>> order_;
  std::unordered_map<const Node<T>*, State> states_;
  std::unordered_map<const Node<T>*, std::vector<Tensor<T>>> requested_nodes_;
  std::unordered_map<const TensorBody<T>*, Leaf> leaves_;
  std::vector<const TensorBody<T>*> leaf_order_;
};

}  // namespace detail

/// The gradients of sum_k <grad_outputs[k], outputs[k]> with respect to `inputs`, which may be leaves or results of
/// recorded operations. Nothing is stored in the tensors. A result may be the same tensor as another one or as one of
/// grad_outputs: clone() it before writing to it. Several threads may run grad() at once, on graphs that share leaves
/// alone, and on one graph where every call retains it.
/// Throws GraphError when an input does not take part in any output (unless allow_unused), the graph was freed, or
/// something it saved was written to; ShapeError when grad_outputs do not fit the outputs.
template <Real T>
std::vector<Tensor<T>> grad(const std::vector<Tensor<T>>& outputs, const std::vector<Tensor<T>>& inputs,
                            const std::type_identity_t<GradOptions<T>>& options = {}) {
  check<ShapeError>(options.grad_outputs.empty() || options.grad_outputs.size() == outputs.size(),
                    "grad: ", options.grad_outputs.size(), " grad_outputs for ", outputs.size(), " outputs");
  detail::Engine<T> engine("grad", options.create_graph, options.retain_graph);
  for (const auto& x : inputs) {
    check<GraphError>(x.requires_grad(), "grad: input of shape ", x.shape(),
                      " does not require a gradient; expected requires_grad_() before the forward pass");
    engine.request(x);
  }
  for (std::size_t k = 0; k < outputs.size(); ++k)
    engine.seed(outputs[k], options.grad_outputs.empty() ? Tensor<T>() : options.grad_outputs[k]);
  engine.run();
  std::vector<Tensor<T>> results;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    results.push_back(engine.result(inputs[i]));
    check<GraphError>(results.back().defined() || options.allow_unused, "grad: input ", i, " of shape ",
                      inputs[i].shape(), " does not take part in the outputs; expected it to, or .allow_unused = true");
  }
  return results;
}

/// The gradient of one output with respect to one input.
template <Real T>
Tensor<T> grad(const Tensor<T>& output, const Tensor<T>& input,
               const std::type_identity_t<GradOptions<T>>& options = {}) {
  return grad<T>(std::vector{output}, std::vector{input}, options).front();
}

/// Adds the gradients of `loss` to grad() of every leaf in its graph that requires one, detached. `loss` has one
/// element unless grad_output is given. It writes to the leaves, so threads whose graphs share one need a lock around
/// their calls (grad() does not). Throws what grad() throws, and GraphError when `loss` depends on no such leaf.
template <Real T>
void backward(const Tensor<T>& loss, const std::type_identity_t<BackwardOptions<T>>& options = {}) {
  check<GraphError>(loss.requires_grad(), "backward: the loss does not depend on any tensor that requires a gradient");
  detail::Engine<T> engine("backward", options.create_graph, options.retain_graph);
  engine.request_all_leaves();
  engine.seed(loss, options.grad_output);
  engine.run();
  const NoGrad guard;
  engine.for_each_leaf([](const Tensor<T>& leaf, const Tensor<T>& gradient) {
    leaf.set_grad(leaf.grad().defined()           ? add(leaf.grad(), gradient)
                  : detail::owned_alone(gradient) ? gradient
                                                  : gradient.clone());
  });
}

}  // namespace agon
