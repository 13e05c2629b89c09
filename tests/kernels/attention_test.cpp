#include <agon/kernels/attention.hpp>

#include <memory>
#include <numbers>

#include "kernel_test.hpp"

using agon::kernels::AttentionShape;
using namespace kernel_test;

namespace {

enum class Mask { none, whole, row_for_all_queries, nothing_visible };

struct Case {
  std::int64_t batch, heads, lq, lk, dk, dv;
  bool causal = false;
  Mask mask = Mask::none;
};

template <class T>
struct Results {
  std::vector<T> o, lse, dq, dk, dv;

  std::vector<T> all() const {
    auto joined = o;
    for (const auto* part : {&lse, &dq, &dk, &dv}) joined.insert(joined.end(), part->begin(), part->end());
    return joined;
  }
};

/// Operands with rows wider than they need to be.
template <class T>
struct Problem {
  AttentionShape<T> shape;
  std::vector<T> q, k, v, g;
  std::unique_ptr<bool[]> mask;

  explicit Problem(const Case& c) {
    shape = {c.batch, c.heads, c.lq, c.lk, c.dk, c.dv, c.heads * c.dk + 3, c.heads * c.dk, c.heads * c.dv + 1, T(1.25)};
    shape.causal = c.causal;
    q = random_values<T>(c.batch * c.lq * shape.ld_q, 1);
    k = random_values<T>(c.batch * c.lk * shape.ld_k, 2);
    v = random_values<T>(c.batch * c.lk * shape.ld_v, 3);
    g = random_values<T>(c.batch * c.lq * c.heads * c.dv, 4);
    if (c.mask == Mask::none) return;
    const bool one_row = c.mask == Mask::row_for_all_queries;
    shape.mask_row = one_row ? 0 : c.lk;
    shape.mask_batch = one_row ? c.lk : c.lq * c.lk;
    const auto size = static_cast<std::size_t>(c.batch * shape.mask_batch);
    mask = std::make_unique<bool[]>(size + 1);
    const auto chance = random_values<float>(static_cast<std::int64_t>(size), 5);
    for (std::size_t i = 0; i < size; ++i) mask[i] = c.mask != Mask::nothing_visible && chance[i] > -0.4f;
    if (c.mask == Mask::whole && c.lq > 2)  // query 2 of the first sequence sees nothing
      for (std::int64_t j = 0; j < c.lk; ++j) mask[static_cast<std::size_t>(2 * c.lk + j)] = false;
    shape.mask = mask.get();
  }

  Results<T> empty() const {
    const auto& s = shape;
    const auto nines = [](std::int64_t n) { return std::vector<T>(static_cast<std::size_t>(n), T(9)); };
    return {nines(s.batch * s.lq * s.heads * s.dv), nines(s.batch * s.heads * s.lq), nines(s.batch * s.lq * s.ld_q),
            nines(s.batch * s.lk * s.ld_k), nines(s.batch * s.lk * s.ld_v)};
  }

  /// Results of zeros; what lies between the rows of the gradients is as in empty().
  template <class U>
  Results<U> zero_results() const {
    const auto& s = shape;
    const auto rows = [](std::int64_t count, std::int64_t width, std::int64_t ld) {
      std::vector<U> all(static_cast<std::size_t>(count * ld), U(9));
      for (std::int64_t i = 0; i < count; ++i) std::fill_n(all.begin() + i * ld, width, U(0));
      return all;
    };
    const auto whole = [&](std::int64_t n) { return rows(1, n, n); };
    return {whole(s.batch * s.lq * s.heads * s.dv), whole(s.batch * s.heads * s.lq),
            rows(s.batch * s.lq, s.heads * s.dk, s.ld_q), rows(s.batch * s.lk, s.heads * s.dk, s.ld_k),
            rows(s.batch * s.lk, s.heads * s.dv, s.ld_v)};
  }

  Results<T> run() const {
    auto r = empty();
    agon::kernels::attention<T>(shape, q.data(), k.data(), v.data(), r.o.data(), r.lse.data());
    agon::kernels::attention_backward<T>(shape, q.data(), k.data(), v.data(), r.o.data(), r.lse.data(), g.data(),
                                         r.dq.data(), r.dk.data(), r.dv.data());
    return r;
  }
};

/// softmax(scale q k^T) v and its gradients with every score written down, in double.
template <class T>
Results<double> by_definition(const Problem<T>& p) {
  const auto& s = p.shape;
  auto r = p.template zero_results<double>();
  const auto n = static_cast<std::size_t>(s.lk);
  for (std::int64_t b = 0; b < s.batch; ++b)
    for (std::int64_t h = 0; h < s.heads; ++h)
      for (std::int64_t i = 0; i < s.lq; ++i) {
        const T* const q = p.q.data() + (b * s.lq + i) * s.ld_q + h * s.dk;
        const auto row_q = static_cast<std::size_t>((b * s.lq + i) * s.ld_q + h * s.dk);
        const auto row_o = static_cast<std::size_t>(((b * s.lq + i) * s.heads + h) * s.dv);
        std::vector<double> scores(n, -INFINITY), weight(n), slope(n);
        double highest = -INFINITY, total = 0, inner = 0;
        for (std::size_t j = 0; j < n; ++j) {
          const auto at = static_cast<std::int64_t>(j);
          if (s.causal && at > i + s.lk - s.lq) continue;
          if (s.mask && !s.mask[b * s.mask_batch + i * s.mask_row + at]) continue;
          double score = 0;
          for (std::int64_t c = 0; c < s.dk; ++c)
            score += static_cast<double>(q[c]) *
                     static_cast<double>(p.k[static_cast<std::size_t>((b * s.lk + at) * s.ld_k + h * s.dk + c)]);
          highest = std::max(highest, scores[j] = score * static_cast<double>(s.scale));
        }
        for (std::size_t j = 0; j < n; ++j)
          if (scores[j] > -INFINITY) total += weight[j] = std::exp(scores[j] - highest);
        r.lse[static_cast<std::size_t>((b * s.heads + h) * s.lq + i)] = total > 0 ? highest + std::log(total) : 0;
        for (std::size_t j = 0; j < n; ++j) {
          const auto at = b * s.lk + static_cast<std::int64_t>(j);
          if (total > 0) weight[j] /= total;
          for (std::size_t c = 0; c < static_cast<std::size_t>(s.dv); ++c) {
            const double v = p.v[static_cast<std::size_t>(at * s.ld_v + h * s.dv) + c], g = p.g[row_o + c];
            r.o[row_o + c] += weight[j] * v;
            r.dv[static_cast<std::size_t>(at * s.ld_v + h * s.dv) + c] += weight[j] * g;
            slope[j] += g * v;
          }
          inner += weight[j] * slope[j];
        }
        for (std::size_t j = 0; j < n; ++j) {
          const auto at = b * s.lk + static_cast<std::int64_t>(j);
          const double ds = weight[j] * (slope[j] - inner) * static_cast<double>(s.scale);
          for (std::size_t c = 0; c < static_cast<std::size_t>(s.dk); ++c) {
            r.dq[row_q + c] += ds * static_cast<double>(p.k[static_cast<std::size_t>(at * s.ld_k + h * s.dk) + c]);
            r.dk[static_cast<std::size_t>(at * s.ld_k + h * s.dk) + c] += ds * static_cast<double>(q[c]);
          }
        }
      }
  return r;
}

template <class T>
void check_attention(const Case& c, double ulps = 60) {
  INFO(c.batch << " x " << c.heads << " heads, lq " << c.lq << ", lk " << c.lk << ", dk " << c.dk << ", dv " << c.dv
               << (c.causal ? ", causal" : "") << ", mask " << static_cast<int>(c.mask));
  const Problem<T> problem(c);
  const auto expected = by_definition(problem).all();
  for_each_isa([&] {
    const auto results = with_any_threads([&] { return problem.run().all(); });
    CHECK(difference(results, expected) < tolerance<T>(ulps));
  });
}

/// The derivative of <a, dq> + <b, dk> + <c, dv> with respect to q, k, v and g. Cotangents lie as q, k and v do.
template <class T>
struct Second {
  const Problem<T>& p;
  std::vector<T> a = random_values<T>(p.shape.batch * p.shape.lq * p.shape.ld_q, 6);
  std::vector<T> b = random_values<T>(p.shape.batch * p.shape.lk * p.shape.ld_k, 7);
  std::vector<T> c = random_values<T>(p.shape.batch * p.shape.lk * p.shape.ld_v, 8);

  /// By the kernel; dg stands where o would, and lse stays zero.
  std::vector<T> run() const {
    auto r = p.empty();
    agon::kernels::attention<T>(p.shape, p.q.data(), p.k.data(), p.v.data(), r.o.data(), r.lse.data());
    agon::kernels::attention_second<T>(
        p.shape, {p.q.data(), p.k.data(), p.v.data(), r.lse.data(), p.g.data(), a.data(), b.data(), c.data(),
                  r.dq.data(), r.dk.data(), r.dv.data(), r.o.data()});
    std::fill(r.lse.begin(), r.lse.end(), T(0));
    return r.all();
  }

  /// By the formulas in the kernel's comment, with every score written down, in double.
  std::vector<double> by_definition() const {
    const auto& s = p.shape;
    auto r = p.template zero_results<double>();
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t h = 0; h < s.heads; ++h)
        for (std::int64_t i = 0; i < s.lq; ++i) add_query(n, h, i, r);
    return r.all();
  }

 private:
  void add_query(std::int64_t n, std::int64_t h, std::int64_t i, Results<double>& r) const {
    const auto& s = p.shape;
    const double scale = static_cast<double>(s.scale);
    const std::int64_t q = (n * s.lq + i) * s.ld_q + h * s.dk, g = ((n * s.lq + i) * s.heads + h) * s.dv;
    const auto key = [&](std::int64_t j) { return (n * s.lk + j) * s.ld_k + h * s.dk; };
    const auto value = [&](std::int64_t j) { return (n * s.lk + j) * s.ld_v + h * s.dv; };
    const auto dot = [](const std::vector<T>& x, std::int64_t at_x, const std::vector<T>& y, std::int64_t at_y,
                        std::int64_t size) {
      double total = 0;
      for (std::int64_t e = 0; e < size; ++e)
        total += static_cast<double>(x[static_cast<std::size_t>(at_x + e)]) *
                 static_cast<double>(y[static_cast<std::size_t>(at_y + e)]);
      return total;
    };
    const auto add = [](std::vector<double>& to, std::int64_t at, double factor, const std::vector<T>& from,
                        std::int64_t from_at, std::int64_t size) {
      for (std::int64_t e = 0; e < size; ++e)
        to[static_cast<std::size_t>(at + e)] +=
            factor * static_cast<double>(from[static_cast<std::size_t>(from_at + e)]);
    };
    const auto count = static_cast<std::size_t>(s.lk);
    std::vector<double> prob(count), dp(count), w(count), u(count);
    double total = 0, d = 0, m = 0, mean = 0;
    for (std::size_t j = 0; j < count; ++j) {
      const auto at = static_cast<std::int64_t>(j);
      if (s.causal && at > i + s.lk - s.lq) continue;
      if (s.mask && !s.mask[n * s.mask_batch + i * s.mask_row + at]) continue;
      total += prob[j] = std::exp(scale * dot(p.q, q, p.k, key(at), s.dk));
      dp[j] = dot(p.g, g, p.v, value(at), s.dv);
      w[j] = scale * (dot(a, q, p.k, key(at), s.dk) + dot(p.q, q, b, key(at), s.dk));
      u[j] = dot(p.g, g, c, value(at), s.dv);
    }
    if (total == 0) return;
    for (std::size_t j = 0; j < count; ++j) {
      prob[j] /= total;
      d += prob[j] * dp[j];
      m += prob[j] * w[j];
    }
    const auto slope = [&](std::size_t j) { return w[j] * (dp[j] - d) - m * dp[j] + u[j]; };
    for (std::size_t j = 0; j < count; ++j) mean += prob[j] * slope(j);
    for (std::size_t j = 0; j < count; ++j) {
      const auto at = static_cast<std::int64_t>(j);
      const double ds = scale * prob[j] * (dp[j] - d), e = prob[j] * (w[j] - m);
      const double ds2 = scale * prob[j] * (slope(j) - mean);
      add(r.o, g, e, p.v, value(at), s.dv);
      add(r.o, g, prob[j], c, value(at), s.dv);
      add(r.dq, q, ds2, p.k, key(at), s.dk);
      add(r.dq, q, ds, b, key(at), s.dk);
      add(r.dk, key(at), ds2, p.q, q, s.dk);
      add(r.dk, key(at), ds, a, q, s.dk);
      add(r.dv, value(at), e, p.g, g, s.dv);
    }
  }
};

template <class T>
void check_second(const Case& c) {
  INFO(c.batch << " x " << c.heads << " heads, lq " << c.lq << ", lk " << c.lk << ", dk " << c.dk << ", dv " << c.dv
               << (c.causal ? ", causal" : "") << ", mask " << static_cast<int>(c.mask));
  const Problem<T> problem(c);
  const Second<T> second{problem};
  const auto expected = second.by_definition();
  for_each_isa([&] {
    const auto results = with_any_threads([&] { return second.run(); });
    CHECK(difference(results, expected) < tolerance<T>(1000));  // products of three sums each
  });
}

}  // namespace

TEMPLATE_TEST_CASE("attention and its gradients follow their definition", "[attention]", float, double) {
  for (const Case& c : {Case{1, 1, 1, 1, 1, 1}, Case{2, 3, 5, 7, 8, 16}, Case{1, 2, 17, 40, 20, 35},
                        Case{3, 1, 60, 60, 16, 16}, Case{1, 1, 130, 300, 33, 8}, Case{1, 2, 70, 9, 64, 64}})
    for (bool causal : {false, true})
      for (Mask mask : {Mask::none, Mask::whole, Mask::row_for_all_queries, Mask::nothing_visible}) {
        Case with = c;
        with.causal = causal;
        with.mask = mask;
        check_attention<TestType>(with);
        check_second<TestType>(with);
      }
}

TEMPLATE_TEST_CASE("attention over long sequences, cut into blocks of queries and keys", "[attention]", float, double) {
  check_attention<TestType>({1, 1, 500, 700, 16, 24});
  check_attention<TestType>({1, 1, 700, 500, 16, 8, true});
  check_second<TestType>({1, 1, 300, 200, 8, 12});
  check_second<TestType>({1, 2, 200, 300, 8, 16, true, Mask::whole});
  check_attention<TestType>({1, 2, 400, 600, 8, 16, true, Mask::whole});
  check_attention<TestType>({17, 1, 50, 50, 8, 8, false, Mask::row_for_all_queries});
  check_attention<TestType>({1, 1, 20, 16384, 8, 8});
  check_attention<TestType>({1, 1, 16384, 20, 8, 8}, 1000);  // dk and dv are sums of 16,384 terms of either sign
}

TEMPLATE_TEST_CASE("attention of nothing", "[attention]", float, double) {
  for (const Case& c : {Case{0, 2, 3, 3, 4, 4}, Case{2, 2, 0, 5, 4, 4}, Case{2, 2, 5, 0, 4, 4}, Case{1, 1, 2, 2, 4, 0},
                        Case{1, 1, 2, 60, 4, 0}})
    check_attention<TestType>(c), check_second<TestType>(c);
}

TEMPLATE_TEST_CASE("a query that sees nothing gets zeros and gives none", "[attention]", float, double) {
  const Problem<TestType> problem({2, 2, 9, 11, 8, 8, false, Mask::nothing_visible});
  for_each_isa([&] {
    const auto results = problem.run().all();
    CHECK(results == problem.template zero_results<TestType>().all());
  });
}

TEMPLATE_TEST_CASE("large scores do not overflow and NaN passes", "[attention]", float, double) {
  using T = TestType;
  Problem<T> problem({1, 1, 3, 90, 4, 4});
  for (T& value : problem.q) value *= T(1e4);
  for_each_isa([&] {
    const auto results = problem.run();
    for (T value : results.all()) CHECK(std::isfinite(value));
  });
  problem.q[0] = std::numeric_limits<T>::quiet_NaN();
  for_each_isa([&] {
    const auto results = problem.run();
    CHECK(std::isnan(results.o[0]));
    CHECK(std::isfinite(results.o[4]));
  });
}

TEMPLATE_TEST_CASE("attention whose highest scores come late", "[attention]", float, double) {
  using T = TestType;
  // Scores rise along the keys far enough that exponentials taken by what came first would overflow: within a block of
  // keys, between blocks, for some of the queries and by little.
  for (const std::int64_t lk : {90, 250, 700})
    for (const double rise : {20.0, 150.0, 1200.0}) {
      Problem<T> problem({1, 1, 61, lk, 4, 5});
      const auto& s = problem.shape;
      for (std::int64_t j = 0; j < s.lk; ++j)
        problem.k[static_cast<std::size_t>(j * s.ld_k)] +=
            static_cast<T>(rise * static_cast<double>(j) / static_cast<double>(lk));
      for (std::int64_t i = 0; i < s.lq; i += 3) problem.q[static_cast<std::size_t>(i * s.ld_q)] *= T(-1);
      const auto expected = by_definition(problem);
      INFO(lk << " keys, rise " << rise);
      for_each_isa([&] {
        const auto results = problem.run();
        CHECK(difference(results.o, expected.o) < tolerance<T>(60 + 4 * rise));
        CHECK(difference(results.lse, expected.lse) < tolerance<T>(60));
      });
    }
}

TEMPLATE_TEST_CASE("a key that no query of a block sees reaches none of them", "[attention]", float, double) {
  using T = TestType;
  // Queries 0 to 27, or fewer that go together with narrower vectors, see at most the keys 0 to 28, an odd number.
  Problem<T> problem({1, 1, 60, 61, 8, 8, true});
  const auto features = static_cast<std::size_t>(problem.shape.ld_v);
  problem.v[29 * features] = std::numeric_limits<T>::infinity();
  for_each_isa([&] {
    const auto results = problem.run();
    for (std::size_t i = 0; i < 24 * 8; ++i) CHECK(std::isfinite(results.o[i]));
  });
}

TEMPLATE_TEST_CASE("the smallest probabilities are right or zero", "[attention]", float, double) {
  using T = TestType;
  Problem<T> problem({1, 1, 1, 2, 1, 1});
  // Scores 0 and -x, values 0 and a large number: what the smaller probability is.
  const double smallest = std::numeric_limits<T>::min(), large = 1 / (smallest * 1024);
  const double cut = -std::log(smallest);
  problem.shape.scale = T(1);
  problem.q[0] = T(-1);
  problem.k[0] = problem.v[0] = T(0);
  problem.v[static_cast<std::size_t>(problem.shape.ld_v)] = static_cast<T>(large);
  for (double x : {0.5, cut / 2, cut - 1, cut - 0.1, cut + 0.1, cut + 0.4, cut + 1, cut + 30, 3 * cut, 1e6}) {
    problem.k[static_cast<std::size_t>(problem.shape.ld_k)] = static_cast<T>(x);
    const double p = std::exp(-static_cast<double>(static_cast<T>(x)));
    INFO(x);
    for_each_isa([&] {
      const double o = static_cast<double>(problem.run().o[0]), expected = p * large / (1 + p);
      CHECK(std::abs(o - expected) <= 300 * std::numeric_limits<T>::epsilon() * expected + 2 * smallest * large);
    });
  }
}

TEMPLATE_TEST_CASE("scores beyond all precision give no negative probability", "[attention]", float, double) {
  using T = TestType;
  Problem<T> problem({1, 1, 1, 1, 1, 1});
  problem.shape.scale = T(1);
  problem.k[0] = problem.g[0] = T(1.37);
  // A score minus its log-sum-exp may round to 2^(bits of the exponent), at which an exponent that is not limited turns
  // the sign. What comes out is positive, if no longer a probability.
  const double unit = std::ldexp(1.0, sizeof(T) == 4 ? 31 : 63) / (1.37 * std::numbers::log2e);
  for (int i = 0; i < 100; ++i) {
    problem.q[0] = static_cast<T>(unit * (1 + i * 0.01));
    for_each_isa([&] { CHECK(problem.run().dv[0] >= T(0)); });
  }
}

TEMPLATE_TEST_CASE("a score of minus infinity is a probability of zero", "[attention]", float, double) {
  using T = TestType;
  Problem<T> problem({1, 1, 1, 2, 4, 4});
  const T large = std::sqrt(std::numeric_limits<T>::max()) * T(4);
  std::fill(problem.q.begin(), problem.q.end(), T(0));
  std::fill(problem.k.begin(), problem.k.end(), T(0));
  problem.q[0] = large;
  problem.k[0] = -large;
  const auto second = problem.v.begin() + problem.shape.ld_v;
  for_each_isa([&] { CHECK(problem.run().o == std::vector<T>(second, second + 4)); });
}
