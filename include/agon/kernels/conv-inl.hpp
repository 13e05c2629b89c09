namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

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
/// `packed` is the right one, [kh, kw, c] x out_channels in panels.
template <class T>
void conv_block(const detail::Windows& s, const detail::WindowBlock& at, const T* x, const T* packed,
                std::int64_t out_channels, const detail::Placement& place, T* y, const Epilogue<T>& epilogue) {
  const bool pad = s.need_padding();
  const std::int64_t pitch = s.pitch(), image = s.h * s.w * s.c;
  const std::int64_t band = (at.rows - 1) * s.stride + s.kh, pixels = at.images * at.rows * s.ow;
  const Workspace<T> padded(pad ? at.images * band * pitch : 0);
  const Workspace<const T*> window(pixels);
  const Workspace<T*> target(pixels);
  const Workspace<std::int64_t> offset(s.kh);
  for (std::int64_t r = 0; r < s.kh; ++r) offset.data()[r] = r * pitch;

  std::int64_t pixel = 0;
  for (std::int64_t i = 0; i < at.images; ++i) {
    const T* const from = x + (at.image + i) * image;
    const T* const rows = pad ? padded.data() + i * band * pitch : from + at.y * s.stride * pitch;
    if (pad) pad_rows(s, from, at.y * s.stride, band, padded.data() + i * band * pitch);
    for (std::int64_t r = 0; r < at.rows; ++r) {
      T* const to = y + place.offset + (at.image + i) * place.image + (at.y + r) * place.row;
      for (std::int64_t q = 0; q < s.ow; ++q, ++pixel) {
        window.data()[pixel] = rows + r * s.stride * pitch + q * s.stride * s.c;
        target.data()[pixel] = to + q * place.col;
      }
    }
  }

  const detail::Rows<T> left{window.data(), offset.data(), s.kh, s.kw * s.c, 1};
  for (std::int64_t j = 0; j < out_channels; j += Tile<T>::cols) {
    const std::int64_t cols = detail::smaller(Tile<T>::cols, out_channels - j);
    const std::int64_t ldb = detail::round_up(cols, Vec<T>::lanes);
    multiply_panel(pixels, left, packed + j * s.depth(), ldb, target.data(), j, cols, epilogue.accumulate);
    finish_panel(pixels, target.data(), j, cols, epilogue);
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

/// One panel of the largest width from rows that lie `step` apart.
template <class T>
AGON_INLINE void copy_columns(std::int64_t rows, const T* from, std::int64_t step, T* to) {
  using V = Vec<T>;
  for (std::int64_t r = 0; r < rows; ++r, from += step, to += Tile<T>::cols)
#pragma GCC unroll 4
    for (int v = 0; v < Tile<T>::vectors; ++v) V::load(from + v * V::lanes).store(to + v * V::lanes);
}

/// Panels of the matrix [windows, kh kw c], packed from images that are padded where they need it.
template <class T>
struct WindowPanels {
  const detail::Windows& s;
  const T* x;
  std::int64_t image;  ///< elements from one image to the next

  bool needs_scratch() const { return true; }
  const T* panel(std::int64_t j, std::int64_t cols, std::int64_t k, std::int64_t depth, T* scratch,
                 std::int64_t& ldb) const {
    struct Run {
      std::int64_t from, to, size;
    };
    Run runs[Tile<T>::cols];
    std::int64_t count = 0;
    const std::int64_t pitch = s.pitch(), segment = s.kw * s.c;
    for (std::int64_t done = 0; done < cols; done += runs[count++].size) {
      const std::int64_t inside = (j + done) % segment;
      runs[count] = {(j + done) / segment * pitch + inside, done, detail::smaller(segment - inside, cols - done)};
    }
    if (cols < ldb) zero_run(depth * ldb, scratch);
    const bool whole = count == 1 && cols == Tile<T>::cols;
    std::int64_t q = k % s.ow, r = k / s.ow % s.oh, i = k / (s.ow * s.oh);
    for (std::int64_t done = 0; done < depth; q = 0) {
      const std::int64_t here = detail::smaller(s.ow - q, depth - done), step = s.stride * s.c;
      const T* from = x + i * image + r * s.stride * pitch + q * step;
      T* to = scratch + done * ldb;
      if (whole)
        copy_columns(here, from + runs[0].from, step, to);
      else
        for (std::int64_t p = 0; p < here; ++p, from += step, to += ldb)
          for (std::int64_t n = 0; n < count; ++n) copy_run(runs[n].size, from + runs[n].from, to + runs[n].to);
      done += here;
      if (++r == s.oh) r = 0, ++i;
    }
    return scratch;
  }
};

/// One job of the weight gradient, a product [o, pixels] x [pixels, kh kw c].
template <class T>
void conv_weight_block(const detail::Windows& s, const T* x, std::int64_t image, const detail::GemmProblem<T>& p,
                       const detail::GemmPlan& plan, const detail::GemmBlock& at, T* w, std::int64_t ldw,
                       const Epilogue<T>& epilogue) {
  gemm_block(p, WindowPanels<T>{s, x, image}, plan, at, w, ldw, epilogue);
}

/// Adds up what each tap contributes: out[y, x, c] = sum of part[(y + top - ky) / stride, (x + left - kx) / stride] at
/// offset ky * tap_row + kx * tap_col + c * channel of its `width` elements, where the division leaves no remainder and
/// the quotient lies within [rows, cols]. One row of pixels, with the epilogue.
template <class T>
void fold_row(const detail::Fold& f, const T* part, std::int64_t y, T* to, const Epilogue<T>& epilogue) {
  if (!epilogue.accumulate) zero_run(f.w * f.c, to);
  for (std::int64_t ky = 0; ky < f.kh; ++ky) {
    const std::int64_t down = y + f.top - ky;
    if (down < 0 || down % f.stride != 0 || down / f.stride >= f.rows) continue;
    for (std::int64_t kx = 0; kx < f.kw; ++kx) {
      const std::int64_t shift = kx - f.left;  // x = stride * column + shift
      const std::int64_t first = shift >= 0 ? 0 : detail::ceil_div(-shift, f.stride);
      const std::int64_t last = f.w <= shift ? 0 : detail::smaller(f.cols, detail::ceil_div(f.w - shift, f.stride));
      const T* from = part + (down / f.stride * f.cols + first) * f.width + f.first + ky * f.tap_row + kx * f.tap_col;
      T* at = to + (first * f.stride + shift) * f.c;
      for (std::int64_t q = first; q < last; ++q, from += f.width, at += f.stride * f.c)
        for (std::int64_t c = 0; c < f.c; ++c) at[c] += from[c * f.channel];
    }
  }
  constexpr std::int64_t group = 32;
  T* pixel[group];
  for (std::int64_t x = 0; x < f.w; x += group) {
    const std::int64_t count = detail::smaller(group, f.w - x);
    for (std::int64_t i = 0; i < count; ++i) pixel[i] = to + (x + i) * f.c;
    for (std::int64_t j = 0; j < f.c; j += Tile<T>::cols)
      finish_panel(count, pixel, j, detail::smaller(Tile<T>::cols, f.c - j), epilogue);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
