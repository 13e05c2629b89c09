#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/index.hpp>

#include <cstdint>

namespace agon {

template <Real T>
Tensor<T> put(const Tensor<T>& g, const Tensor<std::int64_t>& index, const Shape& shape);

namespace detail {

/// Records y = x at the flat positions `index`: take, and what a kernel has just chosen (max, max pooling).
template <Real T>
Tensor<T> record_selection(std::string_view op, const Tensor<T>& y, const Tensor<T>& x,
                           const Tensor<std::int64_t>& index) {
  return record(
      op, y, {x}, Save::nothing,
      [](const Vjp<T>& v) -> Grads<T> { return {put(v.grad(), v.template aux<std::int64_t>(), v.input_shape())}; },
      {.aux = {index}});
}

template <Index I>
void check_indices(const Tensor<I>& index, std::int64_t rows, std::string_view op) {
  for (auto i : index.data()) check<ShapeError>(i >= 0 && i < rows, op, ": index ", i, "; expected 0 to ", rows - 1);
}

}  // namespace detail

/// out[i] = x[index[i]] by flat positions; the result has the shape of index. Gradient: put.
/// Throws ShapeError for a position outside x.
template <Real T>
Tensor<T> take(const Tensor<T>& x, const Tensor<std::int64_t>& index) {
  for (auto i : index.data())
    check<ShapeError>(i >= 0 && i < x.numel(), "take: position ", i, " in a tensor of ", x.numel(), " elements");
  auto y = empty<T>(index.shape());
  kernels::take(index.numel(), x.data().data(), index.data().data(), y.mutable_data().data());
  return detail::record_selection("take", y, x, index);
}

/// The adjoint of take: zeros of `shape` with g[i] added at flat position index[i]. Gradient: take.
/// Throws ShapeError unless g and index have the same shape and every position lies within `shape`.
template <Real T>
Tensor<T> put(const Tensor<T>& g, const Tensor<std::int64_t>& index, const Shape& shape) {
  check<ShapeError>(g.shape() == index.shape(), "put: values ", g.shape(), " for positions ", index.shape());
  for (auto i : index.data())
    check<ShapeError>(i >= 0 && i < shape.numel(), "put: position ", i, " in a tensor of ", shape.numel(), " elements");
  auto y = empty<T>(shape);
  kernels::put(g.numel(), g.data().data(), index.data().data(), shape.numel(), y.mutable_data().data());
  return record("put", y, {g}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> { return {take(v.grad(), v.template aux<std::int64_t>())}; },
                {.aux = {index}});
}

template <Real T, Index I>
Tensor<T> scatter_add(const Tensor<T>& g, const Tensor<I>& index, std::int64_t rows);

/// Rows of table [rows, d] by index [...]: result [..., d]. Gradient: scatter_add.
/// Throws ShapeError for a table of another rank or an index outside [0, rows).
template <Real T, Index I>
Tensor<T> embedding(const Tensor<T>& table, const Tensor<I>& index) {
  check<ShapeError>(table.rank() == 2, "embedding: table has shape ", table.shape(), "; expected [rows, d]");
  detail::check_indices(index, table.size(0), "embedding");
  auto shape = index.shape();
  shape.push_back(table.size(1));
  auto y = empty<T>(shape);
  kernels::gather_rows(index.numel(), table.size(1), table.data().data(), index.data().data(), y.mutable_data().data());
  return record(
      "embedding", y, {table}, Save::nothing,
      [](const Vjp<T>& v) -> Grads<T> { return {scatter_add(v.grad(), v.template aux<I>(), v.input_shape()[0])}; },
      {.aux = {index}});
}

/// The adjoint of embedding, g [..., d] with index [...]: row r of the result [rows, d] is the sum of the rows g[i]
/// with index[i] = r. Gradient: embedding. Throws ShapeError when the shapes do not fit or for an index outside [0,
/// rows).
template <Real T, Index I>
Tensor<T> scatter_add(const Tensor<T>& g, const Tensor<I>& index, std::int64_t rows) {
  check<ShapeError>(g.rank() == index.rank() + 1 && g.shape().first(index.rank()) == index.shape(),
                    "scatter_add: rows ", g.shape(), " for indices ", index.shape(),
                    "; expected the shape of the indices and one more axis");
  detail::check_indices(index, rows, "scatter_add");
  auto table = empty<T>({rows, g.size(-1)});
  kernels::scatter_add_rows(index.numel(), rows, g.size(-1), g.data().data(), index.data().data(),
                            table.mutable_data().data());
  return record("scatter_add", table, {g}, Save::nothing,
                [](const Vjp<T>& v) -> Grads<T> { return {embedding(v.grad(), v.template aux<I>())}; },
                {.aux = {index}});
}

/// result[..., k] = 1 where k is the label, else 0: [...] -> [..., classes]. No derivative.
/// Throws ShapeError for a label outside [0, classes).
template <Real T, Index I>
Tensor<T> one_hot(const Tensor<I>& labels, std::int64_t classes) {
  detail::check_indices(labels, classes, "one_hot");
  auto shape = labels.shape();
  shape.push_back(classes);
  auto y = zeros<T>(shape);
  auto out = y.mutable_data();
  for (std::int64_t i = 0; i < labels.numel(); ++i)
    out[static_cast<std::size_t>(i * classes + labels.data()[static_cast<std::size_t>(i)])] = T{1};
  return y;
}

}  // namespace agon
