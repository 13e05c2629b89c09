// Matrix products at the shapes of an attention GAN's training step, agon's gemm beside Eigen's product and, where they
// are installed, those of oneDNN and OpenBLAS. Eigen uses what the compiler's flags allow: configure with
// AGON_NATIVE=ON for a fair race. Rows "from memory" take operands that were not used for 96 MiB of others, as
// those of a training step: `--benchmark_filter=memory`.

#include <agon/kernels/gemm.hpp>

#include <deque>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "peak.hpp"
#include "rivals.hpp"

namespace {

struct Shape {
  const char* name;
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
};

const Shape shapes[] = {
    {"first layer", 50176, 64, 9},
    {"D.conv1 k4s2", 12544, 64, 16},
    {"3x3 64->128 at 14", 12544, 128, 576},
    {"D.conv2 k4s2", 3136, 128, 1024},
    {"3x3 128->256 at 7", 3136, 256, 1152},
    {"G.deconv1", 3136, 1024, 128},
    {"f,g,h in one", 12544, 80, 64},
    {"f alone", 12544, 8, 64},
    {"G.project", 64, 6272, 110},
    {"D.conv2 weight gradient", 1024, 128, 3136, true, false},
    {"G.project input gradient", 64, 110, 6272, false, true},
    {"f,g,h weight gradient", 64, 80, 12544, true, false},
    {"square", 1024, 1024, 1024},
    {"large square", 2048, 2048, 2048},
    {"one row", 1, 512, 512, false, true},
};

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Where the operands of each run are: where those of the last one were, or in memory.
enum class From { caches, memory };

struct Operands {
  Shape s;
  bench::Floats a, b, c;

  explicit Operands(const Shape& shape)
      : s(shape),
        a(bench::random_floats(s.m * s.k)),
        b(bench::random_floats(s.k * s.n)),
        c(static_cast<std::size_t>(s.m * s.n)) {}
  double flops() const { return 2.0 * static_cast<double>(s.m * s.n * s.k); }
  std::size_t bytes() const { return (a.size() + b.size() + c.size()) * sizeof(float); }
};

/// Copies of the operands of which each run takes the next.
std::vector<Operands> copies(const Shape& shape, From from) {
  constexpr std::size_t others = 96 << 20;
  const Operands one(shape);
  return std::vector<Operands>(from == From::memory ? others / one.bytes() + 2 : 1, one);
}

void with_agon(benchmark::State& state, const Shape& s, int threads, From from) {
  auto operands = copies(s, from);
  std::size_t turn = 0;
  bench::run(state, threads, operands[0].flops(), [&] {
    auto& p = operands[turn++ % operands.size()];
    const agon::MatView<const float> a{p.a.data(), s.transpose_a ? s.k : s.m, s.transpose_a ? s.m : s.k,
                                       s.transpose_a ? s.m : s.k};
    const agon::MatView<const float> b{p.b.data(), s.transpose_b ? s.n : s.k, s.transpose_b ? s.k : s.n,
                                       s.transpose_b ? s.k : s.n};
    agon::kernels::gemm<float>(a, s.transpose_a, b, s.transpose_b, {p.c.data(), s.m, s.n, s.n});
  });
}

void with_eigen(benchmark::State& state, const Shape& shape, int threads) {
  Operands p(shape);
  const auto& s = p.s;
  const Eigen::Map<const Matrix> a(p.a.data(), s.transpose_a ? s.k : s.m, s.transpose_a ? s.m : s.k);
  const Eigen::Map<const Matrix> b(p.b.data(), s.transpose_b ? s.n : s.k, s.transpose_b ? s.k : s.n);
  Eigen::Map<Matrix> c(p.c.data(), s.m, s.n);
  Eigen::setNbThreads(threads);
  bench::run(state, threads, p.flops(), [&] {
    if (s.transpose_a)
      c.noalias() = a.transpose() * b;
    else if (s.transpose_b)
      c.noalias() = a * b.transpose();
    else
      c.noalias() = a * b;
  });
  state.SetLabel(Eigen::SimdInstructionSetsInUse());
}

#if defined(AGON_BENCH_ONEDNN)
void with_onednn(benchmark::State& state, const Shape& s, int threads, From from) {
  auto operands = copies(s, from);
  std::deque<bench::OneDnn> products;
  for (auto& p : operands)
    products.emplace_back(bench::ProductShape{s.m, s.n, s.k, s.transpose_a, s.transpose_b}, threads, p.a.data(),
                          p.b.data(), p.c.data());
  std::size_t turn = 0;
  bench::run(state, threads, operands[0].flops(), [&] { products[turn++ % products.size()].run(); });
}
#endif

#if defined(AGON_BENCH_OPENBLAS)
void with_openblas(benchmark::State& state, const Shape& shape, int threads) {
  Operands p(shape);
  const auto& s = p.s;
  bench::run(state, threads, p.flops(), [&] {
    bench::openblas_product({s.m, s.n, s.k, s.transpose_a, s.transpose_b}, threads, p.a.data(), p.b.data(), p.c.data());
  });
}
#endif

}  // namespace

int main(int argc, char** argv) {
  for (const Shape& s : shapes) {
    const auto name =
        std::string(s.name) + " " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
    const auto add_agon = [&](const char* title, From from) {
      bench::add(name + title, [=](benchmark::State& state, int threads) { with_agon(state, s, threads, from); });
    };
    add_agon("/agon", From::caches);
    add_agon("/agon from memory", From::memory);
    bench::add(name + "/Eigen", [=](benchmark::State& state, int threads) { with_eigen(state, s, threads); });
#if defined(AGON_BENCH_ONEDNN)
    const auto add_onednn = [&](const char* title, From from) {
      bench::add(name + title, [=](benchmark::State& state, int threads) { with_onednn(state, s, threads, from); });
    };
    add_onednn("/oneDNN", From::caches);
    add_onednn("/oneDNN from memory", From::memory);
#endif
#if defined(AGON_BENCH_OPENBLAS)
    bench::add(name + "/OpenBLAS", [=](benchmark::State& state, int threads) { with_openblas(state, s, threads); });
#endif
  }
  return bench::main(argc, argv);
}
