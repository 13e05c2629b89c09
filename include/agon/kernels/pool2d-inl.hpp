namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// out[c] = factor * sum over the window's pixels of x[pixel, c].
template <class T>
void window_sum(const detail::Window& window, std::int64_t channels, const T* x, T factor, T* out) {
  for_registers<T>(channels, [&](auto at) {
    auto total = Vec<T>::zero();
    for (std::int64_t i = 0; i < window.rows; ++i)
      for (std::int64_t j = 0; j < window.cols; ++j)
        total = total + at.load(x + i * window.row_stride + j * window.col_stride);
    at.store(total * Vec<T>::set1(factor), out);
  });
}

/// out[c] = largest x[pixel, c] of the window, or NaN; index[c] = base + its position relative to x, the first at ties.
template <class T>
void window_max(const detail::Window& window, std::int64_t channels, const T* x, std::int64_t base, T* out,
                std::int64_t* index) {
  for_registers<T>(channels, [&](auto at) {
    // The number of the best pixel is kept in T, which holds it exactly.
    auto best = at.load(x), where = Vec<T>::zero();
    for (std::int64_t i = 0; i < window.rows; ++i)
      for (std::int64_t j = 0; j < window.cols; ++j) {
        const auto value = at.load(x + i * window.row_stride + j * window.col_stride);
        const auto larger = exceeds(value, best);
        best = select<T>(larger, value, best);
        where = select<T>(larger, Vec<T>::set1(static_cast<T>(i * window.cols + j)), where);
      }
    at.store(best, out);
    T pixel[Vec<T>::lanes];
    where.store(pixel);
    for (std::int64_t k = 0; k < Vec<T>::lanes && at.i + k < channels; ++k) {
      const auto p = static_cast<std::int64_t>(pixel[k]);
      index[at.i + k] = base + p / window.cols * window.row_stride + p % window.cols * window.col_stride + at.i + k;
    }
  });
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
