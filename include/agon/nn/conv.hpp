#pragma once

#include <agon/nn/weight.hpp>
#include <agon/ops/conv.hpp>
#include <agon/ops/upsample_conv.hpp>

namespace agon {

struct Conv2DOptions {
  std::int64_t in_channels = 0;   ///< required
  std::int64_t out_channels = 0;  ///< required
  std::int64_t kernel_size = 0;   ///< required
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t output_padding = 0;  ///< of ConvTranspose2D only
  std::int64_t upsample = 1;        ///< of Conv2D only: nearest-neighbour upsampling of the images by this factor first
  bool bias = true;
  Activation activation{};
  bool spectral_norm = false;
  Init init = Init::xavier_uniform;
};

namespace detail {

inline const Conv2DOptions& checked(const Conv2DOptions& o, std::string_view layer) {
  check(o.in_channels > 0 && o.out_channels > 0 && o.kernel_size > 0, layer, ": in_channels ", o.in_channels,
        ", out_channels ", o.out_channels, ", kernel_size ", o.kernel_size, "; expected all to be set and positive");
  return o;
}

template <Real T>
Tensor<T> conv_weight(const Conv2DOptions& o, std::int64_t first, std::int64_t last, Rng& rng) {
  const auto area = o.kernel_size * o.kernel_size;
  return initialized<T>({first, o.kernel_size, o.kernel_size, last}, o.init, o.in_channels * area,
                        o.out_channels * area, rng);
}

}  // namespace detail

/// Convolution of images [n, h, w, in] with weight [out, k, k, in], upsampled first where asked; see conv2d and
/// upsample_conv2d.
template <Real T>
class Conv2D : public LayerBase<Conv2D<T>, T> {
 public:
  Conv2D(const Conv2DOptions& options, Rng& rng)
      : options_(detail::checked(options, "Conv2D")),
        weight_(detail::conv_weight<T>(options, options.out_channels, options.in_channels, rng), options.out_channels,
                options.spectral_norm, rng) {
    check(options.upsample == 1 || (options.upsample > 1 && options.stride == 1), "Conv2D: upsample ", options.upsample,
          " with stride ", options.stride, "; expected upsample >= 1, and stride 1 where it upsamples");
    if (options.bias) bias_ = zeros<T>({options.out_channels}).requires_grad_();
  }

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    if (options_.upsample > 1)
      return upsample_conv2d(
          x, weight_(ctx), bias_,
          {.factor = options_.upsample, .padding = options_.padding, .activation = options_.activation});
    return conv2d(x, weight_(ctx), bias_,
                  {.stride = options_.stride, .padding = options_.padding, .activation = options_.activation});
  }

  void fields(Fields<T>& v) override {
    weight_.fields(v, "weight");
    v.parameter("bias", bias_);
  }
  const Conv2DOptions& options() const { return options_; }

 private:
  Conv2DOptions options_;
  Weight<T> weight_;
  Tensor<T> bias_;
};

/// Transposed convolution of images [n, h, w, in] with weight [in, k, k, out]; see conv_transpose2d.
template <Real T>
class ConvTranspose2D : public LayerBase<ConvTranspose2D<T>, T> {
 public:
  ConvTranspose2D(const Conv2DOptions& options, Rng& rng)
      : options_(detail::checked(options, "ConvTranspose2D")),
        // Seen as [in k^2, out], which has the singular values of the usual [out, in k^2].
        weight_(detail::conv_weight<T>(options, options.in_channels, options.out_channels, rng),
                options.in_channels * options.kernel_size * options.kernel_size, options.spectral_norm, rng) {
    if (options.bias) bias_ = zeros<T>({options.out_channels}).requires_grad_();
  }

  Tensor<T> forward(const Tensor<T>& x, const Context& ctx = inference) const override {
    return conv_transpose2d(x, weight_(ctx), bias_,
                            {.stride = options_.stride,
                             .padding = options_.padding,
                             .output_padding = options_.output_padding,
                             .activation = options_.activation});
  }

  void fields(Fields<T>& v) override {
    weight_.fields(v, "weight");
    v.parameter("bias", bias_);
  }
  const Conv2DOptions& options() const { return options_; }

 private:
  Conv2DOptions options_;
  Weight<T> weight_;
  Tensor<T> bias_;
};

}  // namespace agon
