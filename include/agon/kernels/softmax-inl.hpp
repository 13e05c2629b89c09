namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
T row_max(std::int64_t n, const T* x) {
  using V = Vec<T>;
  if (n < V::lanes) {
    T result = x[0];
    for (std::int64_t i = 1; i < n; ++i) result = x[i] > result ? x[i] : result;
    return result;
  }
  V result = V::load(x);
  for (std::int64_t i = V::lanes; i + V::lanes <= n; i += V::lanes) result = max(V::load(x + i), result);
  return max_lane(max(V::load(x + n - V::lanes), result));  // overlaps: a maximum may count an element twice
}

/// y = exp(x - shift); returns the sum of y.
template <class T>
T exp_row(std::int64_t n, const T* x, T shift, T* y) {
  return sum_of<T>(n, [&](auto at) {
    const auto e = exp(at.load(x) - Vec<T>::set1(shift));
    at.store(e, y);
    return e;
  });
}

/// log sum exp(x - shift).
template <class T>
AGON_INLINE Vec<T> log_sum_exp(std::int64_t n, const T* x, T shift) {
  const T total = sum_of<T>(n, [&](auto at) { return exp(at.load(x) - Vec<T>::set1(shift)); });
  return log(Vec<T>::set1(total));
}

template <class T>
void softmax_rows(std::int64_t rows, std::int64_t cols, const T* x, T* y) {
  for (std::int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const auto share = Vec<T>::set1(T(1) / exp_row(cols, x, row_max(cols, x), y));
    for_registers<T>(cols, [&](auto at) { at.store(at.load(y) * share, y); });
  }
}

template <class T>
void log_softmax_rows(std::int64_t rows, std::int64_t cols, const T* x, T* y) {
  for (std::int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    // Subtracted one after the other: their sum would lose the logarithm's digits where the maximum is large.
    const T shift = row_max(cols, x);
    const auto top = Vec<T>::set1(shift), rest = log_sum_exp(cols, x, shift);
    for_registers<T>(cols, [&](auto at) { at.store((at.load(x) - top) - rest, y); });
  }
}

template <class T>
void softmax_grad_rows(std::int64_t rows, std::int64_t cols, const T* y, const T* g, T* dx) {
  for (std::int64_t r = 0; r < rows; ++r, y += cols, g += cols, dx += cols) {
    const auto dot = Vec<T>::set1(sum_of<T>(cols, [&](auto at) { return at.load(y) * at.load(g); }));
    for_registers<T>(cols, [&](auto at) { at.store(at.load(y) * (at.load(g) - dot), dx); });
  }
}

template <class T>
void log_softmax_grad_rows(std::int64_t rows, std::int64_t cols, const T* y, const T* g, T* dx) {
  for (std::int64_t r = 0; r < rows; ++r, y += cols, g += cols, dx += cols) {
    const auto total = Vec<T>::set1(sum_of<T>(cols, [&](auto at) { return at.load(g); }));
    for_registers<T>(cols, [&](auto at) { at.store(at.load(g) - exp(at.load(y)) * total, dx); });
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
