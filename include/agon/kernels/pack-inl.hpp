namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

#if AGON_VECTOR_BYTES
/// One step of a transpose: blocks of h lanes that lie off the diagonal of a 2h x 2h block change places.
template <int h, class T, std::size_t... lane>
AGON_INLINE void exchange(Vec<T>& a, Vec<T>& b, std::index_sequence<lane...>) {
  constexpr int n = Vec<T>::lanes;
  const auto low = a.raw, high = b.raw;
  a.raw = __builtin_shufflevector(low, high, ((lane & h) ? n + static_cast<int>(lane) - h : static_cast<int>(lane))...);
  b.raw = __builtin_shufflevector(low, high, ((lane & h) ? n + static_cast<int>(lane) : static_cast<int>(lane) + h)...);
}

template <int h, class T>
AGON_INLINE void transpose(Vec<T> (&v)[Vec<T>::lanes]) {
  if constexpr (h > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < Vec<T>::lanes; ++i)
      if (!(i & h)) exchange<h>(v[i], v[i + h], std::make_index_sequence<Vec<T>::lanes>{});
    transpose<h / 2>(v);
  }
}
#else
template <int h, class T>
AGON_INLINE void transpose(Vec<T> (&)[Vec<T>::lanes]) {}
#endif

template <class T>
AGON_INLINE void copy_run(std::int64_t n, const T* from, T* to) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) V::load(from + i).store(to + i);
  if (i < n) V::load_first(from + i, n - i).store_first(to + i, n - i);
}

template <class T>
AGON_INLINE void zero_run(std::int64_t n, T* to) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) V::zero().store(to + i);
  if (i < n) V::zero().store_first(to + i, n - i);
}

/// Copies a rows x cols matrix into rows of `width` >= cols elements, the rest of each row zero.
template <class T>
void pack_copy(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t ld, T* to, std::int64_t width) {
  using V = Vec<T>;
  for (std::int64_t i = 0; i < rows; ++i, from += ld, to += width) {
    std::int64_t j = 0;
    for (; j + V::lanes <= cols; j += V::lanes) V::load(from + j).store(to + j);
    for (; j < width; j += V::lanes)
      V::load_first(from + j, detail::larger(cols - j, 0)).store_first(to + j, detail::smaller(width - j, V::lanes));
  }
}

/// The columns of a matrix in groups of `vectors` vectors, `group` elements apart, whose rows lie one after another. Of
/// the last group's rows only those vectors are written that hold a column.
template <int vectors, class T>
void pack_columns(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t ld, T* to, std::int64_t group) {
  using V = Vec<T>;
  constexpr std::int64_t width = vectors * V::lanes, ahead = 12;
  for (std::int64_t i = 0; i < rows; ++i, from += ld, to += width) {
    T* out = to;
    if (i + ahead < rows) prefetch_rows<1>(1, from + ahead * ld, 0, cols);
    std::int64_t q = 0;
    for (; q + width <= cols; q += width, out += group)
#pragma GCC unroll 2
      for (std::int64_t v = 0; v < width; v += V::lanes) V::load(from + q + v).store(out + v);
    for (; q < cols; q += V::lanes, out += V::lanes) V::load_first(from + q, cols - q).store(out);
  }
}

/// Writes `factor` times the transpose of a cols x rows matrix in the layout of pack_copy; width is a multiple of the
/// vector's lanes.
template <class T>
void pack_transpose(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t ld, T* to, std::int64_t width,
                    T factor = T(1)) {
  using V = Vec<T>;
  const V scale = V::set1(factor);
  for (std::int64_t i = 0; i < rows; i += V::lanes) {
    const std::int64_t height = detail::smaller(rows - i, V::lanes);
    for (std::int64_t j = 0; j < width; j += V::lanes) {
      V block[V::lanes];
      if (height == V::lanes && j + V::lanes <= cols) {
#pragma GCC unroll 16
        for (int q = 0; q < V::lanes; ++q) block[q] = V::load(from + (j + q) * ld + i);
      } else {
#pragma GCC unroll 16
        for (int q = 0; q < V::lanes; ++q)
          block[q] = j + q < cols ? V::load_first(from + (j + q) * ld + i, height) : V::zero();
      }
      transpose<V::lanes / 2>(block);
#pragma GCC unroll 16
      for (int q = 0; q < V::lanes; ++q)
        if (q < height) (block[q] * scale).store(to + (i + q) * width + j);
    }
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
