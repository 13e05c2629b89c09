namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// sums[r] += a[r] b over `k` depths, for whole vectors of n columns: a few rows of b at a time, each read once and in
/// the order of memory.
template <int rows, int depth, class T>
void add_rows(std::int64_t k, std::int64_t n, const LeftOperand<T>& a, const T* b, std::int64_t ldb, T* sums,
              std::int64_t ld_sums) {
  using V = Vec<T>;
  for (std::int64_t at = 0; at < k; at += depth, b += depth * ldb) {
    V x[rows][depth];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
      for (int q = 0; q < depth; ++q) x[r][q] = V::set1(a.data[r * a.row + (at + q) * a.step]);
    const auto add = [&](std::int64_t j, auto load) {
      V right[depth];
#pragma GCC unroll 8
      for (int q = 0; q < depth; ++q) right[q] = load(b + q * ldb + j);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        V sum = V::load(sums + r * ld_sums + j);
#pragma GCC unroll 8
        for (int q = 0; q < depth; ++q) sum = fmadd(x[r][q], right[q], sum);
        sum.store(sums + r * ld_sums + j);
      }
    };
    std::int64_t j = 0;
    for (; j + V::lanes <= n; j += V::lanes) add(j, [](const T* p) { return V::load(p); });
    if (j < n) add(j, [&](const T* p) { return V::load_first(p, n - j); });
  }
}

/// As many rows of b at a time as leave registers for the products.
template <int rows, class T>
void add_all_rows(std::int64_t k, std::int64_t n, const LeftOperand<T>& a, const T* b, std::int64_t ldb, T* sums,
                  std::int64_t ld_sums) {
  constexpr int depth = rows == 1 ? 8 : rows == 2 ? 4 : 2;
  const std::int64_t whole = k / depth * depth;
  add_rows<rows, depth>(whole, n, a, b, ldb, sums, ld_sums);
  add_rows<rows, 1>(k - whole, n, {a.data + whole * a.step, a.row, a.step}, b + whole * ldb, ldb, sums, ld_sums);
}

/// Whether gemm_rows takes the product: few rows of A and rows of B.
template <class T>
bool prefer_rows(const detail::GemmProblem<T>& p) {
  return !p.transpose_b && p.m <= detail::most_summed_rows && p.n > Tile<T>::cols;
}

/// One block of C = op(A) B as sums of rows of B.
template <class T>
void gemm_rows(const detail::GemmProblem<T>& p, const detail::GemmBlock& at, T* c, std::int64_t ldc,
               const Epilogue<T>& epilogue) {
  using V = Vec<T>;
  const std::int64_t ld = detail::round_up(at.n, V::lanes);
  const Workspace<T> sums(at.m * ld);
  zero_run(at.m * ld, sums.data());
  if (at.k_size > 0) {
    const LeftOperand<T> a = p.transpose_a ? LeftOperand<T>{p.a.data + at.k * p.a.ld + at.i, 1, p.a.ld}
                                           : LeftOperand<T>{p.a.data + at.i * p.a.ld + at.k, p.a.ld, 1};
    const T* const b = p.b.data + at.k * p.b.ld + at.j;
    with_few(at.m, [&](auto few) { add_all_rows<few>(at.k_size, at.n, a, b, p.b.ld, sums.data(), ld); });
  }
  for (std::int64_t i = 0; i < at.m; ++i) {
    T* row = c + (at.i + i) * ldc;
    for (std::int64_t j = 0; j < at.n; j += V::lanes) {
      const std::int64_t width = detail::smaller(V::lanes, at.n - j);
      const V sum = V::load(sums.data() + i * ld + j);
      (epilogue.accumulate ? V::load_first(row + at.j + j, width) + sum : sum).store_first(row + at.j + j, width);
    }
    finish_panel(1, &row, at.j, at.n, epilogue);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
