namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// A place in an array that a whole register fits.
template <class T>
struct Whole {
  std::int64_t i;
  AGON_INLINE Vec<T> load(const T* p) const { return Vec<T>::load(p + i); }
  AGON_INLINE void store(Vec<T> v, T* p) const { v.store(p + i); }
};

/// A place of `count` <= lanes elements: the other lanes are read as zero and not written.
template <class T>
struct Part {
  std::int64_t i, count;
  AGON_INLINE Vec<T> load(const T* p) const { return Vec<T>::load_first(p + i, count); }
  AGON_INLINE void store(Vec<T> v, T* p) const { v.store_first(p + i, count); }
  /// v with zeros in the lanes past the end.
  AGON_INLINE Vec<T> only(Vec<T> v) const { return select<T>(Vec<T>::first(count), v, Vec<T>::zero()); }
};

/// Calls body(at) for places `at` that cover [0, n) once: at.load(p) and at.store(v, p) read and write p there.
template <class T, class Body>
AGON_INLINE void for_registers(std::int64_t n, const Body& body) {
  constexpr std::int64_t lanes = Vec<T>::lanes;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(Whole<T>{i});
  if (i < n) body(Part<T>{i, n - i});
}

/// Sum of term(at) over the places of [0, n), with four accumulators; meant for pieces short enough to be added in T.
template <class T, class Term>
AGON_INLINE T sum_of(std::int64_t n, const Term& term) {
  constexpr std::int64_t lanes = Vec<T>::lanes;
  Vec<T> s[4] = {Vec<T>::zero(), Vec<T>::zero(), Vec<T>::zero(), Vec<T>::zero()};
  std::int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes)
    for (int k = 0; k < 4; ++k) s[k] = s[k] + term(Whole<T>{i + k * lanes});
  for (; i + lanes <= n; i += lanes) s[0] = s[0] + term(Whole<T>{i});
  if (i < n) {
    const Part<T> at{i, n - i};
    s[1] = s[1] + at.only(term(at));
  }
  return sum((s[0] + s[1]) + (s[2] + s[3]));
}

/// W registers of columns of a matrix.
template <class T, int W, class Place>
struct Columns {
  static constexpr int width = W;
  Place at;
  AGON_INLINE Vec<T> load(const T* row, int k) const { return at.load(row + k * Vec<T>::lanes); }
  AGON_INLINE void store(Vec<T> v, T* row, int k) const { at.store(v, row + k * Vec<T>::lanes); }
};

/// Calls body(columns) for blocks of four registers of columns, then of one, which may be a part of one: two bodies to
/// compile, not three. columns.load(row, k) reads register k of the block.
template <class T, class Body>
AGON_INLINE void for_columns(std::int64_t cols, const Body& body) {
  constexpr std::int64_t lanes = Vec<T>::lanes;
  std::int64_t c = 0;
  for (; c + 4 * lanes <= cols; c += 4 * lanes) body(Columns<T, 4, Whole<T>>{{c}});
  for (; c < cols; c += lanes) body(Columns<T, 1, Part<T>>{{c, cols - c < lanes ? cols - c : lanes}});
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
