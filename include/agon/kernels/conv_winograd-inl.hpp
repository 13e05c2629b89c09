namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

// The Toom-Cook construction at the points 0, -1, 1/2, 2 and infinity. Factors move between the three maps as suits the
// arithmetic: the inputs at 2 are doubled, the weights at -1, 1/2 and 2 hold the divisors -9/2, -9/8 and 9, those at
// 1/2 an eighth more and those at 2 a half, which the powers of two in the results undo.

/// Five values of a row at the points, in place.
template <class T>
AGON_INLINE void to_points(Vec<T>& a, Vec<T>& b, Vec<T>& c, Vec<T>& d, Vec<T>& e) {
  const Vec<T> two = Vec<T>::set1(T(2)), minus = Vec<T>::set1(T(-1.5));
  const Vec<T> at_zero = fmadd(minus, b + c, a + d), at_infinity = fmadd(minus, c + d, b + e);
  const Vec<T> at_minus_one = fmadd(Vec<T>::set1(T(-2.5)), c, b + d);
  const Vec<T> at_half = fmadd(-two, b, d - c), at_two = fmadd(two, d, c - b);
  a = at_zero, b = at_minus_one, c = at_half, d = at_two, e = at_infinity;
}

/// Four results from five products at the points, into the first four.
template <class T>
AGON_INLINE void from_points(Vec<T>& a, Vec<T>& b, Vec<T>& c, Vec<T>& d, Vec<T> e) {
  const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4)), eight = Vec<T>::set1(T(8));
  const Vec<T> first = fmadd(eight, c, a + b) + d, last = fmadd(eight, d, c + e) - b;
  const Vec<T> second = fmadd(four, c, fmadd(two, d, -b)), third = fmadd(two, c, fmadd(four, d, b));
  a = first, b = second, c = third, d = last;
}

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

/// The right operands of all points, [k, n] in panels, for the vectors [first, last) of the k n elements in the order
/// of memory. `w` says where from `from` on their weights are.
template <class T>
void winograd_weights(const detail::WinogradShape& s, const detail::WinogradWeights& w, std::int64_t first,
                      std::int64_t last, const T* from, T* to) {
  using V = Vec<T>;
  constexpr std::int64_t panel = Tile<T>::vectors;
  const std::int64_t k = s.in.depth(), vectors = s.out.depth() / V::lanes;
  for (std::int64_t i = first; i < last; ++i) {
    const std::int64_t q = i / (panel * k) * panel, inside = i - q * k, width = detail::smaller(panel, vectors - q);
    const std::int64_t row = inside / width, col = (q + inside % width) * V::lanes;
    const auto taps = w.taps(s, row, col, Tile<T>::cols);
    const std::int64_t here = s.out.c - col % s.out.c;  // channels before the next phase, which may begin in a vector
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
          copy_run(V::lanes - here, from + w.taps(s, row, col + here, Tile<T>::cols).at(y, x), lane + here);
          tap[x] = V::load(lane);
        }
      }
      weights_at_points(tap[0], tap[1], rows[y]);
    }
    T* const at = to + i * V::lanes;
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) {
      weights_at_points(rows[0][x], rows[1][x], column);
#pragma GCC unroll 5
      for (int y = 0; y < 5; ++y) column[y].store(at + (y * 5 + x) * s.point_size());
    }
  }
}

/// One tile of inputs at all points: `from` are its 5 x 5 pixels, `channels` of each. Writes whole vectors.
template <class T>
void winograd_inputs(const T* const (&from)[5][5], std::int64_t channels, std::int64_t point_size, T* to) {
  using V = Vec<T>;
  for (std::int64_t c = 0; c < channels; c += V::lanes) {
    V v[5][5];
#pragma GCC unroll 5
    for (int y = 0; y < 5; ++y) {
#pragma GCC unroll 5
      for (int x = 0; x < 5; ++x) v[y][x] = load_channels(from[y][x] + c, channels - c);
      to_points(v[y][0], v[y][1], v[y][2], v[y][3], v[y][4]);
    }
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) {
      to_points(v[0][x], v[1][x], v[2][x], v[3][x], v[4][x]);
#pragma GCC unroll 5
      for (int y = 0; y < 5; ++y) v[y][x].store(to + (y * 5 + x) * point_size + c);
    }
  }
}

/// One tile of results: 4 x 4 pixels, where `to` is not null, from the products at all points.
template <class T>
void winograd_results(const T* from, std::int64_t point_size, std::int64_t channels, T* const (&to)[4][4],
                      bool accumulate) {
  using V = Vec<T>;
  for (std::int64_t c = 0; c < channels; c += V::lanes) {
    V v[5][5];
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) {
#pragma GCC unroll 5
      for (int y = 0; y < 5; ++y) v[y][x] = V::load(from + (y * 5 + x) * point_size + c);
      from_points(v[0][x], v[1][x], v[2][x], v[3][x], v[4][x]);
    }
#pragma GCC unroll 4
    for (int y = 0; y < 4; ++y) {
      from_points(v[y][0], v[y][1], v[y][2], v[y][3], v[y][4]);
#pragma GCC unroll 4
      for (int x = 0; x < 4; ++x)
        if (T* const at = to[y][x])
          store_channels(accumulate ? load_channels(at + c, channels - c) + v[y][x] : v[y][x], at + c, channels - c);
    }
  }
}

/// The tiles [first, first + count) of images x, at all points: rows of `ld` elements, a tile each, that hold the
/// channels of all phases, one after another. Lanes beyond the last channel of a phase are overwritten by the next one,
/// or fall into the cache line that rows have to spare.
template <class T>
void winograd_gather(const detail::WinogradShape& s, std::int64_t first, std::int64_t count, const T* x, T* to,
                     std::int64_t ld, std::int64_t point_size) {
  const Workspace<T> zeros(s.in.c);
  zero_run(s.in.c, zeros.data());
  for (std::int64_t t = 0; t < count; ++t) {
    const auto at = s.tile(first + t);
    const T* const image = x + at.image * s.in.h * s.in.w * s.in.c;
    for (std::int64_t py = 0; py < s.in.phases; ++py)
      for (std::int64_t px = 0; px < s.in.phases; ++px) {
        const T* from[5][5];
        for (int i = 0; i < 5; ++i)
          for (int j = 0; j < 5; ++j) {
            const std::int64_t line = s.in.index(at.y, i, py), col = s.in.index(at.x, j, px);
            from[i][j] = s.in.inside(line, col) ? image + (line * s.in.w + col) * s.in.c : zeros.data();
          }
        winograd_inputs(from, s.in.c, point_size, to + t * ld + (py * s.in.phases + px) * s.in.c);
      }
  }
}

/// Tiles [first, first + count) of a convolution: inputs at the points, a product for each point, results.
template <class T>
void winograd_block(const detail::WinogradShape& s, std::int64_t first, std::int64_t count, const T* x,
                    const T* weights, T* y, const Epilogue<T>& epilogue) {
  const std::int64_t k = s.in.depth(), n = s.out.depth();
  // A cache line to spare: rows fall on more cache sets, and whole vectors may reach beyond the last channel.
  const std::int64_t ld_in = k + cache_line<T>, ld_out = n + cache_line<T>;
  const Workspace<T> inputs(25 * count * ld_in), results(25 * count * ld_out);
  winograd_gather(s, first, count, x, inputs.data(), ld_in, count * ld_in);
  // What the next job will read is asked for meanwhile.
  const std::int64_t next = first + count, end = detail::smaller(s.tiles(), next + count);
  const std::int64_t from = next < end ? s.first_input(next) : 0, size = next < end ? s.last_input(end - 1) - from : 0;
  for (std::int64_t point = 0; point < 25; ++point) {
    prefetch_rows<2>(1, x + from + point * size / 25, 0, size / 25);
    const LeftOperand<T> left{inputs.data() + point * count * ld_in, ld_in, 1};
    const T* const right = weights + point * s.point_size();
    for (std::int64_t j = 0; j < n; j += Tile<T>::cols) {
      const std::int64_t cols = detail::smaller(Tile<T>::cols, n - j);
      multiply_narrow(count, left, k, right + j * k, cols, results.data() + point * count * ld_out + j, ld_out, cols,
                      false);
    }
  }
  for (std::int64_t t = 0; t < count; ++t) {
    const auto at = s.tile(first + t);
    T* const image = y + at.image * s.out.h * s.out.w * s.out.c;
    for (std::int64_t py = 0; py < s.out.phases; ++py)
      for (std::int64_t px = 0; px < s.out.phases; ++px) {
        T* to[4][4];
        T* pixels[16];
        std::int64_t inside = 0;
        for (int i = 0; i < 4; ++i)
          for (int j = 0; j < 4; ++j) {
            const std::int64_t line = s.out.index(at.y, i, py), col = s.out.index(at.x, j, px);
            to[i][j] = s.out.inside(line, col) ? image + (line * s.out.w + col) * s.out.c : nullptr;
            if (to[i][j]) pixels[inside++] = to[i][j];
          }
        winograd_results(results.data() + t * ld_out + (py * s.out.phases + px) * s.out.c, count * ld_out, s.out.c, to,
                         epilogue.accumulate);
        finish_panel(inside, pixels, 0, s.out.c, epilogue);
      }
  }
}

/// Four upstream gradients at the points, the transpose of from_points.
template <class T>
AGON_INLINE void gradients_at_points(const Vec<T>* g, Vec<T>* out) {
  const Vec<T> two = Vec<T>::set1(T(2)), four = Vec<T>::set1(T(4)), eight = Vec<T>::set1(T(8));
  out[0] = g[0];
  out[1] = g[0] + g[2] - (g[1] + g[3]);
  out[2] = fmadd(eight, g[0], fmadd(four, g[1], fmadd(two, g[2], g[3])));
  out[3] = fmadd(eight, g[3], fmadd(four, g[2], fmadd(two, g[1], g[0])));
  out[4] = g[3];
}

/// One tile of upstream gradients at all points: `from` are its 4 x 4 pixels, `channels` of each. Writes whole vectors.
template <class T>
void winograd_gradients(const T* const (&from)[4][4], std::int64_t channels, std::int64_t point_size, T* to) {
  using V = Vec<T>;
  for (std::int64_t c = 0; c < channels; c += V::lanes) {
    V rows[5][4], column[5];
#pragma GCC unroll 4
    for (int x = 0; x < 4; ++x) {
      V v[4];
#pragma GCC unroll 4
      for (int y = 0; y < 4; ++y) v[y] = load_channels(from[y][x] + c, channels - c);
      gradients_at_points(v, column);
#pragma GCC unroll 5
      for (int y = 0; y < 5; ++y) rows[y][x] = column[y];
    }
#pragma GCC unroll 5
    for (int y = 0; y < 5; ++y) {
      gradients_at_points(rows[y], column);
#pragma GCC unroll 5
      for (int x = 0; x < 5; ++x) column[x].store(to + (y * 5 + x) * point_size + c);
    }
  }
}

/// The tiles [first, first + count) of the upstream gradient of a convolution at all points: rows of `ld` elements.
template <class T>
void winograd_gather_gradients(const detail::WinogradShape& s, std::int64_t first, std::int64_t count, const T* g,
                               T* to, std::int64_t ld, std::int64_t point_size) {
  const auto& images = s.out;
  const Workspace<T> zeros(images.c);
  zero_run(images.c, zeros.data());
  for (std::int64_t t = 0; t < count; ++t) {
    const auto at = s.tile(first + t);
    const T* const image = g + at.image * images.h * images.w * images.c;
    const T* from[4][4];
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 4; ++x) {
        const std::int64_t line = images.index(at.y, y, 0), col = images.index(at.x, x, 0);
        from[y][x] = images.inside(line, col) ? image + (line * images.w + col) * images.c : zeros.data();
      }
    winograd_gradients(from, images.c, point_size, to + t * ld);
  }
}

/// Rows [first, first + count) of w [o, k] = or += the transpose of g [tiles, o] times x [tiles, k], all at one point.
template <class T>
void winograd_weight_product(std::int64_t tiles, std::int64_t k, std::int64_t first, std::int64_t count, const T* x,
                             std::int64_t ld_x, const T* g, std::int64_t ld_g, T* w, bool accumulate) {
  for (std::int64_t j = 0; j < k; j += Tile<T>::cols)
    multiply_narrow(count, {g + first, 1, ld_g}, tiles, x + j, ld_x, w + first * k + j, k,
                    detail::smaller(Tile<T>::cols, k - j), accumulate);
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
