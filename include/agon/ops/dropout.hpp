#pragma once

#include <agon/autograd/basic.hpp>
#include <agon/kernels/random.hpp>

namespace agon {

/// Dropout with the mask that block `offset` onwards of the stream `key` gives: y = x / (1 - p) with probability 1 - p,
/// else 0; x itself for p = 0. Linear in x, so the gradient is the same operation on g. Throws Error unless 0 <= p < 1.
template <Real T>
Tensor<T> dropout(const Tensor<T>& x, double p, StreamKey key, std::uint64_t offset) {
  check(p >= 0 && p < 1, "dropout: probability ", p, "; expected 0 <= p < 1");
  if (p == 0) return x;
  auto y = empty_like(x);
  kernels::dropout(key, offset, x.numel(), p, x.data().data(), y.mutable_data().data());
  return record("dropout", y, {x}, Save::nothing,
                [p, key, offset](const Vjp<T>& v) -> Grads<T> { return {dropout(v.grad(), p, key, offset)}; });
}

/// Dropout with the next blocks of a stream, one an element.
template <Real T>
Tensor<T> dropout(const Tensor<T>& x, double p, Rng& rng) {
  return dropout(x, p, rng.key(), rng.take(static_cast<std::uint64_t>(x.numel())));
}

}  // namespace agon
