namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// out[i * step_x + j * step_y] = or += the inner products of rows x + i * ld_x and y + j * ld_y, n of each.
template <int rows_x, int rows_y, class T>
void inner_products(std::int64_t n, const T* x, std::int64_t ld_x, const T* y, std::int64_t ld_y, T* out,
                    std::int64_t step_x, std::int64_t step_y, bool accumulate) {
  using V = Vec<T>;
  V total[rows_x][rows_y];
  for (auto& row : total)
    for (V& v : row) v = V::zero();
  const auto add = [&](std::int64_t k, auto load) {
    V right[rows_y];
#pragma GCC unroll 8
    for (int j = 0; j < rows_y; ++j) right[j] = load(y + j * ld_y + k);
#pragma GCC unroll 4
    for (int i = 0; i < rows_x; ++i) {
      const V left = load(x + i * ld_x + k);
#pragma GCC unroll 8
      for (int j = 0; j < rows_y; ++j) total[i][j] = fmadd(left, right[j], total[i][j]);
    }
  };
  std::int64_t k = 0;
  for (; k + V::lanes <= n; k += V::lanes) add(k, [](const T* p) { return V::load(p); });
  if (k < n) add(k, [&](const T* p) { return V::load_first(p, n - k); });
  for (int i = 0; i < rows_x; ++i)
    for (int j = 0; j < rows_y; ++j) {
      T& to = out[i * step_x + j * step_y];
      to = accumulate ? to + sum(total[i][j]) : sum(total[i][j]);
    }
}

template <int rows_x, class T>
void inner_products_of_rows(std::int64_t count, std::int64_t n, const T* x, std::int64_t ld_x, const T* y,
                            std::int64_t ld_y, T* out, std::int64_t step_x, std::int64_t step_y, bool accumulate) {
  constexpr int some = rows_x == 1 ? 8 : rows_x > 2 && AGON_VECTOR_BYTES < 64 ? 3 : 4;  // as the registers allow
  std::int64_t j = 0;
  for (; j + some <= count; j += some)
    inner_products<rows_x, some>(n, x, ld_x, y + j * ld_y, ld_y, out + j * step_y, step_x, step_y, accumulate);
  for (; j < count; ++j)
    inner_products<rows_x, 1>(n, x, ld_x, y + j * ld_y, ld_y, out + j * step_y, step_x, step_y, accumulate);
}

/// call(std::integral_constant<int, count>) for 1 to 4.
template <int n = 1, class Call>
AGON_INLINE void with_few(std::int64_t count, const Call& call) {
  if (count == n) return call(std::integral_constant<int, n>{});
  if constexpr (n < detail::most_summed_rows) with_few<n + 1>(count, call);
}

/// Whether gemm_dots takes the product: A B^T of few rows or few columns, which has too little work to pay for packing.
template <class T>
bool prefer_dots(const detail::GemmProblem<T>& p) {
  return !p.transpose_a && p.transpose_b && detail::smaller(p.m, p.n) <= detail::most_summed_rows;
}

/// One block of C = A B^T as inner products along k.
template <class T>
void gemm_dots(const detail::GemmProblem<T>& p, const detail::GemmBlock& at, T* c, std::int64_t ldc,
               const Epilogue<T>& epilogue) {
  const T* const a = p.a.data + at.i * p.a.ld + at.k;
  const T* const b = p.b.data + at.j * p.b.ld + at.k;
  T* const out = c + at.i * ldc + at.j;
  const bool few_rows = p.m <= p.n;
  with_few(few_rows ? at.m : at.n, [&](auto few) {
    if (few_rows)
      inner_products_of_rows<few>(at.n, at.k_size, a, p.a.ld, b, p.b.ld, out, ldc, 1, epilogue.accumulate);
    else
      inner_products_of_rows<few>(at.m, at.k_size, b, p.b.ld, a, p.a.ld, out, 1, ldc, epilogue.accumulate);
  });
  for (std::int64_t i = 0; i < at.m; ++i) {
    T* row = c + (at.i + i) * ldc;
    finish_panel(1, &row, at.j, at.n, epilogue);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
