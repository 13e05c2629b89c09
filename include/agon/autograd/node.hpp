#pragma once

#include <agon/tensor/any_tensor.hpp>
#include <agon/tensor/factories.hpp>
#include <agon/tensor/tensor.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace agon {

template <Real T>
class Vjp;

/// The gradients a rule returns: one tensor an input, absent where needs(i) is false.
template <Real T>
using Grads = std::vector<Tensor<T>>;

/// A rule: given the gradients of an operation's outputs (and what it saved), the gradients of its inputs.
template <Real T>
using Rule = std::function<Grads<T>(const Vjp<T>&)>;

/// Which tensors an operation keeps for its rule: `Save::input(0) | Save::output`.
struct Save {
  std::uint32_t input_bits = 0;
  std::uint32_t output_bits = 0;

  static const Save nothing, inputs, output, outputs;
  /// One input. Throws Error unless 0 <= i < 32: an operation of more inputs saves all or none.
  static Save input(int i) {
    check(i >= 0 && i < 32, "Save::input: ", i, "; expected 0 to 31, or Save::inputs");
    return {1u << i, 0};
  }

  friend constexpr Save operator|(Save a, Save b) {
    return {a.input_bits | b.input_bits, a.output_bits | b.output_bits};
  }
  constexpr bool has_input(std::size_t i) const { return has(input_bits, i); }
  constexpr bool has_output(std::size_t i) const { return has(output_bits, i); }

  /// Whether an operation of so many inputs and outputs has all that is named here.
  constexpr bool fits(std::size_t input_count, std::size_t output_count) const {
    return within(input_bits, input_count) && within(output_bits, output_count);
  }

 private:
  static constexpr bool within(std::uint32_t bits, std::size_t count) {
    return bits == ~0u || count >= 32 || bits >> count == 0;
  }
  // Beyond the 32nd, all or none are saved.
  static constexpr bool has(std::uint32_t bits, std::size_t i) { return i < 32 ? (bits >> i) & 1u : bits == ~0u; }
};
inline constexpr Save Save::nothing{};
inline constexpr Save Save::inputs{~0u, 0};
inline constexpr Save Save::output{0, 1};
inline constexpr Save Save::outputs{0, ~0u};

namespace detail {

inline std::atomic<std::uint64_t>& creation_counter() {
  static std::atomic<std::uint64_t> counter{0};
  return counter;
}

inline std::atomic<std::int64_t>& live_node_counter() {
  static std::atomic<std::int64_t> counter{0};
  return counter;
}

/// How often somebody asked to write to a tensor's storage; 0 for an absent tensor.
template <Element T>
std::uint64_t version_of(const Tensor<T>& t) {
  return t.defined() ? t.handle()->storage->version() : 0;
}
inline std::uint64_t version_of(const AnyTensor& any) {
  return std::visit([](const auto& t) { return version_of(t); }, any);
}

/// Destroys what graph nodes own without recursion: while one node is being taken down on this thread, the nodes that
/// fall with it only hand over their belongings.
class Graveyard {
 public:
  using Belongings = std::vector<std::shared_ptr<void>>;

  static void bury(Belongings belongings) {
    thread_local Belongings* open = nullptr;  // a raw pointer: usable while static tensors are destroyed
    if (open) {
      for (auto& item : belongings) open->push_back(std::move(item));
      return;
    }
    open = &belongings;
    while (!belongings.empty()) {
      const auto item = std::move(belongings.back());
      belongings.pop_back();
    }
    open = nullptr;
  }
};

}  // namespace detail

/// Number of recorded operations that are alive in the process: returns to its value before when a graph is dropped.
inline std::int64_t live_nodes() { return detail::live_node_counter().load(); }

/// Where an operation's input comes from: output `output` of `node`, or a leaf that requires a gradient, or neither.
template <Real T>
struct Edge {
  std::shared_ptr<Node<T>> node;
  std::shared_ptr<detail::TensorBody<T>> leaf;
  int output = 0;
};

/// One recorded operation: where its inputs came from, what it saved and its rule.
template <Real T>
class Node : public std::enable_shared_from_this<Node<T>> {
 public:
  struct SavedOutput {  // without its node, or node and output would own each other
    std::shared_ptr<Storage> storage;
    std::int64_t offset = 0;
    std::uint64_t version = 0;
  };

  Node() : sequence(detail::creation_counter().fetch_add(1)) { detail::live_node_counter().fetch_add(1); }
  ~Node() {
    detail::live_node_counter().fetch_sub(1);
    detail::Graveyard::Belongings belongings;
    for (auto& edge : edges)
      if (edge.node) belongings.push_back(std::move(edge.node));
    for (auto& tensor : saved_inputs)
      if (tensor.defined()) belongings.push_back(tensor.handle());
    saved_inputs.clear();
    if (rule) belongings.push_back(std::make_shared<Rule<T>>(std::move(rule)));
    if (!belongings.empty()) detail::Graveyard::bury(std::move(belongings));
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Drops everything only the rule needs. The edges stay, so that a second walk can say what is missing.
  void release() {
    saved_inputs.clear();
    saved_outputs.clear();
    aux.clear();
    rule = nullptr;
    freed = true;
  }

  std::string op;
  const std::uint64_t sequence;  // inputs have smaller numbers, so descending order is a topological order
  std::vector<Edge<T>> edges;
  std::vector<Shape> input_shapes, output_shapes;
  Save save;
  std::vector<Tensor<T>> saved_inputs;
  std::vector<std::uint64_t> saved_versions;
  std::vector<SavedOutput> saved_outputs;
  std::vector<AnyTensor> aux;
  std::vector<std::uint64_t> aux_versions;
  Rule<T> rule;
  bool broadcasting = false;  // gradients may have the broadcast shape; the engine sums them down
  bool freed = false;
};

/// What a rule is given: the gradients of the outputs, what the operation saved, and which inputs need a gradient.
/// Asking for an input, output or aux that the operation does not have throws GraphError.
template <Real T>
class Vjp {
 public:
  using TakeSum = std::function<Tensor<T>(int)>;

  Vjp(const std::shared_ptr<Node<T>>& node, std::vector<Tensor<T>> grads, std::vector<char> needs, TakeSum take_sum)
      : node_(node), grads_(std::move(grads)), needs_(std::move(needs)), take_sum_(std::move(take_sum)) {}

  /// Gradient of an output; zeros when none reached it.
  Tensor<T> grad(int output = 0) const {
    const auto& g = at(grads_, output, "output");
    return g.defined() ? g : zeros<T>(node_->output_shapes[static_cast<std::size_t>(output)]);
  }
  /// Whether a gradient reached an output.
  bool has_grad(int output = 0) const { return at(grads_, output, "output").defined(); }

  /// Whether input i leads to something whose gradient was asked for.
  bool needs(int i) const { return at(needs_, i, "input") != 0; }

  /// The sum of the gradients that input i got from other operations, if there is one whose memory nobody else sees,
  /// else an absent tensor. A rule that takes it must return its gradient added to it, with the bits of adding it
  /// afterwards. Never while a graph is being made.
  Tensor<T> take_sum(int i) const { return needs(i) ? take_sum_(i) : Tensor<T>(); }

  /// A saved input, differentiable itself. Throws GraphError when it was not saved or has changed since.
  Tensor<T> input(int i = 0) const {
    const auto index = static_cast<std::size_t>(i);
    at(node_->edges, i, "input");
    check<GraphError>(node_->save.has_input(index), node_->op, ": its rule asks for input ", i,
                      ", which was not saved; expected Save::input(", i, ")");
    const auto& tensor = node_->saved_inputs[index];
    check_version(detail::version_of(tensor), node_->saved_versions[index], "input ", i);
    return tensor;
  }

  /// A saved output, differentiable itself. Throws GraphError when it was not saved or has changed since.
  Tensor<T> output(int i = 0) const {
    const auto index = static_cast<std::size_t>(i);
    const auto& shape = at(node_->output_shapes, i, "output");
    check<GraphError>(node_->save.has_output(index), node_->op, ": its rule asks for output ", i,
                      ", which was not saved; expected Save::output");
    const auto& saved = node_->saved_outputs[index];
    check_version(saved.storage->version(), saved.version, "output ", i);
    auto body = std::make_shared<detail::TensorBody<T>>();
    body->shape = shape;
    body->storage = saved.storage;
    body->offset = saved.offset;
    body->node = node_;
    body->output = i;
    return Tensor<T>::from_handle(std::move(body));
  }

  /// A saved tensor of any element type that is never differentiated. Throws GraphError when it was recorded with
  /// another element type or has changed since.
  template <Element U>
  const Tensor<U>& aux(int i = 0) const {
    const auto* tensor = std::get_if<Tensor<U>>(&at(node_->aux, i, "aux"));
    check<GraphError>(tensor != nullptr, node_->op, ": its rule asks for aux ", i, " as ", type_name<U>(),
                      "; expected the element type it was recorded with");
    check_version(detail::version_of(*tensor), node_->aux_versions[static_cast<std::size_t>(i)], "aux ", i);
    return *tensor;
  }
  /// All of them, checked for changes.
  const std::vector<AnyTensor>& all_aux() const {
    for (std::size_t i = 0; i < node_->aux.size(); ++i)
      check_version(detail::version_of(node_->aux[i]), node_->aux_versions[i], "aux ", static_cast<int>(i));
    return node_->aux;
  }

  /// Shape of an input, that of a scalar for an absent one.
  const Shape& input_shape(int i = 0) const { return at(node_->input_shapes, i, "input"); }
  int input_count() const { return static_cast<int>(node_->input_shapes.size()); }

 private:
  template <class List>
  const typename List::value_type& at(const List& list, int i, const char* what) const {
    check<GraphError>(i >= 0 && i < static_cast<int>(list.size()), node_->op, ": its rule asks for ", what, ' ', i,
                      "; the operation has ", list.size());
    return list[static_cast<std::size_t>(i)];
  }

  void check_version(std::uint64_t now, std::uint64_t then, const char* what, int i) const {
    check<GraphError>(now == then, node_->op, ": ", what, i, " was written to after the operation saved it (version ",
                      now, ", saved at ", then, "); expected it unchanged until backward: write to a clone()");
  }

  const std::shared_ptr<Node<T>>& node_;
  std::vector<Tensor<T>> grads_;
  std::vector<char> needs_;
  TakeSum take_sum_;
};

}  // namespace agon
