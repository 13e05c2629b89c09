namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
double sum_piece(std::int64_t n, const T* x) {
  return static_cast<double>(sum_of<T>(n, [&](auto at) { return at.load(x); }));
}

template <class T>
double sum_squares_piece(std::int64_t n, const T* x) {
  return static_cast<double>(sum_of<T>(n, [&](auto at) { return at.load(x) * at.load(x); }));
}

/// y[r] = sum of the chunk-long pieces of row r of x [rows, n], the pieces added in double.
template <class T>
void sum_rows(std::int64_t rows, std::int64_t n, const T* x, T* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    double total = 0;
    for (std::int64_t i = 0; i < n; i += detail::sum_chunk) {
      const auto count = n - i < detail::sum_chunk ? n - i : detail::sum_chunk;
      total += sum_piece(count, x + r * n + i);
    }
    y[r] = static_cast<T>(total);
  }
}

/// y[c] = sum over the rows of x, whose rows are `ld` elements apart.
template <class T>
void sum_columns(std::int64_t rows, std::int64_t cols, std::int64_t ld, const T* x, T* y) {
  for_columns<T>(cols, [&](auto columns) {
    constexpr int W = columns.width;
    Vec<T> s[W];
    for (int k = 0; k < W; ++k) s[k] = columns.load(x, k);
    for (std::int64_t r = 1; r < rows; ++r)
      for (int k = 0; k < W; ++k) s[k] = s[k] + columns.load(x + r * ld, k);
    for (int k = 0; k < W; ++k) columns.store(s[k], y, k);
  });
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
