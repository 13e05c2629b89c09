#pragma once

#include <agon/nn/init.hpp>
#include <agon/nn/module.hpp>
#include <agon/nn/simple_layers.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/shape.hpp>

#include <cmath>

namespace agon {

struct PositionalEncodingOptions {
  enum class Kind { sinusoidal, learned };
  std::int64_t features = 0;    ///< required; even for sinusoidal sequences, a multiple of 4 for sinusoidal images
  std::int64_t max_length = 0;  ///< required for learned: longest sequence, or height times width of the images
  Kind kind = Kind::sinusoidal;
  double dropout = 0;
};

/// Adds a code for the position: to sequences x [n, l, features], or to images x [n, h, w, features].
/// Sinusoidal (Vaswani et al. 2017): p[i, 2k] = sin(i / 10000^(2k/d)), p[i, 2k+1] = cos(the same); in images the first
/// half of the features encodes the row and the second the column. Learned: a trained row a position, row-major in
/// images.
template <Real T>
class PositionalEncoding : public LayerBase<PositionalEncoding<T>, T> {
 public:
  PositionalEncoding(const PositionalEncodingOptions& options, Rng& rng)
      : options_(options), dropout_({.p = options.dropout}) {
    check(options.features > 0, "PositionalEncoding: features ", options.features, "; expected to be set and positive");
    if (!learned()) return;
    check(options.max_length > 0, "PositionalEncoding: max_length ", options.max_length,
          "; expected to be set and positive for learned codes");
    table_ = normal<T>({options.max_length, options.features}, T{0}, static_cast<T>(0.02), rng).requires_grad_();
  }

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    check<ShapeError>((x.rank() == 3 || x.rank() == 4) && x.size(-1) == options_.features,
                      "PositionalEncoding: ", x.shape(), "; expected [n, l, ", options_.features, "] or [n, h, w, ",
                      options_.features, "]");
    return dropout_(x + (learned()       ? learned_code(x.shape())
                         : x.rank() == 3 ? sequence_code(x.size(1))
                                         : image_code(x.size(1), x.size(2))),
                    ctx);
  }

  void fields(Fields<T>& v) override { v.parameter("weight", table_); }
  const PositionalEncodingOptions& options() const { return options_; }

 private:
  bool learned() const { return options_.kind == PositionalEncodingOptions::Kind::learned; }

  Tensor<T> learned_code(const Shape& x) const {
    const auto length = x.rank() == 3 ? x[1] : x[1] * x[2];
    check<ShapeError>(length <= options_.max_length, "PositionalEncoding: ", length, " positions; expected at most ",
                      options_.max_length);
    auto shape = Shape(x.sizes().subspan(1));
    return reshape(slice(table_, 0, 0, length), shape);
  }

  static void write_code(T* out, std::int64_t position, std::int64_t features) {
    for (std::int64_t k = 0; k < features / 2; ++k) {
      const auto angle = static_cast<double>(position) *
                         std::pow(10000.0, -2.0 * static_cast<double>(k) / static_cast<double>(features));
      out[2 * k] = static_cast<T>(std::sin(angle));
      out[2 * k + 1] = static_cast<T>(std::cos(angle));
    }
  }

  Tensor<T> sequence_code(std::int64_t length) const {
    check<ShapeError>(options_.features % 2 == 0, "PositionalEncoding: ", options_.features,
                      " features; expected an even number");
    auto code = empty<T>({length, options_.features});
    auto* out = code.mutable_data().data();
    for (std::int64_t i = 0; i < length; ++i) write_code(out + i * options_.features, i, options_.features);
    return code;
  }

  Tensor<T> image_code(std::int64_t height, std::int64_t width) const {
    check<ShapeError>(options_.features % 4 == 0, "PositionalEncoding: ", options_.features,
                      " features; expected a multiple of 4 for images");
    auto code = empty<T>({height, width, options_.features});
    auto* out = code.mutable_data().data();
    const auto half = options_.features / 2;
    for (std::int64_t i = 0; i < height; ++i)
      for (std::int64_t j = 0; j < width; ++j, out += options_.features) {
        write_code(out, i, half);
        write_code(out + half, j, half);
      }
    return code;
  }

  PositionalEncodingOptions options_;
  Dropout<T> dropout_;
  Tensor<T> table_;
};

}  // namespace agon
