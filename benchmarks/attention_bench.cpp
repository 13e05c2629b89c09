// Attention forward (two products) and backward (five products, two of them the recomputed scores and the gradient of
// the probabilities).

#include <agon/kernels/attention.hpp>

#include "peak.hpp"

namespace {

struct Case {
  std::int64_t heads, length, dk, dv;
};

const Case cases[] = {{64, 196, 8, 64},  {64, 196, 64, 64}, {256, 196, 16, 16},
                      {8, 1024, 64, 64}, {8, 4096, 64, 64}, {1, 16384, 64, 64}};

struct Operands {
  agon::kernels::AttentionShape<float> shape;
  bench::Floats q, k, v, o, lse, g, dq, dk, dv;

  explicit Operands(const Case& c)
      : shape{c.heads, 1, c.length, c.length, c.dk, c.dv, c.dk, c.dk, c.dv, 1.0f},
        q(bench::random_floats(c.heads * c.length * c.dk)),
        k(q),
        v(bench::random_floats(c.heads * c.length * c.dv)),
        o(v.size()),
        lse(static_cast<std::size_t>(c.heads * c.length)),
        g(v),
        dq(q.size()),
        dk(k.size()),
        dv(v.size()) {
    shape.scale = 1 / std::sqrt(static_cast<float>(c.dk));
  }
  void forward() { agon::kernels::attention<float>(shape, q.data(), k.data(), v.data(), o.data(), lse.data()); }
  void backward() {
    agon::kernels::attention_backward<float>(shape, q.data(), k.data(), v.data(), o.data(), lse.data(), g.data(),
                                             dq.data(), dk.data(), dv.data());
  }
};

double flops(const Case& c, std::int64_t of_dk, std::int64_t of_dv) {
  return 2.0 * static_cast<double>(c.heads * c.length * c.length * (of_dk * c.dk + of_dv * c.dv));
}

}  // namespace

int main(int argc, char** argv) {
  for (const Case& c : cases) {
    const auto name = std::to_string(c.heads) + " heads, length " + std::to_string(c.length) + ", dk " +
                      std::to_string(c.dk) + ", dv " + std::to_string(c.dv);
    bench::add(name + "/forward", [=](benchmark::State& state, int threads) {
      Operands p(c);
      bench::run(state, threads, flops(c, 1, 1), [&] { p.forward(); });
    });
    bench::add(name + "/backward", [=](benchmark::State& state, int threads) {
      Operands p(c);
      p.forward();
      bench::run(state, threads, flops(c, 3, 2), [&] { p.backward(); });
    });
  }
  return bench::main(argc, argv);
}
