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

/// The size x size pixels of a tile in one phase; `outside` where there is none.
template <int size, class T>
AGON_INLINE WinogradPixels<T> winograd_pixels(const detail::WinogradShape& s, const detail::WinogradImages& images,
                                              const detail::WinogradTile& tile, std::int64_t py, std::int64_t px,
                                              T* from, T* outside) {
  const std::int64_t top = s.rows.start(tile.y), left = s.cols.start(tile.x);
  std::int64_t offset[5];
#pragma GCC unroll 5
  for (int j = 0; j < size; ++j) {
    const std::int64_t col = images.index(left + j, px);
    offset[j] = col >= 0 && col < images.w ? col * images.c : -1;
  }
  WinogradPixels<T> pixels;
#pragma GCC unroll 5
  for (int i = 0; i < size; ++i) {
    const std::int64_t line = images.index(top + i, py);
    T* const row = from + (tile.image * images.h + line) * images.w * images.c;
    const bool inside = line >= 0 && line < images.h;
#pragma GCC unroll 5
    for (int j = 0; j < size; ++j) pixels.at[i][j] = inside && offset[j] >= 0 ? row + offset[j] : outside;
  }
  return pixels;
}

/// The tiles [first, last) of images x, of those that begin with tile `begin`, at all points: rows of `ld` elements, a
/// tile each, that hold the channels of all phases, one after another. Lanes beyond the last channel of a phase are
/// overwritten by the next one, or fall into the cache line that rows have to spare.
template <class T>
void winograd_gather(const detail::WinogradShape& s, std::int64_t begin, std::int64_t first, std::int64_t last,
                     const T* x, T* to, std::int64_t ld, std::int64_t point_size) {
  const Workspace<T> zeros(s.in.c);
  zero_run(s.in.c, zeros.data());
  for (std::int64_t t = first; t < last; ++t) {
    const auto tile = s.tile(t);
    const auto transform = WinogradTransforms<T>::of(s, tile).inputs;
    WinogradRows<T> rows(s, begin, t, to, ld, point_size);
    for (std::int64_t py = 0; py < s.in.phases; ++py)
      for (std::int64_t px = 0; px < s.in.phases; ++px, rows.base += s.in.c)
        transform(winograd_pixels<5>(s, s.in, tile, py, px, x, static_cast<const T*>(zeros.data())), s.in.c, rows);
  }
}

/// The epilogue on the pixels of a tile of results.
template <class T>
void winograd_finish(const detail::WinogradShape& s, const detail::WinogradTile& tile, const WinogradPixels<T>& pixels,
                     const Epilogue<T>& epilogue) {
  const int ny = s.rows.is_short(tile.y) ? 3 : 4, nx = s.cols.is_short(tile.x) ? 3 : 4;
  T* inside[16];
  std::int64_t found = 0;
  for (int i = 0; i < ny; ++i)
    for (int j = 0; j < nx; ++j)
      if (pixels.at[i][j]) inside[found++] = pixels.at[i][j];
  finish_panel(found, inside, 0, s.out.c, epilogue);
}

/// Tiles [first, first + count) of a convolution: inputs at the points, a product for each point, results.
template <class T>
void winograd_block(const detail::WinogradShape& s, std::int64_t first, std::int64_t count, const T* x,
                    const T* weights, T* y, const Epilogue<T>& epilogue) {
  const std::int64_t k = s.in.depth(), n = s.out.depth();
  // A cache line to spare: rows fall on more cache sets, and whole vectors may reach beyond the last channel.
  const std::int64_t ld_in = k + cache_line<T>, ld_out = n + cache_line<T>;
  const Workspace<T> inputs(25 * count * ld_in), results(25 * count * ld_out);
  winograd_gather(s, first, first, first + count, x, inputs.data(), ld_in, count * ld_in);
  const std::int64_t next = first + count, end = detail::smaller(s.tiles(), next + count);
  const std::int64_t from = next < end ? s.first_input(next) : 0, size = next < end ? s.last_input(end - 1) - from : 0;
  const std::int64_t to = s.first_output(first);
  const auto rows_at = [&](std::int64_t point) {
    const auto kind = detail::WinogradPoint::of(point);
    return s.tiles_before(next, kind) - s.tiles_before(first, kind);
  };
  // Products ask for the images that the next job will read, and for those that this one will write.
  std::int64_t tiles = 0;
  for (std::int64_t point = 0; point < 25; ++point)
    tiles += n / Tile<T>::cols * count_tiles<T>(rows_at(point), Tile<T>::cols);
  Ahead<T> ahead({Walks<T>::along(x + from, size, tiles, k)},
                 {Walks<T>::along(y + to, s.last_output(next - 1) - to, tiles, k)});
  for (std::int64_t point = 0; point < 25; ++point) {
    const std::int64_t rows = rows_at(point);
    const LeftOperand<T> left{inputs.data() + point * count * ld_in, ld_in, 1};
    const T* const right = weights + point * s.point_size();
    for (std::int64_t j = 0; j < n; j += Tile<T>::cols) {
      const std::int64_t cols = detail::smaller(Tile<T>::cols, n - j);
      multiply_narrow(rows, left, k, right + j * k, cols, results.data() + point * count * ld_out + j, ld_out, cols,
                      false, &ahead);
    }
    if (!tiles_look_ahead || tiles == 0) SoonRows<T>::along(x + from, size).prefetch(point, 25);
  }
  for (std::int64_t t = first; t < next; ++t) {
    const auto tile = s.tile(t);
    const auto transform = WinogradTransforms<T>::of(s, tile).results;
    WinogradRows<const T> rows(s, first, t, results.data(), ld_out, count * ld_out);
    for (std::int64_t py = 0; py < s.out.phases; ++py)
      for (std::int64_t px = 0; px < s.out.phases; ++px, rows.base += s.out.c) {
        const auto pixels = winograd_pixels<4>(s, s.out, tile, py, px, y, static_cast<T*>(nullptr));
        transform(rows, s.out.c, pixels, epilogue.accumulate);
        if (has_work(epilogue)) winograd_finish(s, tile, pixels, epilogue);
      }
  }
}

/// The tiles [first, last) of the upstream gradient of a convolution, of those that begin with tile `begin`, at all
/// points: rows of `ld` elements.
template <class T>
void winograd_gather_gradients(const detail::WinogradShape& s, std::int64_t begin, std::int64_t first,
                               std::int64_t last, const T* g, T* to, std::int64_t ld, std::int64_t point_size) {
  const Workspace<T> zeros(s.out.c);
  zero_run(s.out.c, zeros.data());
  for (std::int64_t t = first; t < last; ++t) {
    const auto tile = s.tile(t);
    WinogradTransforms<T>::of(s, tile).gradients(
        winograd_pixels<4>(s, s.out, tile, 0, 0, g, static_cast<const T*>(zeros.data())), s.out.c,
        WinogradRows<T>(s, begin, t, to, ld, point_size));
  }
}

/// Rows [first, first + count) of w [o, k] = or += the transpose of g [tiles, o] times x [tiles, k], all at one point.
template <class T>
void winograd_weight_product(std::int64_t tiles, std::int64_t k, std::int64_t first, std::int64_t count, const T* x,
                             std::int64_t ld_x, const T* g, std::int64_t ld_g, T* w, bool accumulate,
                             const detail::WinogradNext<T>& next) {
  const auto down_g = next.g ? Walks<T>::down(next.g, count, ld_g) : Walks<T>();
  const auto down_x = next.x ? Walks<T>::down(next.x, k, ld_x) : Walks<T>();
  const std::int64_t panels = detail::ceil_div(k, Tile<T>::cols);
  const std::int64_t all = k / Tile<T>::cols * count_tiles<T>(count, Tile<T>::cols);
  const std::int64_t for_x = all * next.x_size / detail::larger(next.x_size + next.g_size, 1);
  Ahead<T> ahead({down_g, down_x}, {Walks<T>::along(next.x_images, next.x_size, for_x, tiles),
                                    Walks<T>::along(next.g_images, next.g_size, all - for_x, tiles)});
  for (std::int64_t q = 0; q < panels; ++q) {
    const std::int64_t j = q * Tile<T>::cols;
    if (!tiles_look_ahead || all == 0) {
      SoonRows<T>::along(next.x_images, next.x_size).prefetch(q, panels);
      SoonRows<T>::along(next.g_images, next.g_size).prefetch(q, panels);
    }
    multiply_narrow(count, {g + first, 1, ld_g}, tiles, x + j, ld_x, w + first * k + j, k,
                    detail::smaller(Tile<T>::cols, k - j), accumulate, &ahead);
  }
}

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
