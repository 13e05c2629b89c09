#include <agon/kernels/gemm.hpp>

#include "kernel_test.hpp"

using agon::Activation;
using agon::MatView;
using agon::kernels::Epilogue;
using namespace kernel_test;

namespace {

struct Case {
  std::int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  std::int64_t gap = 3;  ///< by which rows are wider than they need to be
};

/// Matrices of one product, and what the product is in double.
template <class T>
struct Product {
  Case size;
  std::int64_t ld_a, ld_b, ld_c;
  std::vector<T> a, b, bias, before, addend;

  explicit Product(const Case& s)
      : size(s),
        ld_a((s.transpose_a ? s.m : s.k) + s.gap),
        ld_b((s.transpose_b ? s.k : s.n) + s.gap),
        ld_c(s.n + s.gap),
        a(random_values<T>((s.transpose_a ? s.k : s.m) * ld_a, 1)),
        b(random_values<T>((s.transpose_b ? s.n : s.k) * ld_b, 2)),
        bias(random_values<T>(s.n, 3)),
        before(random_values<T>(s.m * ld_c, 4)),
        addend(random_values<T>(s.m * ld_c, 5)) {}

  MatView<const T> view_a() const {
    return {a.data(), size.transpose_a ? size.k : size.m, size.transpose_a ? size.m : size.k, ld_a};
  }
  MatView<const T> view_b() const {
    return {b.data(), size.transpose_b ? size.n : size.k, size.transpose_b ? size.k : size.n, ld_b};
  }

  std::vector<T> run(const Epilogue<T>& epilogue) const {
    auto c = before;
    agon::kernels::gemm<T>(view_a(), size.transpose_a, view_b(), size.transpose_b, {c.data(), size.m, size.n, ld_c},
                           epilogue);
    return c;
  }

  /// The gaps between the rows keep what they held.
  std::vector<double> expected(const Epilogue<T>& epilogue) const {
    const auto at = [](const std::vector<T>& v, std::int64_t i) {
      return static_cast<double>(v[static_cast<std::size_t>(i)]);
    };
    std::vector<double> c(before.begin(), before.end());
    for (std::int64_t i = 0; i < size.m; ++i)
      for (std::int64_t j = 0; j < size.n; ++j) {
        double x = 0;
        for (std::int64_t q = 0; q < size.k; ++q)
          x += at(a, size.transpose_a ? q * ld_a + i : i * ld_a + q) *
               at(b, size.transpose_b ? j * ld_b + q : q * ld_b + j);
        if (epilogue.bias) x += at(bias, j);
        if (epilogue.addend) x += at(addend, i * ld_c + j);
        if (epilogue.activation.kind == Activation::Kind::relu) x = std::max(x, 0.0);
        if (epilogue.activation.kind == Activation::Kind::leaky_relu) x = x > 0 ? x : epilogue.activation.slope * x;
        if (epilogue.activation.kind == Activation::Kind::tanh) x = std::tanh(x);
        if (epilogue.activation.kind == Activation::Kind::sigmoid) x = 1 / (1 + std::exp(-x));
        if (epilogue.accumulate) x += at(before, i * ld_c + j);
        c[static_cast<std::size_t>(i * ld_c + j)] = x;
      }
    return c;
  }
};

template <class T>
void check_product(const Case& s, const Epilogue<T>& epilogue, const Product<T>& product) {
  INFO(s.m << " x " << s.n << " x " << s.k << ", transposed " << s.transpose_a << s.transpose_b);
  const auto expected = product.expected(epilogue);
  for_each_isa([&] {
    const auto c = with_any_threads([&] { return product.run(epilogue); });
    CHECK(difference(c, expected) < tolerance<T>(8 + static_cast<double>(s.k) / 2));
  });
}

}  // namespace

TEMPLATE_TEST_CASE("gemm of every transpose", "[gemm]", float, double) {
  const std::int64_t sizes[][3] = {{1, 1, 1},   {1, 40, 33},  {5, 1, 70},   {14, 32, 64},  {15, 33, 17},
                                   {3, 100, 5}, {61, 47, 12}, {128, 8, 64}, {200, 70, 31}, {64, 130, 129},
                                   {31, 4, 64}, {29, 24, 40}, {75, 7, 31},  {19, 2, 1}};
  for (const auto& [m, n, k] : sizes)
    for (bool transpose_a : {false, true})
      for (bool transpose_b : {false, true}) {
        const Case size{m, n, k, transpose_a, transpose_b};
        check_product<TestType>(size, {}, Product<TestType>(size));
      }
}

TEMPLATE_TEST_CASE("gemm with bias, activation and accumulation", "[gemm]", float, double) {
  using Kind = Activation::Kind;
  for (const Case& size :
       {Case{7, 19, 5}, Case{70, 65, 90, true, true}, Case{20, 24, 3000}, Case{130, 200, 20}, Case{123, 64, 40},
        Case{23, 150, 1021}, Case{300, 6, 47}, Case{33, 8, 4001, false, true}, Case{117, 75, 30}, Case{117, 37, 30},
        Case{64, 75, 2600, true}, Case{64, 90, 2600, false, true}}) {
    const Product<TestType> product(size);
    check_product<TestType>(size, {.accumulate = true}, product);
    for (const auto& activation : {Activation{}, Activation{Kind::relu}, Activation{Kind::leaky_relu, 0.2},
                                   Activation{Kind::tanh}, Activation{Kind::sigmoid}})
      check_product<TestType>(size, {.bias = product.bias.data(), .activation = activation}, product);
    check_product<TestType>(size, {.addend = product.addend.data()}, product);
    check_product<TestType>(
        size, {.bias = product.bias.data(), .activation = {Kind::leaky_relu, 0.2}, .addend = product.addend.data()},
        product);
  }
  for (const Case& size : {Case{1, 300, 40}, Case{300, 3, 40, false, true}, Case{300, 8, 40},
                           Case{300, 64, 80, false, false, 0}, Case{4, 500, 70, true}, Case{1000, 1, 64}}) {
    const Product<TestType> product(size);
    check_product<TestType>(size, {.bias = product.bias.data(), .addend = product.addend.data()}, product);
  }
}

TEMPLATE_TEST_CASE("gemm cut into blocks of every dimension", "[gemm]", float, double) {
  const Case tall[] = {{1500, 40, 70}};
  const Case deep[] = {{33, 50, 9000, true}, {600, 40, 2600, true}, {2, 1100, 2600}};  // k is cut
  const Case packed_by_jobs[] = {{30, 2000, 50, false, true}, {150, 6200, 20}, {150, 6200, 20, true}};
  const Case packed_for_all[] = {{260, 300, 700}, {141, 300, 700}, {509, 100, 130, true}};
  // B in place, with low tiles only where its rows are short or A has very few.
  const Case few_rows[] = {{101, 500, 300}, {140, 129, 200}, {64, 210, 1500},
                           {64, 128, 90},   {101, 100, 700}, {23, 300, 90}};
  const Case columns_in_runs[] = {{64, 210, 700, true},
                                  {64, 210, 700, true, true},
                                  {300, 310, 600, true},
                                  {61, 80, 900, true},
                                  {600, 100, 90, true}};
  const auto check_all = [](const auto& sizes) {
    for (const Case& size : sizes) check_product<TestType>(size, {}, Product<TestType>(size));
  };
  check_all(tall);
  check_all(deep);
  check_all(packed_by_jobs);
  check_all(packed_for_all);
  check_all(few_rows);
  check_all(columns_in_runs);
}

TEMPLATE_TEST_CASE("gemm of one to four rows or columns", "[gemm]", float, double) {
  // Sums of rows of B in one job, in several and in ranges of k; inner products of as many at a time as fit.
  for (std::int64_t few = 1; few <= 4; ++few)
    for (const auto& [other, k] : {std::pair{33, 37}, std::pair{1100, 61}, std::pair{70, 5200}, std::pair{45, 0}})
      for (bool transpose_a : {false, true})
        for (bool transpose_b : {false, true})
          for (const Case& size :
               {Case{few, other, k, transpose_a, transpose_b}, Case{other, few, k, transpose_a, transpose_b}}) {
            const Product<TestType> product(size);
            check_product<TestType>(size, {}, product);
            check_product<TestType>(size, {.accumulate = true}, product);
            check_product<TestType>(size, {.bias = product.bias.data(), .activation = {Activation::Kind::relu}},
                                    product);
          }
}

TEST_CASE("a plan cuts a product into jobs that cover it") {
  using agon::kernels::detail::TileSize;
  struct Size {
    std::int64_t m, n, k, least_jobs;
  };
  const Size sizes[] = {{1, 1, 1, 1},          {64, 64, 64, 1},     {64, 1000, 1000, 16}, {64, 4096, 4096, 16},
                        {64, 6272, 110, 16},   {64, 110, 6272, 8},  {64, 128, 1024, 2},   {141, 1000, 1000, 8},
                        {1024, 128, 3136, 16}, {12544, 80, 64, 16}, {64, 80, 12544, 16},  {1000, 9000, 300, 16},
                        {3, 100000, 7, 16},    {100000, 3, 7, 16},  {1, 512, 512, 2},     {2048, 2048, 2048, 16},
                        {256, 128, 3136, 8}};
  for (const TileSize& tile : {TileSize{14, 32, 16}, TileSize{14, 16, 8}, TileSize{6, 16, 8}, TileSize{6, 8, 4}})
    for (const auto& [m, n, k, least_jobs] : sizes)
      for (bool transpose_a : {false, true}) {
        INFO(m << " x " << n << " x " << k << ", tiles " << tile.rows << " x " << tile.cols << ", " << transpose_a);
        const auto plan = agon::kernels::detail::plan_gemm(m, n, k, transpose_a, tile);
        CHECK(plan.jobs() >= least_jobs);
        CHECK((plan.n_jobs == 1 || plan.n_block % tile.cols == 0));
        std::int64_t work = 0;
        for (std::int64_t job = 0; job < plan.jobs(); ++job) {
          const auto block = agon::kernels::detail::job_of(plan, m, n, k, job);
          if (block.m <= 0 || block.n <= 0 || block.k_size <= 0) FAIL("job " << job << " is empty");
          work += block.m * block.n * block.k_size;
        }
        CHECK(work == m * n * k);
      }
}

TEMPLATE_TEST_CASE("gemm of rows that compete for cache sets", "[gemm]", float, double) {
  // Rows 4096 bytes apart: B in place, packed by the job or once for all, transposed, k in ranges, few rows, a short k.
  for (const Case& size :
       {Case{40, 140, 1021}, Case{23, 300, 2045}, Case{40, 300, 1021}, Case{150, 100, 1021},
        Case{23, 300, 1021, false, true}, Case{20, 50, 8189}, Case{3, 100, 1021}, Case{9, 70, 1021},
        Case{30, 70, 5, false, false, 1019}, Case{145, 6200, 5, false, false, 1019}, Case{15, 70, 0}})
    check_product<TestType>(size, {}, Product<TestType>(size));
}

TEMPLATE_TEST_CASE("gemm of columns that compete for cache sets", "[gemm]", float, double) {
  // Rows of A^T a multiple of 2048 bytes apart: columns in several parts, k in runs and in ranges, few columns, a
  // narrow right operand, packed or not.
  for (const Case& size :
       {Case{100, 70, 300, true, false, 412}, Case{250, 40, 150, true, true, 262}, Case{13, 130, 257, true, false, 499},
        Case{12, 50, 200, true, false, 500}, Case{45, 8, 260, true, false, 467}, Case{60, 20, 5300, true, false, 452},
        Case{150, 300, 90, true, false, 362}, Case{512, 33, 140, true, true, 0}})
    check_product<TestType>(size, {}, Product<TestType>(size));
  const Case size{100, 70, 300, true, false, 412};
  const Product<TestType> product(size);
  check_product<TestType>(size, {.bias = product.bias.data(), .accumulate = true}, product);
}

TEMPLATE_TEST_CASE("gemm in strips of rows", "[gemm]", float, double) {
  // Panels that stay in the first-level cache in pairs only: whole panels, odd numbers of them and a rest, heights that
  // are no multiple of a tile or a strip, and a last half panel.
  for (const Case& size :
       {Case{200, 200, 100}, Case{145, 256, 128}, Case{300, 88, 127}, Case{53, 330, 64},
        Case{170, 136, 96, false, true}, Case{170, 136, 96, true}, Case{25, 72, 33}, Case{3200, 50, 100}})
    check_product<TestType>(size, {}, Product<TestType>(size));
  const Case size{157, 152, 90};
  const Product<TestType> product(size);
  check_product<TestType>(size, {.bias = product.bias.data(), .activation = {Activation::Kind::relu}}, product);
  check_product<TestType>(size, {.accumulate = true}, product);
}

TEMPLATE_TEST_CASE("gemm of nothing", "[gemm]", float, double) {
  for (const Case& size : {Case{0, 5, 3}, Case{5, 0, 3}, Case{4, 6, 0}, Case{4, 6, 0, true, true}, Case{0, 0, 0}}) {
    const Product<TestType> product(size);
    check_product<TestType>(size, {}, product);
    check_product<TestType>(size, {.bias = product.bias.data()}, product);
    check_product<TestType>(size, {.accumulate = true}, product);
    check_product<TestType>(size, {.addend = product.addend.data()}, product);
  }
}

TEMPLATE_TEST_CASE("gemm_batched follows its definition product by product", "[gemm]", float, double) {
  using T = TestType;
  struct Batch {
    std::int64_t batch, m, n, k;
    bool transpose_a = false, transpose_b = false;
  };
  for (const auto& size :
       {Batch{0, 3, 4, 5}, Batch{1, 9, 8, 7}, Batch{40, 13, 21, 8, false, true}, Batch{3, 200, 210, 120, false, true},
        Batch{16, 10, 70, 1024, false, true}, Batch{16, 150, 40, 300}, Batch{16, 150, 40, 300, true},
        Batch{16, 30, 40, 300, true, true}, Batch{16, 512, 40, 100, true}, Batch{20, 3, 50, 70}}) {
    const std::int64_t batch = size.batch, m = size.m, n = size.n, k = size.k;
    INFO(batch << " of " << m << " x " << n << " x " << k << ", transposed " << size.transpose_a << size.transpose_b);
    const std::int64_t stride_a = m * k + 2, stride_b = n * k + 1, stride_c = m * n + 4;
    const auto a = random_values<T>(batch * stride_a, 1), b = random_values<T>(batch * stride_b, 2);
    const auto left = [&](std::int64_t i) {
      const T* const from = a.data() + i * stride_a;
      return size.transpose_a ? agon::MatView<const T>{from, k, m, m} : agon::MatView<const T>{from, m, k, k};
    };
    const auto right = [&](std::int64_t i) {
      const T* const from = b.data() + i * stride_b;
      return size.transpose_b ? agon::MatView<const T>{from, n, k, k} : agon::MatView<const T>{from, k, n, n};
    };
    auto expected = zeros<double>(batch * stride_c);
    for (std::int64_t i = 0; i < batch; ++i) {
      const auto x = left(i), y = right(i);
      for (std::int64_t r = 0; r < m; ++r)
        for (std::int64_t q = 0; q < k; ++q) {
          const double factor = x.data[size.transpose_a ? q * x.ld + r : r * x.ld + q];
          for (std::int64_t j = 0; j < n; ++j)
            expected[static_cast<std::size_t>(i * stride_c + r * n + j)] +=
                factor * static_cast<double>(y.data[size.transpose_b ? j * y.ld + q : q * y.ld + j]);
        }
    }
    for_each_isa([&] {
      const auto c = with_any_threads([&] {
        auto out = zeros<T>(batch * stride_c);
        agon::kernels::gemm_batched<T>(batch, left(0), stride_a, size.transpose_a, right(0), stride_b, size.transpose_b,
                                       {out.data(), m, n, n}, stride_c);
        return out;
      });
      CHECK(difference(c, expected) < tolerance<T>(8 + static_cast<double>(k) / 2));
    });
  }
}

TEMPLATE_TEST_CASE("gemm of one row for every depth", "[gemm]", float, double) {
  using T = TestType;
  const std::int64_t m = 100, n = 70, k = 90;
  const auto a = random_values<T>(m * k, 1), row = random_values<T>(n, 2);
  auto b = zeros<T>(k * n);
  for (std::int64_t i = 0; i < k * n; ++i) b[static_cast<std::size_t>(i)] = row[static_cast<std::size_t>(i % n)];
  for_each_isa([&] {
    auto c = zeros<T>(m * n), expected = c;
    agon::kernels::gemm<T>({a.data(), m, k, k}, false, {row.data(), k, n, 0}, false, {c.data(), m, n, n});
    agon::kernels::gemm<T>({a.data(), m, k, k}, false, {b.data(), k, n, n}, false, {expected.data(), m, n, n});
    CHECK(difference(c, expected) < tolerance<T>(2 * std::sqrt(static_cast<double>(k))));
  });
}

TEMPLATE_TEST_CASE("gemm passes infinities and NaN on", "[gemm]", float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const std::vector<T> a{1, Limits::infinity(), Limits::quiet_NaN()}, b{2, 3};
  for_each_isa([&] {
    auto c = zeros<T>(6);
    agon::kernels::gemm<T>({a.data(), 3, 1, 1}, false, {b.data(), 1, 2, 2}, false, {c.data(), 3, 2, 2});
    CHECK(c[0] == 2);
    CHECK(c[1] == 3);
    CHECK(c[2] == Limits::infinity());
    CHECK(std::isnan(c[4]));
    CHECK(std::isnan(c[5]));
  });
}
