#pragma once

#include <agon/nn/init.hpp>
#include <agon/nn/module.hpp>
#include <agon/ops/matmul.hpp>

#include <cmath>
#include <cstdint>
#include <string>

namespace agon {

/// The weight of a layer, on request divided by its largest singular value (spectral normalisation, Miyato et al.
/// 2018): W / (u^T W v) with v <- W^T u / |W^T u|, u <- W v / |W v| once a forward pass that updates buffers. u and v
/// are constants for differentiation; they are replaced, never written in place, so that graphs made before stay valid.
template <Real T>
class Weight {
 public:
  /// The weight seen as a matrix [rows, rest of its elements] for spectral normalisation.
  Weight(const Tensor<T>& value, std::int64_t rows, bool spectral_norm, Rng& rng) : value_(value), rows_(rows) {
    value_.requires_grad_();
    if (!spectral_norm) return;
    check<ShapeError>(rows > 0 && value.numel() > 0, "spectral norm: weight of shape ", value.shape(), " is empty");
    const NoGrad guard;
    u_ = normalized(normal<T>({rows, 1}, 0, 1, rng));
    v_ = zeros<T>({value.numel() / rows, 1});
    for (int i = 0; i < 15; ++i) advance();
  }

  const Tensor<T>& value() const { return value_; }

  /// What the layer multiplies by.
  Tensor<T> operator()(const Context& ctx) const {
    if (!u_.defined()) return value_;
    if (ctx.update_buffers) {
      const NoGrad guard;
      advance();
    }
    const auto outer = [&] {
      const NoGrad guard;
      return reshape(matmul(u_, v_, {.transpose_b = true}), value_.shape());
    }();
    const auto sigma = sum(value_ * outer);  // u^T W v
    return value_ / sigma;
  }

  void fields(Fields<T>& v, const std::string& name) {
    v.parameter(name, value_);
    v.buffer(name + "_u", u_, Averaging::copy);
    v.buffer(name + "_v", v_, Averaging::copy);
  }

 private:
  static Tensor<T> normalized(const Tensor<T>& x) {
    double squares = 0;
    for (T e : x.data()) squares += static_cast<double>(e) * static_cast<double>(e);
    return affine(x, 1 / (std::sqrt(squares) + 1e-12), 0);
  }

  void advance() const {
    const auto w = reshape(value_, {rows_, -1});
    v_ = normalized(matmul(w, u_, {.transpose_a = true}));
    u_ = normalized(matmul(w, v_));
  }

  Tensor<T> value_;
  std::int64_t rows_;
  mutable Tensor<T> u_, v_;  // change only where the context says so
};

}  // namespace agon
