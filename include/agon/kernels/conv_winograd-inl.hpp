namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

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

/// Rows [first, first + count) of w [o, k] = or += the transpose of g [tiles, o] times x [tiles, k], all at one point;
/// what is read `next` is asked for meanwhile.
template <class T>
void winograd_weight_product(std::int64_t tiles, std::int64_t k, std::int64_t first, std::int64_t count, const T* x,
                             std::int64_t ld_x, const T* g, std::int64_t ld_g, T* w, bool accumulate,
                             const detail::WinogradNext<T>& next) {
  const auto down_g = Walks<T>::down(next.g, next.g_rows, ld_g), down_x = Walks<T>::down(next.x, next.x ? k : 0, ld_x);
  const std::int64_t panels = detail::ceil_div(k, Tile<T>::cols);
  const std::int64_t all = k / Tile<T>::cols * count_tiles<T>(count, Tile<T>::cols);
  const std::int64_t for_x = all * next.x_size / detail::larger(next.x_size + next.g_size, 1);
  Ahead<T> ahead({down_g, down_x}, {Walks<T>::along(next.x_images, next.x_size, for_x, tiles),
                                    Walks<T>::along(next.g_images, next.g_size, all - for_x, tiles)});
  for (std::int64_t q = 0; q < panels; ++q) {
    const std::int64_t j = q * Tile<T>::cols;
    if (!tiles_look_ahead) {
      SoonRows<T>::along(next.x_images, next.x_size).prefetch(q, panels);
      SoonRows<T>::along(next.g_images, next.g_size).prefetch(q, panels);
    }
    multiply_narrow(count, {g + first, 1, ld_g}, tiles, x + j, ld_x, w + first * k + j, k,
                    detail::smaller(Tile<T>::cols, k - j), accumulate, &ahead);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
