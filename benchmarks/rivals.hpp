#pragma once

// Products and convolutions by oneDNN and OpenBLAS, where they are installed (AGON_BENCH_ONEDNN, AGON_BENCH_OPENBLAS).
// oneDNN may lay weights out as it likes, outside what is timed; images are channels-last as ours.

#include <agon/kernels/conv.hpp>

#include <cstdint>
#include <unordered_map>

#if defined(AGON_BENCH_OPENBLAS)
#include <cblas.h>
#endif
#if defined(AGON_BENCH_ONEDNN)
#include <dnnl.hpp>
#if defined(_OPENMP)
#include <omp.h>
#endif
#endif

namespace bench {

/// C [m, n] = op(A) op(B), all row-major and contiguous.
struct ProductShape {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
};

#if defined(AGON_BENCH_OPENBLAS)
inline void openblas_product(const ProductShape& s, int threads, const float* a, const float* b, float* c) {
  const auto blas = [](std::int64_t size) { return static_cast<blasint>(size); };
  openblas_set_num_threads(threads);
  cblas_sgemm(CblasRowMajor, s.transpose_a ? CblasTrans : CblasNoTrans, s.transpose_b ? CblasTrans : CblasNoTrans,
              blas(s.m), blas(s.n), blas(s.k), 1.0f, a, blas(s.transpose_a ? s.m : s.k), b,
              blas(s.transpose_b ? s.k : s.n), 0.0f, c, blas(s.n));
}
#endif

#if defined(AGON_BENCH_ONEDNN)

/// A oneDNN primitive with its arguments, ready to run.
class OneDnn {
 public:
  using Memory = dnnl::memory;
  using Tag = Memory::format_tag;

  OneDnn(const ProductShape& s, int threads, const float* a, const float* b, float* c) {
    use(threads);
    const Memory::desc da{{s.m, s.k}, type, s.transpose_a ? Tag::ba : Tag::ab};
    const Memory::desc db{{s.k, s.n}, type, s.transpose_b ? Tag::ba : Tag::ab};
    const Memory::desc dc{{s.m, s.n}, type, Tag::ab};
    primitive_ = dnnl::matmul(describe<dnnl::matmul>(da, db, dc));
    arguments_ = {{DNNL_ARG_SRC, memory(da, a)}, {DNNL_ARG_WEIGHTS, memory(db, b)}, {DNNL_ARG_DST, memory(dc, c)}};
  }

  enum class Pass { forward, input_grad, weight_grad };

  OneDnn(Pass pass, const agon::kernels::ConvShape& s, int threads, const float* x, const float* y) {
    use(threads);
    const Memory::dims stride{s.stride, s.stride}, padding{s.padding, s.padding};
    const Memory::desc dx{{s.n, s.c, s.h, s.w}, type, Tag::nhwc}, dy{{s.n, s.o, s.oh, s.ow}, type, Tag::nhwc};
    const Memory::desc any{{s.o, s.c, s.kh, s.kw}, type, Tag::any};
    const auto direct = dnnl::algorithm::convolution_direct;
    using Forward = dnnl::convolution_forward;
    const auto forward =
        describe<Forward>(dnnl::prop_kind::forward_training, direct, dx, any, dy, stride, padding, padding);
    if (pass == Pass::forward) {
      weights_ = Memory(forward.weights_desc(), engine_);
      primitive_ = Forward(forward);
      arguments_ = {{DNNL_ARG_SRC, memory(dx, x)}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_DST, memory(dy, y)}};
    } else if (pass == Pass::input_grad) {
      using Backward = dnnl::convolution_backward_data;
      const auto backward = describe_with<Backward>(forward, direct, dx, any, dy, stride, padding, padding);
      weights_ = Memory(backward.weights_desc(), engine_);
      primitive_ = Backward(backward);
      arguments_ = {
          {DNNL_ARG_DIFF_SRC, memory(dx, x)}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_DIFF_DST, memory(dy, y)}};
    } else {
      using Backward = dnnl::convolution_backward_weights;
      const auto backward = describe_with<Backward>(forward, direct, dx, any, dy, stride, padding, padding);
      weights_ = Memory(backward.diff_weights_desc(), engine_);
      primitive_ = Backward(backward);
      arguments_ = {
          {DNNL_ARG_SRC, memory(dx, x)}, {DNNL_ARG_DIFF_WEIGHTS, weights_}, {DNNL_ARG_DIFF_DST, memory(dy, y)}};
    }
  }

  void run() {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  static constexpr auto type = Memory::data_type::f32;

  static void use([[maybe_unused]] int threads) {
#if defined(_OPENMP)
    omp_set_num_threads(threads);
#endif
  }
  template <class Primitive, class... Arguments>
  typename Primitive::primitive_desc describe(const Arguments&... arguments) const {
#if DNNL_VERSION_MAJOR >= 3
    return {engine_, arguments...};
#else
    return {typename Primitive::desc(arguments...), engine_};
#endif
  }
  template <class Primitive, class Hint, class... Arguments>
  typename Primitive::primitive_desc describe_with(const Hint& hint, const Arguments&... arguments) const {
#if DNNL_VERSION_MAJOR >= 3
    return {engine_, arguments..., hint};
#else
    return {typename Primitive::desc(arguments...), engine_, hint};
#endif
  }
  Memory memory(const Memory::desc& desc, const float* data) const {
    return Memory(desc, engine_, const_cast<float*>(data));
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::primitive primitive_;
  Memory weights_;
  std::unordered_map<int, Memory> arguments_;
};

#endif

}  // namespace bench
