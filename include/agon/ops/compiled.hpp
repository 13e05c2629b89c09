#pragma once

/// Differentiation and the operations for float and double, as instances in agon::compiled: see agon/compiled.hpp.
/// Left out are thin wrappers, which cost nothing to compile, and operations with a second type.

#include <agon/autograd/basic.hpp>
#include <agon/autograd/engine.hpp>
#include <agon/autograd/record.hpp>
#include <agon/ops/activation.hpp>
#include <agon/ops/arithmetic.hpp>
#include <agon/ops/attention.hpp>
#include <agon/ops/compare.hpp>
#include <agon/ops/conv.hpp>
#include <agon/ops/dropout.hpp>
#include <agon/ops/elementwise.hpp>
#include <agon/ops/index.hpp>
#include <agon/ops/matmul.hpp>
#include <agon/ops/norm.hpp>
#include <agon/ops/pool.hpp>
#include <agon/ops/reduce.hpp>
#include <agon/ops/shape.hpp>
#include <agon/ops/softmax.hpp>
#include <agon/ops/upsample_conv.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

#if defined(AGON_COMPILED_BODY)
#define AGON_INSTANCE template
#else
#define AGON_INSTANCE extern template
#endif

namespace agon {

// clang-format off
#define AGON_INSTANCES(T)                                                                                               \
  AGON_INSTANCE std::vector<Tensor<T>> grad(const std::vector<Tensor<T>>&, const std::vector<Tensor<T>>&, const GradOptions<T>&);  \
  AGON_INSTANCE Tensor<T> grad(const Tensor<T>&, const Tensor<T>&, const GradOptions<T>&);                              \
  AGON_INSTANCE void backward(const Tensor<T>&, const BackwardOptions<T>&);                                             \
  AGON_INSTANCE std::vector<Tensor<T>> record_all(std::string_view, std::vector<Tensor<T>>, const std::vector<Tensor<T>>&,     \
                                                  Save, Rule<T>, RecordOptions);                                       \
  AGON_INSTANCE Tensor<T> record(std::string_view, const Tensor<T>&, const std::vector<Tensor<T>>&, Save, Rule<T>, RecordOptions);  \
  AGON_INSTANCE Tensor<T> broadcast_to(const Tensor<T>&, const Shape&);                                                 \
  AGON_INSTANCE Tensor<T> sum_to(const Tensor<T>&, const Shape&);                                                       \
  AGON_INSTANCE Tensor<T> add(const Tensor<T>&, const Tensor<T>&);                                                      \
  AGON_INSTANCE Tensor<T> affine(const Tensor<T>&, double, double);                                                     \
  AGON_INSTANCE Tensor<T> negate(const Tensor<T>&);                                                                     \
  AGON_INSTANCE Tensor<T> subtract(const Tensor<T>&, const Tensor<T>&);                                                 \
  AGON_INSTANCE Tensor<T> multiply(const Tensor<T>&, const Tensor<T>&);                                                 \
  AGON_INSTANCE Tensor<T> divide(const Tensor<T>&, const Tensor<T>&);                                                   \
  AGON_INSTANCE Tensor<T> activation_grad(const Tensor<T>&, const Tensor<T>&, const Activation&);                       \
  AGON_INSTANCE Tensor<T> activate(const Tensor<T>&, const Activation&);                                                \
  AGON_INSTANCE Tensor<T> exp(const Tensor<T>&);                                                                        \
  AGON_INSTANCE Tensor<T> log(const Tensor<T>&);                                                                        \
  AGON_INSTANCE Tensor<T> sqrt(const Tensor<T>&);                                                                       \
  AGON_INSTANCE Tensor<T> rsqrt(const Tensor<T>&);                                                                      \
  AGON_INSTANCE Tensor<T> square(const Tensor<T>&);                                                                     \
  AGON_INSTANCE Tensor<T> reciprocal(const Tensor<T>&);                                                                 \
  AGON_INSTANCE Tensor<T> pow(const Tensor<T>&, double);                                                                \
  AGON_INSTANCE Tensor<T> abs(const Tensor<T>&);                                                                        \
  AGON_INSTANCE Tensor<T> softplus(const Tensor<T>&);                                                                   \
  AGON_INSTANCE Tensor<T> where(const Tensor<bool>&, const Tensor<T>&, const Tensor<T>&);                               \
  AGON_INSTANCE Tensor<T> maximum(const Tensor<T>&, const Tensor<T>&);                                                  \
  AGON_INSTANCE Tensor<T> matmul(const Tensor<T>&, const Tensor<T>&, MatmulOptions);                                    \
  AGON_INSTANCE Tensor<T> linear(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const Activation&,                \
                                 const Tensor<T>&);                                                                    \
  AGON_INSTANCE Tensor<T> conv2d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const ConvOptions&);             \
  AGON_INSTANCE Tensor<T> conv_transpose2d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const ConvTransposeOptions&);  \
  AGON_INSTANCE Tensor<T> upsample_conv2d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const UpsampleConvOptions&);  \
  AGON_INSTANCE Tensor<T> scaled_dot_product_attention(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,             \
                                                       const Tensor<bool>&, const AttentionOptions&);                  \
  AGON_INSTANCE Tensor<T> attention_qkv_packed(const Tensor<T>&, std::int64_t, const Tensor<bool>&, const AttentionOptions&);  \
  AGON_INSTANCE Tensor<T> attention_kv_packed(const Tensor<T>&, const Tensor<T>&, const Tensor<bool>&, const AttentionOptions&);  \
  AGON_INSTANCE BatchNormResult<T> batch_norm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const NormOptions&);  \
  AGON_INSTANCE Tensor<T> layer_norm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const NormOptions&);         \
  AGON_INSTANCE Tensor<T> dropout(const Tensor<T>&, double, StreamKey, std::uint64_t);                                  \
  AGON_INSTANCE Tensor<T> softmax(const Tensor<T>&);                                                                    \
  AGON_INSTANCE Tensor<T> log_softmax(const Tensor<T>&);                                                                \
  AGON_INSTANCE Tensor<T> sum(const Tensor<T>&, const std::vector<int>&, bool);                                         \
  AGON_INSTANCE Tensor<T> mean(const Tensor<T>&, const std::vector<int>&, bool);                                        \
  AGON_INSTANCE Tensor<T> var(const Tensor<T>&, const std::vector<int>&, bool);                                         \
  AGON_INSTANCE Tensor<T> max(const Tensor<T>&, int, bool);                                                             \
  AGON_INSTANCE Tensor<T> take(const Tensor<T>&, const Tensor<std::int64_t>&);                                          \
  AGON_INSTANCE Tensor<T> put(const Tensor<T>&, const Tensor<std::int64_t>&, const Shape&);                             \
  AGON_INSTANCE Tensor<T> max_pool2d(const Tensor<T>&, const PoolOptions&);                                             \
  AGON_INSTANCE Tensor<T> avg_pool2d(const Tensor<T>&, const PoolOptions&);                                             \
  AGON_INSTANCE Tensor<T> upsample_nearest2d(const Tensor<T>&, std::int64_t);                                           \
  AGON_INSTANCE Tensor<T> reshape(const Tensor<T>&, const std::vector<std::int64_t>&);                                  \
  AGON_INSTANCE Tensor<T> permute(const Tensor<T>&, const std::vector<int>&);                                           \
  AGON_INSTANCE Tensor<T> slice(const Tensor<T>&, int, std::int64_t, std::int64_t);                                     \
  AGON_INSTANCE Tensor<T> pad(const Tensor<T>&, int, std::int64_t, std::int64_t);                                       \
  AGON_INSTANCE Tensor<T> concat(const std::vector<Tensor<T>>&, int);
// clang-format on

AGON_INSTANCES(float)
AGON_INSTANCES(double)

#undef AGON_INSTANCES
#undef AGON_INSTANCE

}  // namespace agon
