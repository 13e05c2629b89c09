#pragma once

#include <agon/core/element.hpp>
#include <agon/core/error.hpp>
#include <agon/core/shape.hpp>
#include <agon/core/storage.hpp>
#include <agon/tensor/grad_mode.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace agon {

template <Real T>
class Node;
template <Element T>
class Tensor;

namespace detail {

template <Element T>
struct TensorBody {
  Shape shape;
  std::shared_ptr<Storage> storage;
  std::int64_t offset = 0;
};

template <Real T>
struct TensorBody<T> {
  Shape shape;
  std::shared_ptr<Storage> storage;
  std::int64_t offset = 0;
  bool requires_grad = false;           // of a leaf
  std::shared_ptr<Node<T>> node;        // what computed this tensor, if that was recorded
  int output = 0;                       // which output of the node
  std::shared_ptr<TensorBody<T>> grad;  // what backward() has added up here
};

}  // namespace detail

/// A handle to a row-major, contiguous array: copies of a Tensor are the same tensor, clone() copies the data.
///
/// The last axis is the feature axis everywhere: images are [N, H, W, C], tokens [N, L, C]. Reshapes and slices of the
/// leading axis share storage. Tensors of a Real element type can carry a derivative graph. A default-constructed
/// Tensor is absent (no bias, no mask): defined() is false and nothing else may be asked of it.
template <Element T>
class Tensor {
 public:
  using value_type = T;

  Tensor() = default;

  /// An uninitialised tensor; the factories (zeros, full, from_data, ...) are what programs use.
  static Tensor uninitialized(const Shape& shape) {
    check<ShapeError>(shape.numel() <= std::numeric_limits<std::int64_t>::max() / 16, "tensor: shape ", shape,
                      " is too large to address");
    Tensor t;
    t.body_ = std::make_shared<detail::TensorBody<T>>();
    t.body_->shape = shape;
    t.body_->storage = std::make_shared<Storage>(static_cast<std::size_t>(shape.numel()) * sizeof(T));
    return t;
  }

  bool defined() const { return body_ != nullptr; }

  const Shape& shape() const { return body().shape; }
  int rank() const { return shape().rank(); }
  std::int64_t numel() const { return shape().numel(); }
  /// Size of one axis; negative counts from the last.
  std::int64_t size(int axis) const { return shape().at(axis); }

  /// The elements, row-major, to be read. Valid while a tensor of this storage lives: in a range-for, name the tensor.
  std::span<const T> data() const { return {pointer(), static_cast<std::size_t>(numel())}; }

  /// The elements, to be written. Counts as a change: a graph that saved this tensor refuses to run backward over it.
  /// Only the call is counted, so the span must not be written to any more once an operation has used the tensor.
  /// Throws GraphError on results of recorded operations, and on leaves that require a gradient unless under NoGrad.
  std::span<T> mutable_data() const {
    if constexpr (Real<T>) {
      check<GraphError>(!body().node, "mutable_data: tensor ", shape(),
                        " is the result of a recorded operation; expected a leaf, detach() or clone() first");
      check<GraphError>(!body().requires_grad || !grad_enabled(), "mutable_data: tensor ", shape(),
                        " is a leaf that requires a gradient; expected a NoGrad guard around the write");
    }
    body().storage->bump_version();
    return {pointer(), static_cast<std::size_t>(numel())};
  }

  /// The only element. Throws ShapeError unless numel() is 1.
  T item() const {
    check<ShapeError>(numel() == 1, "item: tensor has shape ", shape(), "; expected one element");
    return *pointer();
  }

  /// One element by its index, one number an axis; negative counts from the end.
  T at(std::initializer_list<std::int64_t> index) const {
    check<ShapeError>(static_cast<int>(index.size()) == rank(), "at: ", index.size(), " indices for shape ", shape(),
                      "; expected ", rank());
    std::int64_t position = 0;
    int axis = 0;
    for (auto i : index) {
      const auto size = shape()[axis++];
      check<ShapeError>(i >= -size && i < size, "at: index ", i, " on axis ", axis - 1, " of shape ", shape(),
                        "; expected ", -size, " to ", size - 1);
      position = position * size + (i < 0 ? i + size : i);
    }
    return pointer()[position];
  }

  std::vector<T> to_vector() const { return {data().begin(), data().end()}; }

  /// A new tensor with a copy of the data and no graph.
  Tensor clone() const {
    auto copy = uninitialized(shape());
    std::copy(data().begin(), data().end(), copy.pointer());
    return copy;
  }

  /// The same data without a graph: a constant for differentiation. Shares storage.
  Tensor detach() const { return window(shape(), 0); }

  /// A part of the storage seen with another shape, `first` elements further on, without a graph. Building block of
  /// reshape and slice, which record. Throws ShapeError unless all of it lies within this tensor.
  Tensor window(const Shape& shape, std::int64_t first) const {
    check<ShapeError>(first >= 0 && first <= numel() - shape.numel(), "window: ", shape, " from element ", first,
                      " of a tensor of ", numel(), " elements");
    Tensor t;
    t.body_ = std::make_shared<detail::TensorBody<T>>();
    t.body_->shape = shape;
    t.body_->storage = body().storage;
    t.body_->offset = body().offset + first;
    return t;
  }

  /// Whether operations on this tensor are recorded: it is a leaf that asked for it, or the result of such.
  bool requires_grad() const requires Real<T> { return body().requires_grad || body().node; }

  /// Makes this leaf one that gradients are computed for (or not). Returns the tensor itself.
  /// Throws GraphError on the result of a recorded operation.
  const Tensor& requires_grad_(bool on = true) const requires Real<T> {
    check<GraphError>(!body().node, "requires_grad_: tensor ", shape(),
                      " is the result of a recorded operation; expected a leaf, detach() first");
    body().requires_grad = on;
    return *this;
  }

  /// Whether no recorded operation computed this tensor.
  bool is_leaf() const requires Real<T> { return !body().node; }

  /// The gradient that backward() has added up in this leaf; absent before the first.
  Tensor grad() const requires Real<T> {
    Tensor g;
    g.body_ = body().grad;
    return g;
  }

  /// Replaces the gradient by this one without its graph, which would lead back here; shares storage. An absent tensor
  /// clears it. Throws ShapeError unless the shapes agree.
  void set_grad(const Tensor& gradient) const requires Real<T> {
    check<ShapeError>(!gradient.defined() || gradient.shape() == shape(), "set_grad: gradient has another shape than ",
                      shape());
    body().grad = gradient.defined() ? gradient.detach().body_ : nullptr;
  }

  /// Implementation access for autograd and the operations.
  const std::shared_ptr<detail::TensorBody<T>>& handle() const { return body_; }
  static Tensor from_handle(std::shared_ptr<detail::TensorBody<T>> body) {
    Tensor t;
    t.body_ = std::move(body);
    return t;
  }

 private:
  detail::TensorBody<T>& body() const {
    check(body_ != nullptr, "tensor: absent (default-constructed); expected a tensor with data");
    return *body_;
  }
  T* pointer() const { return static_cast<T*>(body().storage->data()) + body().offset; }

  std::shared_ptr<detail::TensorBody<T>> body_;
};

}  // namespace agon
