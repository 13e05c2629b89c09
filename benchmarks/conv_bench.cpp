// Convolutions of an attention GAN on 28 x 28 images, batch 64, all three passes, beside oneDNN's where it is
// installed, and beside im2col with Eigen's product for the forward pass. Eigen uses what the compiler's flags allow:
// configure with AGON_NATIVE=ON for a fair race.

#include <agon/kernels/conv.hpp>

#include <Eigen/Core>

#include <utility>

#include "peak.hpp"
#include "rivals.hpp"

namespace {

using agon::kernels::ConvShape;

struct Case {
  const char* name;
  std::int64_t size, in, out, kernel, stride, padding;

  ConvShape shape() const {
    const std::int64_t out_size = (size + 2 * padding - kernel) / stride + 1;
    return {64, size, size, in, out, kernel, kernel, stride, padding, out_size, out_size};
  }
};

const Case cases[] = {
    {"1->64 k4s2 at 28", 28, 1, 64, 4, 2, 1},     {"64->128 k4s2 at 14", 14, 64, 128, 4, 2, 1},
    {"128->128 k3 at 14", 14, 128, 128, 3, 1, 1}, {"64->64 k3 at 28", 28, 64, 64, 3, 1, 1},
    {"64->32 k1 at 14", 14, 64, 32, 1, 1, 0},     {"64->1 k3 at 28", 28, 64, 1, 3, 1, 1},
};

struct Operands {
  ConvShape s;
  bench::Floats x, w, y;

  explicit Operands(const ConvShape& shape)
      : s(shape),
        x(bench::random_floats(s.n * s.h * s.w * s.c)),
        w(bench::random_floats(s.o * s.kh * s.kw * s.c)),
        y(bench::random_floats(s.n * s.oh * s.ow * s.o)) {}
  double flops() const { return 2.0 * static_cast<double>(s.n * s.oh * s.ow * s.o * s.kh * s.kw * s.c); }
};

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void im2col(const ConvShape& s, const float* x, float* to) {
  const std::int64_t run = s.kw * s.c, depth = s.kh * run;
  agon::parallel_for(s.n * s.oh, 8, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row)
      for (std::int64_t ox = 0; ox < s.ow; ++ox)
        for (std::int64_t ky = 0; ky < s.kh; ++ky) {
          float* const out = to + (row * s.ow + ox) * depth + ky * run;
          const std::int64_t y = row % s.oh * s.stride + ky - s.padding, left = ox * s.stride - s.padding;
          std::fill(out, out + run, 0.0f);
          if (y < 0 || y >= s.h) continue;
          const std::int64_t from = std::max<std::int64_t>(0, left), until = std::min(s.w, left + s.kw);
          const float* const in = x + (row / s.oh * s.h + y) * s.w * s.c;
          std::copy(in + from * s.c, in + until * s.c, out + (from - left) * s.c);
        }
  });
}

void forward(benchmark::State& state, const Case& c, int threads) {
  Operands p(c.shape());
  bench::run(state, threads, p.flops(), [&] { agon::kernels::conv2d<float>(p.s, p.x.data(), p.w.data(), p.y.data()); });
}

void input_grad(benchmark::State& state, const Case& c, int threads) {
  Operands p(c.shape());
  bench::run(state, threads, p.flops(),
             [&] { agon::kernels::conv2d_input_grad<float>(p.s, p.y.data(), p.w.data(), p.x.data()); });
}

void weight_grad(benchmark::State& state, const Case& c, int threads) {
  Operands p(c.shape());
  bench::run(state, threads, p.flops(),
             [&] { agon::kernels::conv2d_weight_grad<float>(p.s, p.x.data(), p.y.data(), p.w.data()); });
}

void forward_eigen(benchmark::State& state, const Case& c, int threads) {
  Operands p(c.shape());
  const auto& s = p.s;
  const std::int64_t rows = s.n * s.oh * s.ow, depth = s.kh * s.kw * s.c;
  bench::Floats patches(static_cast<std::size_t>(rows * depth));
  const Eigen::Map<const Matrix> a(patches.data(), rows, depth), w(p.w.data(), s.o, depth);
  Eigen::Map<Matrix> y(p.y.data(), rows, s.o);
  Eigen::setNbThreads(threads);
  bench::run(state, threads, p.flops(), [&] {
    im2col(s, p.x.data(), patches.data());
    y.noalias() = a * w.transpose();
  });
  state.SetLabel(Eigen::SimdInstructionSetsInUse());
}

#if defined(AGON_BENCH_ONEDNN)
void with_onednn(benchmark::State& state, const Case& c, int threads, bench::OneDnn::Pass pass) {
  Operands p(c.shape());
  bench::OneDnn convolution(pass, p.s, threads, p.x.data(), p.y.data());
  bench::run(state, threads, p.flops(), [&] { convolution.run(); });
}
#endif

}  // namespace

int main(int argc, char** argv) {
  for (const Case& c : cases) {
    const std::string name = c.name;
    bench::add(name + "/forward", [=](benchmark::State& state, int threads) { forward(state, c, threads); });
    bench::add(name + "/forward im2col+Eigen",
               [=](benchmark::State& state, int threads) { forward_eigen(state, c, threads); });
    bench::add(name + "/input gradient", [=](benchmark::State& state, int threads) { input_grad(state, c, threads); });
    bench::add(name + "/weight gradient",
               [=](benchmark::State& state, int threads) { weight_grad(state, c, threads); });
#if defined(AGON_BENCH_ONEDNN)
    using Pass = bench::OneDnn::Pass;
    for (const auto& [pass, label] :
         {std::pair{Pass::forward, "forward"}, std::pair{Pass::input_grad, "input gradient"},
          std::pair{Pass::weight_grad, "weight gradient"}})
      bench::add(name + "/" + label + " oneDNN",
                 [=, pass = pass](benchmark::State& state, int threads) { with_onednn(state, c, threads, pass); });
#endif
  }
  return bench::main(argc, argv);
}
