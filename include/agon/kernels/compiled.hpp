#pragma once

/// The kernels for float and double, as instances in agon::compiled: see agon/compiled.hpp.

#include <agon/kernels/attention.hpp>
#include <agon/kernels/conv.hpp>
#include <agon/kernels/gemm.hpp>
#include <agon/kernels/index.hpp>
#include <agon/kernels/layout.hpp>
#include <agon/kernels/linalg.hpp>
#include <agon/kernels/map.hpp>
#include <agon/kernels/norm.hpp>
#include <agon/kernels/optimizer.hpp>
#include <agon/kernels/pool2d.hpp>
#include <agon/kernels/random.hpp>
#include <agon/kernels/reduce.hpp>
#include <agon/kernels/softmax.hpp>

#if defined(AGON_COMPILED_BODY)
#define AGON_INSTANCE template
#else
#define AGON_INSTANCE extern template
#endif

namespace agon {

inline namespace AGON_BUILD {
extern const bool compiled_build;  // defined in the library
}

#if !defined(AGON_COMPILED_BODY) && (defined(__GNUC__) || defined(__clang__))
namespace detail {
/// Makes every unit refer to a name that carries the build's fingerprint.
[[gnu::used]] static const bool* const same_build_as_library = &compiled_build;
}  // namespace detail
#endif

}  // namespace agon

namespace agon::kernels {
inline namespace AGON_BUILD {

using Count = std::int64_t;

// clang-format off
#define AGON_INSTANCES(T)                                                                                               \
  AGON_INSTANCE void gemm(MatView<const T>, bool, MatView<const T>, bool, MatView<T>, const Epilogue<T>&);              \
  AGON_INSTANCE void gemm_batched(Count, MatView<const T>, Count, bool, MatView<const T>, Count, bool, MatView<T>, Count,   \
                                  const Epilogue<T>&);                                                                 \
  AGON_INSTANCE void conv2d(const ConvShape&, const T*, const T*, T*, const Epilogue<T>&);                              \
  AGON_INSTANCE void conv2d_input_grad(const ConvShape&, const T*, const T*, T*, const Epilogue<T>&);                   \
  AGON_INSTANCE void conv2d_weight_grad(const ConvShape&, const T*, const T*, T*);                                      \
  AGON_INSTANCE void attention(const AttentionShape<T>&, const T*, const T*, const T*, T*, T*);                         \
  AGON_INSTANCE void attention_backward(const AttentionShape<T>&, const T*, const T*, const T*, const T*, const T*,     \
                                        const T*, T*, T*, T*);                                                         \
  AGON_INSTANCE void attention_second(const AttentionShape<T>&, const AttentionSecond<T>&);                             \
  AGON_INSTANCE void unary(Unary, Count, const T*, T*, T, T);                                                            \
  AGON_INSTANCE void binary(Binary, const BroadcastPlan&, const T*, const T*, T*);                                      \
  AGON_INSTANCE void select(Count, const bool*, const T*, const T*, T*);                                                 \
  AGON_INSTANCE void activation_grad(const Activation&, Count, const T*, const T*, T*);                                  \
  AGON_INSTANCE void add_to(Count, const T*, T*);                                                                        \
  AGON_INSTANCE void sum(Count, Count, Count, const T*, T*);                                                               \
  AGON_INSTANCE void max(Count, Count, Count, const T*, T*, Count*);                                                        \
  AGON_INSTANCE void copy(const Shape&, const T*, const Strides&, T*, const Strides&);                                  \
  AGON_INSTANCE void softmax(Count, Count, const T*, T*);                                                                 \
  AGON_INSTANCE void softmax_grad(Count, Count, const T*, const T*, T*);                                                  \
  AGON_INSTANCE void log_softmax(Count, Count, const T*, T*);                                                             \
  AGON_INSTANCE void log_softmax_grad(Count, Count, const T*, const T*, T*);                                              \
  AGON_INSTANCE void batch_norm(const NormShape&, T, const T*, const T*, const T*, const Activation&, T*, T*, T*, T*);  \
  AGON_INSTANCE void batch_norm_backward(const NormShape&, const T*, const T*, const T*, const T*, const T*,            \
                                         const Activation&, const T*, T*, T*, T*);                                     \
  AGON_INSTANCE void layer_norm(const NormShape&, T, const T*, const T*, const T*, const Activation&, T*, T*, T*);      \
  AGON_INSTANCE void layer_norm_backward(const NormShape&, const T*, const T*, const T*, const T*, const T*,            \
                                         const Activation&, const T*, T*, T*, T*);                                     \
  AGON_INSTANCE void max_pool2d(const PoolShape&, const T*, T*, Count*);                                                 \
  AGON_INSTANCE void avg_pool2d(const PoolShape&, const T*, T*);                                                        \
  AGON_INSTANCE void avg_pool2d_grad(const PoolShape&, const T*, T*);                                                   \
  AGON_INSTANCE void upsample_nearest2d(Count, Count, Count, Count, Count, const T*, T*);                                    \
  AGON_INSTANCE void upsample_nearest2d_grad(Count, Count, Count, Count, Count, const T*, T*);                               \
  AGON_INSTANCE void sgd(Count, T*, const T*, T*, double, double, double, bool);                                         \
  AGON_INSTANCE void adam(const AdamStep&, Count, T*, const T*, T*, T*);                                                 \
  AGON_INSTANCE void rmsprop(Count, T*, const T*, T*, double, double, double);                                           \
  AGON_INSTANCE void ema(Count, double, T*, const T*);                                                                   \
  AGON_INSTANCE double sum_of_squares(Count, const T*);                                                                  \
  AGON_INSTANCE void uniform(StreamKey, std::uint64_t, Count, T, T, T*);                                                 \
  AGON_INSTANCE void normal(StreamKey, std::uint64_t, Count, T, T, T*);                                                  \
  AGON_INSTANCE void dropout(StreamKey, std::uint64_t, Count, double, const T*, T*);                                     \
  AGON_INSTANCE void orthogonalize(Count, Count, T*);
// clang-format on

AGON_INSTANCES(float)
AGON_INSTANCES(double)

#undef AGON_INSTANCES
#undef AGON_INSTANCE

}  // namespace AGON_BUILD
}  // namespace agon::kernels
