namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// sums[r] += a[r] b for n columns, whole vectors, and `depth` rows of b.
template <int rows, int depth, class T>
AGON_INLINE void add_rows(std::int64_t n, const LeftOperand<T>& a, const T* b, std::int64_t ldb, T* sums,
                          std::int64_t ld_sums) {
  using V = Vec<T>;
  V x[rows][depth];
#pragma GCC unroll 2
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int q = 0; q < depth; ++q) x[r][q] = V::set1(a.data[r * a.row + q * a.step]);
  for (std::int64_t j = 0; j < n; j += V::lanes) {
    V right[depth];
#pragma GCC unroll 8
    for (int q = 0; q < depth; ++q) right[q] = V::load(b + q * ldb + j);
#pragma GCC unroll 2
    for (int r = 0; r < rows; ++r) {
      V sum = V::load(sums + r * ld_sums + j);
#pragma GCC unroll 8
      for (int q = 0; q < depth; ++q) sum = fmadd(x[r][q], right[q], sum);
      sum.store(sums + r * ld_sums + j);
    }
  }
}

/// The same for fewer columns than a vector has and k rows of b.
template <class T>
void add_last_columns(std::int64_t k, std::int64_t n, const T* a, std::int64_t step, const T* b, std::int64_t ldb,
                      T* sums) {
  using V = Vec<T>;
  V sum = V::load(sums);
  for (; k > 0; --k, a += step, b += ldb) sum = fmadd(V::set1(*a), V::load_first(b, n), sum);
  sum.store(sums);
}

/// The same for any number of columns and of rows of both: those of b are read once and in the order of memory, and
/// stay in the first-level cache for all sums.
template <class T>
void add_all_rows(std::int64_t rows, std::int64_t k, std::int64_t n, const LeftOperand<T>& a, const T* b,
                  std::int64_t ldb, T* sums, std::int64_t ld_sums) {
  constexpr int some = 4;
  const std::int64_t wide = n / Vec<T>::lanes * Vec<T>::lanes;
  std::int64_t at = 0;
  const auto add = [&](std::int64_t r, auto count, auto depth) {
    add_rows<count, depth>(wide, {a.data + r * a.row + at * a.step, a.row, a.step}, b + at * ldb, ldb,
                           sums + r * ld_sums, ld_sums);
  };
  using One = std::integral_constant<int, 1>;
  using Two = std::integral_constant<int, 2>;
  using Some = std::integral_constant<int, some>;
  for (; at + some <= k; at += some) {
    std::int64_t r = 0;
    for (; r + 2 <= rows; r += 2) add(r, Two{}, Some{});
    if (r < rows) add(r, One{}, Some{});
  }
  for (; at < k; ++at)
    for (std::int64_t r = 0; r < rows; ++r) add(r, One{}, One{});
  if (wide < n)
    for (std::int64_t r = 0; r < rows; ++r)
      add_last_columns(k, n - wide, a.data + r * a.row, a.step, b + wide, ldb, sums + r * ld_sums + wide);
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
    add_all_rows(at.m, at.k_size, at.n, a, b, p.b.ld, sums.data(), ld);
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
