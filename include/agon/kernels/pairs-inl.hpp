namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

#if AGON_VECTOR_BYTES == 64

// Products of few columns with AVX-512. Half of each register would be padding; instead one holds two neighbouring
// depths: lanes 2 c and 2 c + 1 belong to column c. A sum has two chains, which are added in the end.

/// The lanes 2 c + side of v, in its lower half.
template <int side, class T, std::size_t... lane>
AGON_INLINE Vec<T> side_of_pairs(Vec<T> v, std::index_sequence<lane...>) {
  return {__builtin_shufflevector(v.raw, v.raw, ((2 * static_cast<int>(lane) + side) % Vec<T>::lanes)...)};
}

template <class T, std::size_t... lane>
AGON_INLINE Vec<T> interleave(Vec<T> a, Vec<T> b, std::index_sequence<lane...>) {
  return {__builtin_shufflevector(a.raw, b.raw, (static_cast<int>(lane) / 2 + (lane % 2) * Vec<T>::lanes)...)};
}

/// The two elements at p in every pair of lanes.
template <class T>
AGON_INLINE Vec<T> broadcast_pair(const T* p) {
  if constexpr (sizeof(T) == 4) {
    std::int64_t both;  // bits: as a number of 64 bits they might be flushed to zero
    std::memcpy(&both, p, sizeof(both));
    return {(typename Vec<T>::Raw)_mm512_set1_epi64(both)};
  } else {
    return {(typename Vec<T>::Raw)_mm512_maskz_broadcast_f64x2(0xff, _mm_loadu_pd(p))};
  }
}

/// The most columns of such a product, and how many elements a depth has in it.
template <class T>
constexpr std::int64_t paired_columns() {
  return Vec<T>::lanes / 2;
}

/// The rows of b, n <= paired_columns elements of each, in pairs: depth k begins at k paired_columns, if k is even.
template <class T>
void pack_pairs(std::int64_t depth, std::int64_t n, const T* b, std::int64_t ldb, T* to) {
  using V = Vec<T>;
  for (std::int64_t k = 0; k < depth; k += 2, b += 2 * ldb, to += V::lanes) {
    const V low = V::load_first(b, n), high = k + 1 < depth ? V::load_first(b + ldb, n) : V::zero();
    interleave(low, high, std::make_index_sequence<V::lanes>{}).store(to);
  }
}

/// The same for the transpose of b, n rows of `depth` elements.
template <class T>
void pack_pairs_of_columns(std::int64_t depth, std::int64_t n, const T* b, std::int64_t ldb, T* to) {
  constexpr std::int64_t lanes = Vec<T>::lanes;
  if (n < paired_columns<T>() || depth % 2 == 1) zero_run(detail::round_up(depth, 2) * paired_columns<T>(), to);
  for (std::int64_t k = 0; k + 1 < depth; k += 2, to += lanes)
    for (std::int64_t j = 0; j < n; ++j) std::memcpy(to + 2 * j, b + j * ldb + k, 2 * sizeof(T));
  if (depth % 2 == 1)
    for (std::int64_t j = 0; j < n; ++j) to[2 * j] = b[j * ldb + depth - 1];
}

/// m rows of c = or += a b for n <= paired_columns columns of b in pairs. The elements of a row of a lie side by side.
template <class T, int m>
void multiply_pairs_tile(const LeftOperand<T>& a, std::int64_t depth, const T* b, T* c, std::int64_t ldc,
                         std::int64_t n, bool accumulate) {
  using V = Vec<T>;
  constexpr int reach = LeftOperand<T>::reach;
  V sums[m];
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i) sums[i] = V::zero();
  const T* left[(m + reach - 1) / reach];
#pragma GCC unroll 4
  for (int i = 0; i < m; i += reach) left[i / reach] = a.at(i);
  const std::int64_t row = a.row;
#pragma GCC unroll 1
  for (const T* const end = b + depth / 2 * V::lanes; b != end; b += V::lanes) {
    const V right = V::load(b);
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i) sums[i] = fmadd(broadcast_pair(left[i / reach] + i % reach * row), right, sums[i]);
#pragma GCC unroll 4
    for (int i = 0; i < m; i += reach) left[i / reach] += 2;
  }
  constexpr auto lanes = std::make_index_sequence<V::lanes>{};
  if (depth % 2 == 1) {
    // The second depth of the pair may be a row of b that does not belong to the product, and not be finite.
    const V right = interleave(side_of_pairs<0>(V::load(b), lanes), V::zero(), lanes);
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i) {
      const T last[2] = {left[i / reach][i % reach * row], T(0)};
      sums[i] = fmadd(broadcast_pair(last), right, sums[i]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i) {
    T* const to = c + i * ldc;
    const V sum = side_of_pairs<0>(sums[i], lanes) + side_of_pairs<1>(sums[i], lanes);
    (accumulate ? V::load_first(to, n) + sum : sum).store_first(to, n);
  }
}

/// The same for any number of rows.
template <class T>
void multiply_pairs(std::int64_t rows, LeftOperand<T> a, std::int64_t depth, const T* b, T* c, std::int64_t ldc,
                    std::int64_t n, bool accumulate) {
  constexpr int high = 14, low = 4;
  for (; rows >= high; rows -= high, a.data += high * a.row, c += high * ldc)
    multiply_pairs_tile<T, high>(a, depth, b, c, ldc, n, accumulate);
  for (; rows >= low; rows -= low, a.data += low * a.row, c += low * ldc)
    multiply_pairs_tile<T, low>(a, depth, b, c, ldc, n, accumulate);
  for (; rows > 0; --rows, a.data += a.row, c += ldc) multiply_pairs_tile<T, 1>(a, depth, b, c, ldc, n, accumulate);
}

#else

template <class T>
constexpr std::int64_t paired_columns() {
  return 0;
}

#endif

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
