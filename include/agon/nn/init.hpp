#pragma once

#include <agon/kernels/linalg.hpp>
#include <agon/tensor/factories.hpp>

#include <cmath>
#include <cstdint>

namespace agon {

/// How a weight starts. fan_in = in k^2 and fan_out = out k^2 for a weight [out, k, k, in].
/// xavier (Glorot and Bengio 2010): uniform on +-sqrt(6 / (fan_in + fan_out)), normal with variance 2 / (fan_in +
/// fan_out). he (He et al. 2015): uniform on +-sqrt(6 / fan_in), normal with variance 2 / fan_in. orthogonal (Saxe et
/// al. 2014): the Q of a random normal matrix [out, rest]. normal002: normal, deviation 0.02 (DCGAN).
enum class Init { xavier_uniform, xavier_normal, he_uniform, he_normal, orthogonal, normal002, zeros, ones };

/// A weight of `shape`, seen as a matrix [rows, rest] with `rows` outputs for the orthogonal start.
template <Real T>
Tensor<T> initialized(const Shape& shape, Init init, std::int64_t fan_in, std::int64_t fan_out, Rng& rng) {
  const auto in = static_cast<double>(fan_in), both = static_cast<double>(fan_in + fan_out);
  const auto symmetric = [&](double bound) {
    return uniform<T>(shape, static_cast<T>(-bound), static_cast<T>(bound), rng);
  };
  const auto gaussian = [&](double deviation) { return normal<T>(shape, T{0}, static_cast<T>(deviation), rng); };
  switch (init) {
    case Init::xavier_uniform:
      return symmetric(std::sqrt(6 / both));
    case Init::xavier_normal:
      return gaussian(std::sqrt(2 / both));
    case Init::he_uniform:
      return symmetric(std::sqrt(6 / in));
    case Init::he_normal:
      return gaussian(std::sqrt(2 / in));
    case Init::normal002:
      return gaussian(0.02);
    case Init::zeros:
      return zeros<T>(shape);
    case Init::ones:
      return ones<T>(shape);
    case Init::orthogonal:
      break;
  }
  auto t = gaussian(1);
  const auto rows = shape.rank() > 0 ? shape[0] : 1;
  if (t.numel() > 0) kernels::orthogonalize(rows, t.numel() / rows, t.mutable_data().data());
  return t;
}

}  // namespace agon
