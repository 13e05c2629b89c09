namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Rows [first, first + count) of a padded image.
template <class T>
void pad_rows(const detail::Windows& s, const T* image, std::int64_t first, std::int64_t count, T* to) {
  const std::int64_t cols = s.padded_cols(), skip = detail::larger(0, -s.left);
  const std::int64_t before = detail::smaller(detail::larger(0, s.left), cols);
  const std::int64_t inside = detail::larger(0, detail::smaller(s.w - skip, cols - before));
  for (std::int64_t r = first; r < first + count; ++r, to += cols * s.c) {
    const std::int64_t y = r - s.top;
    if (y < 0 || y >= s.h || inside == 0) {
      zero_run(cols * s.c, to);
      continue;
    }
    zero_run(before * s.c, to);
    copy_run(inside * s.c, image + (y * s.w + skip) * s.c, to + before * s.c);
    zero_run((cols - before - inside) * s.c, to + (before + inside) * s.c);
  }
}

/// One job of a convolution as a product of register tiles: the left operand is read from the windows where they stand,
/// without the taps that lie on padding; `packed` is the right one, [kh, kw, c] x out_channels in panels.
template <class T>
void conv_block(const detail::Windows& s, const detail::WindowBlock& at, const T* x, const T* packed,
                std::int64_t out_channels, const detail::Placement& place, T* y, const Epilogue<T>& epilogue) {
  const Workspace<const T*> window(at.images * at.rows * s.ow);
  const Workspace<T*> target(at.images * at.rows * s.ow);
  const Workspace<detail::WindowGroup> groups(at.rows * s.ow);
  std::int64_t pixel = 0, group_count = 0;
  const auto list = [&](detail::Range ys, detail::Range xs, detail::Range rows, detail::Range cols) {
    auto& group = groups.data()[group_count++] = {pixel, at.images * ys.size() * xs.size(), rows, cols};
    if (rows.size() * cols.size() == 0) group.rows = group.cols = {0, 0};
    for (std::int64_t i = at.image; i < at.image + at.images; ++i)
      for (std::int64_t r = ys.first; r < ys.last; ++r)
        for (std::int64_t q = xs.first; q < xs.last; ++q, ++pixel) {
          const std::int64_t row = r * s.stride - s.top + rows.first, col = q * s.stride - s.left + cols.first;
          window.data()[pixel] = group.rows.size() > 0 ? x + ((i * s.h + row) * s.w + col) * s.c : x;
          target.data()[pixel] = y + place.offset + i * place.image + r * place.row + q * place.col;
        }
  };
  for (std::int64_t r = at.y, next; r < at.y + at.rows; r = next) {
    const auto rows = s.tap_rows(r);
    for (next = r + 1; next < at.y + at.rows && s.tap_rows(next) == rows;) ++next;
    for (std::int64_t q = 0, after; q < s.ow; q = after) {
      const auto cols = s.tap_cols(q);
      for (after = q + 1; after < s.ow && s.tap_cols(after) == cols;) ++after;
      list({r, next}, {q, after}, rows, cols);
    }
  }

  const Workspace<detail::Segment> segments(s.kh);
  for (std::int64_t j = 0; j < out_channels; j += Tile<T>::cols) {
    const std::int64_t cols = detail::smaller(Tile<T>::cols, out_channels - j);
    const std::int64_t ldb = detail::round_up(cols, Vec<T>::lanes);
    for (std::int64_t i = 0; i < group_count; ++i) {
      const auto& group = groups.data()[i];
      for (std::int64_t r = 0; r < group.rows.size(); ++r)
        segments.data()[r] = {r * s.w * s.c, ((group.rows.first + r) * s.kw + group.cols.first) * s.c * ldb};
      const detail::Rows<T> left{window.data() + group.first, segments.data(), group.rows.size(),
                                 group.cols.size() * s.c, 1};
      multiply_panel<true>(group.count, left, packed + j * s.depth(), ldb, target.data() + group.first, j, cols,
                           epilogue.accumulate);
    }
    finish_panel(pixel, target.data(), j, cols, epilogue);
  }
}

/// Packs the right operand of a phase of the input gradient, [taps, o] x c: columns [j, j + cols) of the kernel
/// w [o, kh, kw, c] at the taps of the phase, last one first.
template <class T>
void pack_taps(const detail::PhaseTaps& p, const T* w, std::int64_t j, std::int64_t cols, T* to) {
  const std::int64_t width = detail::round_up(cols, Vec<T>::lanes);
  for (std::int64_t y = p.rows - 1; y >= 0; --y)
    for (std::int64_t x = p.cols - 1; x >= 0; --x, to += p.o * width) {
      const std::int64_t tap = (p.first_row + y * p.stride) * p.kw + p.first_col + x * p.stride;
      pack_copy(p.o, cols, w + tap * p.c + j, p.kh * p.kw * p.c, to, width);
    }
}

/// conv_tap_block of some rows of both operands at a time, which are copied in groups of columns.
template <class T>
void conv_tap_block_copied(const detail::Windows& s, const T* x, const T* g, std::int64_t out_channels,
                           const detail::GemmBlock& at, T* w, std::int64_t ldw) {
  constexpr std::int64_t lanes = Vec<T>::lanes, width = Tile<T>::cols, bytes = sizeof(T);
  const std::int64_t fits = (1 << 20) / detail::larger(1, s.stride * s.w * s.c * bytes);
  const std::int64_t some = detail::smaller(400 / detail::larger(1, s.ow), fits);
  // Rows of windows, and of pixels, of all images one after another.
  const std::int64_t first = at.k * s.oh, last = first + at.k_size * s.oh;
  const std::int64_t step = detail::even_pieces(last - first, detail::larger(1, some), 1);
  const auto pixel_rows = [&](std::int64_t from, std::int64_t to) {
    const auto row = [&](std::int64_t r, std::int64_t tap) {
      return r / s.oh * s.h + detail::larger(0, detail::smaller(r % s.oh * s.stride + tap - s.top, s.h));
    };
    const std::int64_t begin = row(from, 0);
    return detail::Range{begin, row(to - 1, s.kh)};
  };
  std::int64_t most = 0;
  for (std::int64_t r = first; r < last; r += step)
    most = detail::larger(most, pixel_rows(r, detail::smaller(r + step, last)).size());
  const std::int64_t g_group = step * s.ow * lanes + cache_line<T>, x_group = most * s.w * width + cache_line<T>;
  const Workspace<T> g_columns(detail::ceil_div(at.m, lanes) * g_group);
  const Workspace<T> x_columns(detail::ceil_div(s.c, width) * x_group);
  const Workspace<detail::Segment> segments(step);
  const Workspace<const T*> left(at.m);
  const Workspace<T*> target(at.m);
  for (std::int64_t r = 0; r < at.m; ++r) {
    left.data()[r] = g_columns.data() + r / lanes * g_group + r % lanes;
    target.data()[r] = w + (at.i + r) * ldw;
  }
  std::int64_t from = first;
  do {  // also where there are no images, which gives zeros
    const std::int64_t to = detail::smaller(from + step, last);
    const auto copied = to > from ? pixel_rows(from, to) : detail::Range{0, 0};
    pack_columns<1>((to - from) * s.ow, at.m, g + from * s.ow * out_channels + at.i, out_channels, g_columns.data(),
                    g_group);
    pack_columns<Tile<T>::vectors>(copied.size() * s.w, s.c, x + copied.first * s.w * s.c, s.c, x_columns.data(),
                                   x_group);
    Ahead<T> ahead;
    if (const std::int64_t end = detail::smaller(to + step, last); to < end) {
      const std::int64_t tiles = at.n / s.c * (s.c / width) * count_tiles<T>(at.m, width), depth = (to - from) * s.ow;
      const std::int64_t rows = pixel_rows(to, end).last - copied.last;
      ahead = {{Walks<T>::along(g + to * s.ow * out_channels, (end - to) * s.ow * out_channels, tiles, depth)},
               {Walks<T>::along(x + copied.last * s.w * s.c, rows * s.w * s.c, tiles, depth)}};
    }
    for (std::int64_t j = at.j; j < at.j + at.n; j += s.c) {
      const std::int64_t ky = j / s.c / s.kw, kx = j / s.c % s.kw;
      const auto ys = s.rows_with_tap(ky), xs = s.cols_with_tap(kx);
      std::int64_t count = 0;
      for (std::int64_t r = from; r < to && xs.size() > 0; ++r) {
        const std::int64_t y = r % s.oh;
        if (y < ys.first || y >= ys.last) continue;
        const std::int64_t row = r / s.oh * s.h + y * s.stride + ky - s.top, col = xs.first * s.stride + kx - s.left;
        segments.data()[count++] = {((r - from) * s.ow + xs.first) * lanes, ((row - copied.first) * s.w + col) * width};
      }
      const detail::Rows<T> rows{left.data(), segments.data(), count, xs.size(), lanes};
      for (std::int64_t c = 0; c < s.c; c += width)
        multiply_panel(at.m, rows, x_columns.data() + c / width * x_group, s.stride * width, target.data(), j + c,
                       detail::smaller(width, s.c - c), from > first, ahead);
    }
    from = to;
  } while (from < last);
}

/// conv_tap_block that reads both operands where they stand.
template <class T>
void conv_tap_block_in_place(const detail::Windows& s, const T* x, const T* g, std::int64_t out_channels,
                             const detail::GemmPlan& plan, const detail::GemmBlock& at, T* w, std::int64_t ldw) {
  const Workspace<const T*> left(at.m);
  const Workspace<T*> target(at.m);
  const Workspace<detail::Segment> segments(plan.depth * s.oh);
  for (std::int64_t r = 0; r < at.m; ++r) {
    left.data()[r] = g + at.i + r;
    target.data()[r] = w + (at.i + r) * ldw;
  }
  std::int64_t from = at.k;
  do {  // also where there are no images, which gives zeros
    const std::int64_t to = detail::smaller(from + plan.depth, at.k + at.k_size);
    for (std::int64_t j = at.j; j < at.j + at.n; j += s.c) {
      const std::int64_t ky = j / s.c / s.kw, kx = j / s.c % s.kw;
      const auto ys = s.rows_with_tap(ky), xs = s.cols_with_tap(kx);
      std::int64_t count = 0;
      for (std::int64_t i = from; i < to && xs.size() > 0; ++i)
        for (std::int64_t y = ys.first; y < ys.last; ++y) {
          const std::int64_t row = i * s.h + y * s.stride + ky - s.top, col = xs.first * s.stride + kx - s.left;
          segments.data()[count++] = {((i * s.oh + y) * s.ow + xs.first) * out_channels, (row * s.w + col) * s.c};
        }
      const detail::Rows<T> rows{left.data(), segments.data(), count, xs.size(), out_channels};
      for (std::int64_t c = 0; c < s.c; c += Tile<T>::cols)
        multiply_panel(at.m, rows, x + c, s.stride * s.c, target.data(), j + c, detail::smaller(Tile<T>::cols, s.c - c),
                       from > at.k);
    }
    from = to;
  } while (from < at.k + at.k_size);
}

/// One job of the weight gradient [o, kh kw c] where the channels of x are whole vectors: the product of g^T and the
/// windows, tap by tap, from those windows alone that see the tap. `at` counts images along k.
template <class T>
void conv_tap_block(const detail::Windows& s, const T* x, const T* g, std::int64_t out_channels,
                    const detail::GemmPlan& plan, const detail::GemmBlock& at, T* w, std::int64_t ldw) {
  if (detail::copies_pixels(s, out_channels, sizeof(T), Tile<T>::rows))
    conv_tap_block_copied(s, x, g, out_channels, at, w, ldw);
  else
    conv_tap_block_in_place(s, x, g, out_channels, plan, at, w, ldw);
}

/// One job of the transposed weight gradient [kh kw c, o]: the product of the transposed windows and g. The windows are
/// read where they stand, in padded images that are `image` elements apart, and g in rows of `width` elements, whole
/// vectors; if it was not `copied` just now, it is asked for. It serves few channels of x, and few of g with the two in
/// each other's place. `at` counts images along k.
template <class T>
void conv_window_block(const detail::Windows& s, const T* x, std::int64_t image, const T* g, std::int64_t width,
                       bool copied, const detail::GemmPlan& plan, const detail::GemmBlock& at, T* w, std::int64_t ldw) {
  const Workspace<const T*> left(at.m);
  const Workspace<T*> target(at.m);
  const Workspace<detail::Segment> segments(plan.depth * s.oh);
  for (std::int64_t r = 0; r < at.m; ++r) {
    const std::int64_t tap_row = (at.i + r) / (s.kw * s.c), inside = (at.i + r) % (s.kw * s.c);
    left.data()[r] = x + tap_row * s.pitch() + inside;
    target.data()[r] = w + (at.i + r) * ldw;
  }
  std::int64_t from = at.k;
  do {  // also where there are no images, which gives zeros
    const std::int64_t to = detail::smaller(from + plan.depth, at.k + at.k_size);
    std::int64_t count = 0;
    for (std::int64_t i = from; i < to; ++i)
      for (std::int64_t y = 0; y < s.oh; ++y)
        segments.data()[count++] = {i * image + y * s.stride * s.pitch(), (i * s.oh + y) * s.ow * width};
    const detail::Rows<T> rows{left.data(), segments.data(), count, s.ow, s.stride * s.c};
    for (std::int64_t j = at.j; j < at.j + at.n; j += Tile<T>::cols) {
      const std::int64_t cols = detail::smaller(Tile<T>::cols, at.j + at.n - j);
      // The same lines of the images that come next.
      Ahead<T> ahead;
      if (!copied && 2 * to - from <= s.n)
        ahead = {{Walks<T>::down(g + to * s.oh * s.ow * width + j, cols, width)}, {}};
      multiply_panel(at.m, rows, g + j, width, target.data(), j, cols, from > at.k, ahead);
    }
    from = to;
  } while (from < at.k + at.k_size);
}

/// What one window contributes to a row of an image: to += from, n elements.
template <class T>
AGON_INLINE void add_few(std::int64_t n, const T* from, T* to) {
#if AGON_VECTOR_BYTES
  typedef T Four __attribute__((vector_size(4 * sizeof(T))));
  for (; n >= 4; n -= 4, from += 4, to += 4) {
    Four a, b;
    std::memcpy(&a, to, sizeof(a));
    std::memcpy(&b, from, sizeof(b));
    a += b;
    std::memcpy(to, &a, sizeof(a));
  }
#endif
  for (; n > 0; --n) *to++ += *from++;
}

/// The taps of one kernel row, where they lie side by side like the pixels they belong to. Windows that do not overlap
/// are added one after another: sums that were just written cannot be read back at once.
template <class T>
void fold_windows(const detail::Fold& f, const T* from, T* to) {
  const std::int64_t apart = detail::ceil_div(f.kw, f.stride);
  for (std::int64_t r = 0; r < detail::smaller(apart, f.cols); ++r)
    for (std::int64_t q = r; q < f.cols; q += apart) {
      const std::int64_t x = q * f.stride - f.left;
      if (x >= 0 && x + f.kw <= f.w) {
        add_few(f.kw * f.c, from + q * f.width, to + x * f.c);
        continue;
      }
      const std::int64_t first = detail::larger(0, -x), last = detail::smaller(f.kw, f.w - x);
      if (first < last) add_few((last - first) * f.c, from + q * f.width + first * f.c, to + (x + first) * f.c);
    }
}

/// Adds up what each tap contributes: out[y, x, c] = sum of part[(y + top - ky) / stride, (x + left - kx) / stride] at
/// offset ky * tap_row + kx * tap_col + c * channel of its `width` elements, where the division leaves no remainder and
/// the quotient lies within [rows, cols]. One row of pixels, with the epilogue.
template <class T>
void fold_row(const detail::Fold& f, const T* part, std::int64_t y, T* to, const Epilogue<T>& epilogue) {
  const std::int64_t row = f.w * f.c;
  if (epilogue.bias) {
    for (std::int64_t i = 0; i < row; ++i) to[i] = epilogue.bias[i % f.c];
  } else if (!epilogue.accumulate) {
    zero_run(row, to);
  }
  for (std::int64_t ky = 0; ky < f.kh; ++ky) {
    const std::int64_t down = y + f.top - ky;
    if (down < 0 || down % f.stride != 0 || down / f.stride >= f.rows) continue;
    const T* const parts = part + down / f.stride * f.cols * f.width + f.first + ky * f.tap_row;
    if (f.tap_col == f.c && f.channel == 1) {
      fold_windows(f, parts, to);
      continue;
    }
    for (std::int64_t kx = 0; kx < f.kw; ++kx) {
      const std::int64_t shift = kx - f.left;  // x = stride * column + shift
      const std::int64_t first = shift >= 0 ? 0 : detail::ceil_div(-shift, f.stride);
      const std::int64_t last = f.w <= shift ? 0 : detail::smaller(f.cols, detail::ceil_div(f.w - shift, f.stride));
      const T* from = parts + first * f.width + kx * f.tap_col;
      T* at = to + (first * f.stride + shift) * f.c;
      for (std::int64_t q = first; q < last; ++q, from += f.width, at += f.stride * f.c)
        for (std::int64_t c = 0; c < f.c; ++c) at[c] += from[c * f.channel];
    }
  }
  const Epilogue<T> rest{nullptr, epilogue.activation, false};  // the bias is in, so pixels are like channels
  finish_panel(1, &to, 0, row, rest);
}

/// The same for one channel and stride 1, rows [y, y + count) of one image: with the parts of each tap side by side,
/// the taps of a kernel column are added as they lie, and then the columns, each a pixel further.
template <class T>
void fold_planes(const detail::Fold& f, const T* part, std::int64_t y, std::int64_t count, T* to,
                 const Epilogue<T>& epilogue) {
  using V = Vec<T>;
  const std::int64_t end = detail::smaller(f.rows, y + count + f.top);
  const std::int64_t begin = detail::smaller(f.rows, detail::larger(0, y + f.top - f.kh + 1));
  const std::int64_t parts = detail::larger(0, end - begin) * f.cols, plane = detail::round_up(parts, V::lanes);
  const Workspace<T> planes(f.width * plane);
  pack_transpose(f.width, parts, part + begin * f.cols * f.width, f.width, planes.data(), plane);
  // Zeros on both sides, as far as the columns reach beyond the image.
  const std::int64_t before = detail::larger(0, f.kw - 1 - f.left);
  const std::int64_t ld = before + f.left + detail::larger(f.w, f.cols) + V::lanes;
  const Workspace<T> columns(f.kw * count * ld);
  zero_run(f.kw * count * ld, columns.data());
  for (std::int64_t kx = 0; kx < f.kw; ++kx)
    for (std::int64_t r = 0; r < count; ++r) {
      T* const sums = columns.data() + (kx * count + r) * ld + before;
      for (std::int64_t q = 0; q < f.cols; q += V::lanes) {
        V sum = V::zero();
        for (std::int64_t ky = 0; ky < f.kh; ++ky) {
          const std::int64_t line = y + r + f.top - ky;
          if (line < begin || line >= end) continue;
          const T* const tap = planes.data() + (f.first + ky * f.tap_row + kx * f.tap_col) * plane;
          sum = sum + V::load_first(tap + (line - begin) * f.cols + q, f.cols - q);
        }
        sum.store_first(sums + q, f.cols - q);
      }
    }
  for (std::int64_t r = 0; r < count; ++r)
    for (std::int64_t x = 0; x < f.w; x += V::lanes) {
      T* const at = to + r * f.w + x;
      V sum = epilogue.accumulate ? V::load_first(at, f.w - x) : V::set1(epilogue.bias ? *epilogue.bias : T(0));
      for (std::int64_t kx = 0; kx < f.kw; ++kx)
        sum = sum + V::load(columns.data() + (kx * count + r) * ld + before + x + f.left - kx);
      sum.store_first(at, f.w - x);
    }
  const Epilogue<T> rest{nullptr, epilogue.activation, false};
  finish_panel(1, &to, 0, count * f.w, rest);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
