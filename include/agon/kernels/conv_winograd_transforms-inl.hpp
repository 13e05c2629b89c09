namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

// The Toom-Cook construction at the points 0, -1, 1/2, 2 and infinity. Factors move between the three maps as suits the
// arithmetic: the inputs at 2 are doubled, the weights at -1, 1/2 and 2 hold the divisors -9/2, -9/8 and 9, those at
// 1/2 an eighth more and those at 2 a half, which the powers of two in the results undo.

/// The maps of one axis of a tile of `results` results, 4 or 3, which has a point more. Three results do without the
/// point 2, so the divisors at the others lack a factor: the inputs make up for it, times -2 at 0, -3 at -1 and -3 at
/// 1/2, where the results hold another 4.
template <int results>
struct WinogradMaps;

template <>
struct WinogradMaps<4> {
  static constexpr int points = 5, point[5] = {0, 1, 2, 3, 4};

  /// Values at five positions, at the points instead.
  template <class T>
  static AGON_INLINE void to_points(Vec<T>& a, Vec<T>& b, Vec<T>& c, Vec<T>& d, Vec<T>& e) {
    const Vec<T> two = Vec<T>::set1(T(2)), minus = Vec<T>::set1(T(-1.5));
    const Vec<T> at_zero = fmadd(minus, b + c, a + d), at_infinity = fmadd(minus, c + d, b + e);
    const Vec<T> at_minus_one = fmadd(Vec<T>::set1(T(-2.5)), c, b + d);
    const Vec<T> at_half = fmadd(-two, b, d - c), at_two = fmadd(two, d, c - b);
    a = at_zero, b = at_minus_one, c = at_half, d = at_two, e = at_infinity;
  }
  template <class T>
  static AGON_INLINE void to_points(Vec<T>* v, int stride) {
    to_points(v[0], v[stride], v[2 * stride], v[3 * stride], v[4 * stride]);
  }
  /// Results, in place of the products at the points.
  template <class T>
  static AGON_INLINE void from_points(Vec<T>* v, int stride) {
    const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4)), eight = Vec<T>::set1(T(8));
    const Vec<T> a = v[0], b = v[stride], c = v[2 * stride], d = v[3 * stride], e = v[4 * stride];
    v[0] = fmadd(eight, c, a + b) + d;
    v[stride] = fmadd(four, c, fmadd(two, d, -b));
    v[2 * stride] = fmadd(two, c, fmadd(four, d, b));
    v[3 * stride] = fmadd(eight, d, c + e) - b;
  }
  /// Upstream gradients at the points, the transpose of from_points.
  template <class T>
  static AGON_INLINE void gradients_at_points(const Vec<T>* g, Vec<T>* out) {
    const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4)), eight = Vec<T>::set1(T(8));
    out[0] = g[0];
    out[1] = g[0] + g[2] - (g[1] + g[3]);
    out[2] = fmadd(eight, g[0], fmadd(four, g[1], fmadd(two, g[2], g[3])));
    out[3] = fmadd(eight, g[3], fmadd(four, g[2], fmadd(two, g[1], g[0])));
    out[4] = g[3];
  }
};

template <>
struct WinogradMaps<3> {
  static constexpr int points = 4, point[4] = {0, 1, 2, 4};

  template <class T>
  static AGON_INLINE void to_points(Vec<T>* v, int stride) {
    const Vec<T> a = v[0], b = v[stride], c = v[2 * stride], d = v[3 * stride];
    const Vec<T> two = Vec<T>::set1(T(2)), half = Vec<T>::set1(T(0.5));
    v[0] = fmadd(-two, c, a - b);
    v[stride] = Vec<T>::set1(T(1.5)) * fmadd(-two, c, b);
    v[2 * stride] = Vec<T>::set1(T(-3)) * (b + c);
    v[3 * stride] = fmadd(half, c - b, d);
  }
  template <class T>
  static AGON_INLINE void from_points(Vec<T>* v, int stride) {
    const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4));
    const Vec<T> a = v[0], b = v[stride], c = v[2 * stride], d = v[3 * stride];
    v[0] = fmadd(four, c, a + b);
    v[stride] = fmadd(two, c, -b);
    v[2 * stride] = b + c + d;
  }
  template <class T>
  static AGON_INLINE void gradients_at_points(const Vec<T>* g, Vec<T>* out) {
    const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4));
    out[0] = g[0];
    out[1] = g[0] + g[2] - g[1];
    out[2] = fmadd(four, g[0], fmadd(two, g[1], g[2]));
    out[3] = g[2];
  }
};

/// Two weights at the points.
template <class T>
AGON_INLINE void weights_at_points(Vec<T> a, Vec<T> b, Vec<T>* out) {
  const Vec<T> two = Vec<T>::set1(T(2)), part = Vec<T>::set1(T(1) / T(18));
  out[0] = a;
  out[1] = Vec<T>::set1(T(2) / T(9)) * (b - a);
  out[2] = -part * fmadd(two, a, b);
  out[3] = part * fmadd(two, b, a);
  out[4] = b;
}

/// The channels from p on, n of them if n is less than a vector. Only AVX-512 masks at no cost: elsewhere channels are
/// whole vectors.
template <class T>
AGON_INLINE Vec<T> load_channels(const T* p, [[maybe_unused]] std::int64_t n) {
#if AGON_VECTOR_BYTES == 64
  return Vec<T>::load_first(p, n);
#else
  return Vec<T>::load(p);
#endif
}

template <class T>
AGON_INLINE void store_channels(Vec<T> v, T* p, [[maybe_unused]] std::int64_t n) {
#if AGON_VECTOR_BYTES == 64
  v.store_first(p, n);
#else
  v.store(p);
#endif
}

/// A vector of weights at all points from its four taps in `from`: `here` channels there, others where `after` says.
template <class T>
AGON_INLINE void winograd_weights_vector(const T* from, const detail::WinogradTaps& taps, std::int64_t here,
                                         const detail::WinogradTaps& after, T* to, std::int64_t point_size) {
  using V = Vec<T>;
  V rows[2][5], column[5];
#pragma GCC unroll 2
  for (int y = 0; y < 2; ++y) {
    V tap[2];
#pragma GCC unroll 2
    for (int x = 0; x < 2; ++x) {
      const T* const p = from + taps.at(y, x);
      if (here >= V::lanes) {
        tap[x] = V::load(p);
      } else {
        T lane[V::lanes];
        V::load_first(p, here).store(lane);
        copy_run(V::lanes - here, from + after.at(y, x), lane + here);
        tap[x] = V::load(lane);
      }
    }
    weights_at_points(tap[0], tap[1], rows[y]);
  }
#pragma GCC unroll 5
  for (int x = 0; x < 5; ++x) {
    weights_at_points(rows[0][x], rows[1][x], column);
#pragma GCC unroll 5
    for (int y = 0; y < 5; ++y) column[y].store(to + (y * 5 + x) * point_size);
  }
}

/// The right operands of all points, [k, n] in panels, for the vectors [first, last) of the k n elements in the order
/// of memory. `w` says where from `from` on their weights are.
template <class T>
void winograd_weights(const detail::WinogradShape& s, const detail::WinogradWeights& w, std::int64_t first,
                      std::int64_t last, const T* from, T* to) {
  constexpr std::int64_t lanes = Vec<T>::lanes, panel = Tile<T>::vectors;
  const std::int64_t k = s.in.depth(), vectors = s.out.depth() / lanes, point_size = s.point_size();
  for (std::int64_t i = first; i < last;) {
    const std::int64_t q = i / (panel * k) * panel, inside = i - q * k, width = detail::smaller(panel, vectors - q);
    const std::int64_t row = inside / width, step = w.row_step(s, q * lanes, Tile<T>::cols);
    const std::int64_t end = detail::smaller(last, q * k + (row + w.rows_alike(s, row)) * width);
    detail::WinogradTaps taps[panel], after[panel];
    std::int64_t here[panel];  // channels before the next phase, which may begin in a vector
    for (std::int64_t v = 0; v < width; ++v) {
      const std::int64_t col = (q + v) * lanes;
      here[v] = s.out.c - col % s.out.c;
      taps[v] = w.taps(s, row, col, Tile<T>::cols);
      after[v] = here[v] < lanes ? w.taps(s, row, col + here[v], Tile<T>::cols) : taps[v];
    }
    for (std::int64_t v = inside % width; i < end; ++i) {
      winograd_weights_vector(from, taps[v], here[v], after[v], to + i * lanes, point_size);
      if (++v < width) continue;
      for (v = 0; v < width; ++v) taps[v].first += step, after[v].first += step;
      v = 0;
    }
  }
}

/// Where a tile is, at all points: at base + point * point_size + the row of the point's kind.
template <class T>
struct WinogradRows {
  T* base;
  std::int64_t point_size, row[4];

  /// Tile t of those that begin with tile `first`, in rows ld apart.
  WinogradRows(const detail::WinogradShape& s, std::int64_t first, std::int64_t t, T* from, std::int64_t ld,
               std::int64_t size)
      : base(from), point_size(size) {
    for (std::int64_t kind = 0; kind < 4; ++kind) {
      const auto point = detail::WinogradPoint::of_kind(kind);
      row[kind] = (s.tiles_before(t, point) - s.tiles_before(first, point)) * ld;
    }
  }
  AGON_INLINE T* at(int y, int x) const {
    return base + (y * 5 + x) * point_size + row[detail::WinogradPoint::at(y, x).kind()];
  }
};

/// Pixels of a tile, or of its results; null where there is none.
template <class T>
struct WinogradPixels {
  T* at[5][5];
};

/// One tile of inputs at all points, for ny x nx results: `from` are its pixels, `channels` of each. Writes whole
/// vectors.
template <class T, int ny, int nx>
void winograd_inputs(const WinogradPixels<const T>& from, std::int64_t channels, const WinogradRows<T>& to) {
  using V = Vec<T>;
  using Y = WinogradMaps<ny>;
  using X = WinogradMaps<nx>;
  for (std::int64_t c = 0; c < channels; c += V::lanes) {
    V v[Y::points][X::points];
#pragma GCC unroll 5
    for (int y = 0; y < Y::points; ++y) {
#pragma GCC unroll 5
      for (int x = 0; x < X::points; ++x) v[y][x] = load_channels(from.at[y][x] + c, channels - c);
      X::to_points(v[y], 1);
    }
#pragma GCC unroll 5
    for (int x = 0; x < X::points; ++x) {
      Y::to_points(v[0] + x, X::points);
#pragma GCC unroll 5
      for (int y = 0; y < Y::points; ++y) v[y][x].store(to.at(Y::point[y], X::point[x]) + c);
    }
  }
}

/// One tile of ny x nx results, into the pixels that are not null, from the products at all points.
template <class T, int ny, int nx>
void winograd_results(const WinogradRows<const T>& from, std::int64_t channels, const WinogradPixels<T>& to,
                      bool accumulate) {
  using V = Vec<T>;
  using Y = WinogradMaps<ny>;
  using X = WinogradMaps<nx>;
  for (std::int64_t c = 0; c < channels; c += V::lanes) {
    V v[Y::points][X::points];
#pragma GCC unroll 5
    for (int x = 0; x < X::points; ++x) {
#pragma GCC unroll 5
      for (int y = 0; y < Y::points; ++y) v[y][x] = V::load(from.at(Y::point[y], X::point[x]) + c);
      Y::from_points(v[0] + x, X::points);
    }
#pragma GCC unroll 4
    for (int y = 0; y < ny; ++y) {
      X::from_points(v[y], 1);
#pragma GCC unroll 4
      for (int x = 0; x < nx; ++x)
        if (T* const at = to.at[y][x])
          store_channels(accumulate ? load_channels(at + c, channels - c) + v[y][x] : v[y][x], at + c, channels - c);
    }
  }
}

/// One tile of ny x nx upstream gradients at all points: `from` are its pixels, `channels` of each. Writes whole
/// vectors.
template <class T, int ny, int nx>
void winograd_gradients(const WinogradPixels<const T>& from, std::int64_t channels, const WinogradRows<T>& to) {
  using V = Vec<T>;
  using Y = WinogradMaps<ny>;
  using X = WinogradMaps<nx>;
  for (std::int64_t c = 0; c < channels; c += V::lanes) {
    V rows[Y::points][nx], points[5];
#pragma GCC unroll 4
    for (int x = 0; x < nx; ++x) {
      V v[ny];
#pragma GCC unroll 4
      for (int y = 0; y < ny; ++y) v[y] = load_channels(from.at[y][x] + c, channels - c);
      Y::gradients_at_points(v, points);
#pragma GCC unroll 5
      for (int y = 0; y < Y::points; ++y) rows[y][x] = points[y];
    }
#pragma GCC unroll 5
    for (int y = 0; y < Y::points; ++y) {
      X::gradients_at_points(rows[y], points);
#pragma GCC unroll 5
      for (int x = 0; x < X::points; ++x) points[x].store(to.at(Y::point[y], X::point[x]) + c);
    }
  }
}

/// The three transforms of a tile by its size.
template <class T>
struct WinogradTransforms {
  void (*inputs)(const WinogradPixels<const T>&, std::int64_t, const WinogradRows<T>&);
  void (*results)(const WinogradRows<const T>&, std::int64_t, const WinogradPixels<T>&, bool);
  void (*gradients)(const WinogradPixels<const T>&, std::int64_t, const WinogradRows<T>&);

  template <int ny, int nx>
  static constexpr WinogradTransforms of_size() {
    return {winograd_inputs<T, ny, nx>, winograd_results<T, ny, nx>, winograd_gradients<T, ny, nx>};
  }
  static const WinogradTransforms& of(const detail::WinogradShape& s, const detail::WinogradTile& tile) {
    static constexpr WinogradTransforms all[2][2] = {{of_size<4, 4>(), of_size<4, 3>()},
                                                     {of_size<3, 4>(), of_size<3, 3>()}};
    return all[s.rows.is_short(tile.y)][s.cols.is_short(tile.x)];
  }
};

/// Two gradients of weights from those at the points, the transpose of weights_at_points.
template <class T>
AGON_INLINE void weights_from_points(const Vec<T>* v, Vec<T>& a, Vec<T>& b) {
  const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4)), part = Vec<T>::set1(T(1) / T(18));
  a = fmadd(part, fmadd(-four, v[1], fmadd(-two, v[2], v[3])), v[0]);
  b = fmadd(part, fmadd(four, v[1], fmadd(two, v[3], -v[2])), v[4]);
}

/// Weights [first, last) of o from their gradients at all points, [o, k] each.
template <class T>
void winograd_weight_results(const detail::WinogradShape& s, std::int64_t first, std::int64_t last, const T* from,
                             std::int64_t point_size, T* w) {
  using V = Vec<T>;
  const std::int64_t c = s.in.c;
  for (std::int64_t o = first; o < last; ++o)
    for (std::int64_t phase = 0; phase < 4; ++phase)
      for (std::int64_t q = 0; q < c; q += V::lanes) {
        const T* const at = from + o * 4 * c + phase * c + q;
        V rows[2][5];
#pragma GCC unroll 5
        for (int x = 0; x < 5; ++x) {
          V column[5];
#pragma GCC unroll 5
          for (int y = 0; y < 5; ++y) column[y] = V::load(at + (y * 5 + x) * point_size);
          weights_from_points(column, rows[0][x], rows[1][x]);
        }
#pragma GCC unroll 2
        for (int y = 0; y < 2; ++y) {
          V tap[2];
          weights_from_points(rows[y], tap[0], tap[1]);
#pragma GCC unroll 2
          for (int x = 0; x < 2; ++x)
            store_channels(tap[x], w + (o * 16 + (2 * y + phase / 2) * 4 + 2 * x + phase % 2) * c + q, c - q);
        }
      }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
