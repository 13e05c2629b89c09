namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// The largest register tile: rows x cols accumulators, one column vector of the left operand and one row of the right
/// one fit into the 32 registers of AVX-512 or the 16 of the others. Tiles of one vector may be higher where it takes
/// more rows to keep the multiply-add units busy. Lower tiles have at most `low_rows`: every height is compiled.
template <class T>
struct Tile {
  static constexpr int rows = AGON_VECTOR_BYTES == 64 ? 14 : 6;
  static constexpr int narrow_rows = AGON_VECTOR_BYTES == 32 ? 9 : rows;
  static constexpr int low_rows = AGON_VECTOR_BYTES == 64 ? 8 : AGON_VECTOR_BYTES == 32 ? 6 : 3;
  static constexpr int least_rows = AGON_VECTOR_BYTES == 64 ? 4 : low_rows;
  static constexpr int vectors = 2;
  static constexpr int cols = vectors * Vec<T>::lanes;
};

template <class T>
detail::TileSize tile_size() {
  return {Tile<T>::rows, Tile<T>::cols, Vec<T>::lanes};
}

/// In less than this, what a tile asks for does not arrive in time.
constexpr std::int64_t short_depth = 32;

/// Whether there are tiles that ask at every depth for something that comes later. With 16 registers other tiles serve
/// most products.
constexpr bool tiles_look_ahead = AGON_VECTOR_BYTES == 64;

template <class T>
using MultiplyTile = void (*)(const detail::Rows<T>& a, const T* const* row, const T* b, std::int64_t ldb, T* const* c,
                              std::int64_t j, std::int64_t cols, bool accumulate);

/// c[i][j .. j + cols) = or += a b for m rows and cols <= n vectors of columns. Every element is one chain of fmadd in
/// the order of k that starts from zero, whatever the tile's size. b has n vectors in each of its rows, ldb apart;
/// segment s of its rows starts at b + segment[s].right.
template <class T, int m, int n, bool looks_ahead = false>
void multiply_tile(const detail::Rows<T>& a, const T* const* row, const T* b, std::int64_t ldb, T* const* c,
                   std::int64_t j, std::int64_t cols, bool accumulate) {
  using V = Vec<T>;
  V sum[m][n];
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < n; ++v) sum[i][v] = V::zero();
  // What the tile will be written to is on its way into the cache while the sums are made.
  if (a.length * a.segments >= short_depth) {
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < n; ++v) __builtin_prefetch(c[i] + j + v * V::lanes, 1);
  }
  const std::int64_t step = a.step;
  std::conditional_t<looks_ahead, Asks, AsksNothing> asks(a.soon, b);
  for (std::int64_t s = 0; s < a.segments; ++s) {
    const T* p[m];
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i) p[i] = row[i] + a.segment[s].left;
    const T* from = b + a.segment[s].right;
    const T* const end = from + a.length * ldb;
#pragma GCC unroll 1
    for (std::int64_t at = 0; from != end; from += ldb, at += step) {
      asks();
      V right[n];
#pragma GCC unroll 4
      for (int v = 0; v < n; ++v) right[v] = V::load(from + v * V::lanes);
#pragma GCC unroll 16
      for (int i = 0; i < m; ++i) {
        const V left = V::set1(p[i][at]);
#pragma GCC unroll 4
        for (int v = 0; v < n; ++v) sum[i][v] = fmadd(left, right[v], sum[i][v]);
      }
    }
  }
  const std::int64_t last = cols - (n - 1) * V::lanes;
  // With AVX-512 the last vector always goes through a mask, which costs nothing: one way of storing less to compile.
  const bool masked = AGON_VECTOR_BYTES == 64 || last < V::lanes;
  if (!masked) {
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < n; ++v) {
        T* const to = c[i] + j + v * V::lanes;
        (accumulate ? V::load(to) + sum[i][v] : sum[i][v]).store(to);
      }
  } else {
#if AGON_VECTOR_BYTES >= 32
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < n; ++v) {
        T* const to = c[i] + j + v * V::lanes;
        if (v < n - 1)
          (accumulate ? V::load(to) + sum[i][v] : sum[i][v]).store(to);
        else
          (accumulate ? V::load_first(to, last) + sum[i][v] : sum[i][v]).store_first(to, last);
      }
#else
    T result[m][n * V::lanes];
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
      for (int v = 0; v < n; ++v) sum[i][v].store(result[i] + v * V::lanes);
    for (int i = 0; i < m; ++i)
      for (std::int64_t q = 0; q < cols; ++q) c[i][j + q] = accumulate ? c[i][j + q] + result[i][q] : result[i][q];
#endif
  }
}

template <class T, int n, int whole, bool looks_ahead, int... m>
constexpr std::array<MultiplyTile<T>, sizeof...(m) + 1> tiles_of_width(std::integer_sequence<int, m...>) {
  return {multiply_tile<T, m + 1, n, looks_ahead>..., multiply_tile<T, whole, n, looks_ahead>};
}

/// The tile of `rows` rows, a height that tile_height() gives, and `cols` <= Tile<T>::cols columns.
template <class T, bool looks_ahead = false>
AGON_INLINE MultiplyTile<T> tile_of(std::int64_t rows, std::int64_t cols) {
  using Low = std::make_integer_sequence<int, Tile<T>::low_rows>;
  static constexpr auto narrow = tiles_of_width<T, 1, Tile<T>::narrow_rows, false>(Low{});
  static constexpr auto wide = tiles_of_width<T, 2, Tile<T>::rows, looks_ahead>(Low{});
  const auto index = static_cast<std::size_t>(detail::smaller(rows - 1, Tile<T>::low_rows));
  return cols > Vec<T>::lanes ? wide[index] : narrow[index];
}

/// Height of the next tile where `rows` are left: whole ones unless fewer than `least_rows` would be left over, then
/// low ones of about the same height, as the few sums of a very low one would wait for each other.
template <class T>
AGON_INLINE std::int64_t tile_height(std::int64_t rows, std::int64_t cols) {
  constexpr std::int64_t low = Tile<T>::low_rows;
  const std::int64_t whole = cols > Vec<T>::lanes ? Tile<T>::rows : Tile<T>::narrow_rows;
  if (rows == whole || rows >= whole + Tile<T>::least_rows) return whole;
  return detail::ceil_div(rows, detail::ceil_div(rows, low));
}

/// How many tiles of that height there are.
template <class T>
std::int64_t count_tiles(std::int64_t rows, std::int64_t cols) {
  std::int64_t count = 0;
  for (; rows > 0; ++count) rows -= tile_height<T>(rows, cols);
  return count;
}

/// c[i][j .. j + cols) = or += a b for any number of rows and one panel of columns, cols <= Tile<T>::cols. Where c is
/// far away and the tiles are too short to wait for it, it pays to ask for the rows of the next tile before each.
template <bool far = false, class T>
void multiply_panel(std::int64_t rows, const detail::Rows<T>& a, const T* b, std::int64_t ldb, T* const* c,
                    std::int64_t j, std::int64_t cols, bool accumulate) {
  for (std::int64_t i = 0, height; i < rows; i += height) {
    height = tile_height<T>(rows - i, cols);
    if (far && a.segments * a.length < short_depth)
      for (std::int64_t r = i + height; r < detail::smaller(rows, i + 2 * height); ++r)
        for (std::int64_t q = 0; q < cols; q += Vec<T>::lanes) __builtin_prefetch(c[r] + j + q, 1);
    tile_of<T>(height, cols)(a, a.row + i, b, ldb, c + i, j, cols, accumulate);
  }
}

/// The same where tiles of two vectors ask for what comes ahead.
template <class T>
void multiply_panel(std::int64_t rows, detail::Rows<T> a, const T* b, std::int64_t ldb, T* const* c, std::int64_t j,
                    std::int64_t cols, bool accumulate, Ahead<T>& ahead) {
  if (tiles_look_ahead && cols > Vec<T>::lanes)
    for (std::int64_t height; rows > 0 && !ahead.done(); rows -= height, a.row += height, c += height) {
      height = tile_height<T>(rows, cols);
      ahead.next(a.soon);
      tile_of<T, tiles_look_ahead>(height, cols)(a, a.row, b, ldb, c, j, cols, accumulate);
    }
  multiply_panel(rows, a, b, ldb, c, j, cols, accumulate);
}

/// Left operand of a product in rows of equal distance: element (i, k) is data[i * row + k * step].
template <class T>
struct LeftOperand {
  /// Rows that are addressed from one of them: a pointer for each would not fit into the registers.
  static constexpr int reach = 4;
  const T* data;
  std::int64_t row, step;

  AGON_INLINE const T* at(std::int64_t i) const { return data + i * row; }
  AGON_INLINE LeftOperand from_row(std::int64_t i) const { return {data + i * row, row, step}; }
};

/// Right operand of one or two panels of the same width: rows that are ld apart.
template <class T, int panels>
struct RightPanels {
  const T* data[panels];
  std::int64_t ld;
};

/// A part of the rows of A and, if c is not null, C that come a few tiles later, each as memory that goes on without
/// gaps, for a tile of so many rows and vectors. Rows far apart are left to the processor.
template <class T>
AGON_INLINE Asks asks_for_rows(std::int64_t rows, std::int64_t vectors, const LeftOperand<T>& a, std::int64_t depth,
                               const T* c, std::int64_t ldc) {
  constexpr std::int64_t most_cycles = 4096, most_rows = 64;
  const std::int64_t further = detail::larger(detail::smaller(most_cycles / (depth * vectors + 1), most_rows), rows);
  const auto part = [&](const T* data, std::int64_t ld) -> detail::Walk {
    const std::int64_t step = detail::ceil_div(rows * ld, depth + 1), size = sizeof(T);
    if (!data || step > cache_line<T>) return {};
    return {reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(further * ld * size), step * size};
  };
  return Asks({part(a.data, a.row), part(c, ldc)}, a.data);
}

/// Gives put(i, x) the m rows of a tile of A B, panels of `vectors` vectors: x are the vectors of row i. Every element
/// is the same chain of fmadd as in multiply_tile. Beginning and ending cost less than there, and rows come in the
/// order of memory. Where tiles have few rows the right operand is read more often: they are meant for depths at which
/// it stays in the first-level cache, and for left operands of which only a few rows do.
template <class T, int m, int panels, int vectors, class Left, class Put, class Requests = AsksNothing>
AGON_INLINE void shallow_tile(const Left& a, std::int64_t depth, const RightPanels<T, panels>& b, const Put& put,
                              Requests asks = {}) {
  using V = Vec<T>;
  constexpr int width = panels * vectors;
  V sum[m][width];
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < width; ++v) sum[i][v] = V::zero();
  constexpr int reach = Left::reach;
  const T* left[(m + reach - 1) / reach];
  const std::int64_t row = a.row, step = a.step, ldb = b.ld;
#pragma GCC unroll 4
  for (int i = 0; i < m; i += reach) left[i / reach] = a.at(i);
  const T* from[panels];
#pragma GCC unroll 2
  for (int q = 0; q < panels; ++q) from[q] = b.data[q];
#pragma GCC unroll 1
  for (std::int64_t k = 0; k < depth; ++k) {
    asks();
    // Of the two operands the one of fewer registers is held.
    V x[m], right[width];
    if constexpr (m < width) {
#pragma GCC unroll 16
      for (int i = 0; i < m; ++i) x[i] = V::set1(left[i / reach][i % reach * row]);
#pragma GCC unroll 4
      for (int v = 0; v < width; ++v) {
        right[v] = V::load(from[v / vectors] + v % vectors * V::lanes);
#pragma GCC unroll 16
        for (int i = 0; i < m; ++i) sum[i][v] = fmadd(x[i], right[v], sum[i][v]);
      }
    } else {
#pragma GCC unroll 4
      for (int v = 0; v < width; ++v) right[v] = V::load(from[v / vectors] + v % vectors * V::lanes);
#pragma GCC unroll 16
      for (int i = 0; i < m; ++i) {
        x[i] = V::set1(left[i / reach][i % reach * row]);
#pragma GCC unroll 4
        for (int v = 0; v < width; ++v) sum[i][v] = fmadd(x[i], right[v], sum[i][v]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < m; i += reach) left[i / reach] += step;
#pragma GCC unroll 2
    for (int q = 0; q < panels; ++q) from[q] += ldb;
  }
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i) put(i, sum[i]);
}

/// Rows of C, ldc apart.
template <class T>
struct StoreRow {
  T* c;
  std::int64_t ldc;
  bool accumulate;

  template <int n>
  AGON_INLINE void operator()(std::int64_t i, const Vec<T> (&x)[n]) const {
    using V = Vec<T>;
#pragma GCC unroll 4
    for (int v = 0; v < n; ++v) {
      T* const to = c + i * ldc + v * V::lanes;
      (accumulate ? V::load(to) + x[v] : x[v]).store(to);
    }
  }
};

/// C = or += A B. With AVX2 whole tiles of one panel are made by it too.
template <class T, int m, int panels, int vectors = Tile<T>::vectors, class Left = LeftOperand<T>>
void multiply_shallow_tile(const Left& a, std::int64_t depth, const RightPanels<T, panels>& b, T* c, std::int64_t ldc,
                           bool accumulate) {
  shallow_tile<T, m, panels, vectors>(a, depth, b, StoreRow<T>{c, ldc, accumulate});
}

/// Rows of a shallow tile of two panels; one of a single panel has twice as many.
constexpr int shallow_pair_rows = AGON_VECTOR_BYTES == 64 ? 4 : AGON_VECTOR_BYTES == 32 ? 3 : 2;

/// The same as a tile that asks for later rows.
template <class T, int m, int panels>
void stream_shallow_tile(const LeftOperand<T>& a, std::int64_t depth, const RightPanels<T, panels>& b, T* c,
                         std::int64_t ldc, bool accumulate, const Asks& asks) {
  shallow_tile<T, m, panels, Tile<T>::vectors>(a, depth, b, StoreRow<T>{c, ldc, accumulate}, asks);
}

/// Which operands are far away.
enum class Far { none, left, left_and_target };

/// The same for any number of rows and whole panels.
template <class T, int panels>
AGON_INLINE void multiply_shallow(std::int64_t rows, LeftOperand<T> a, std::int64_t depth,
                                  const RightPanels<T, panels>& b, T* c, std::int64_t ldc, bool accumulate,
                                  Far far = Far::none) {
  constexpr int m = 2 * shallow_pair_rows / panels;
  for (; far != Far::none && rows >= m; rows -= m, a.data += m * a.row, c += m * ldc) {
    const T* const target = far == Far::left ? nullptr : c;
    stream_shallow_tile<T, m>(a, depth, b, c, ldc, accumulate,
                              asks_for_rows<T>(m, panels * Tile<T>::vectors, a, depth, target, ldc));
  }
  for (; rows >= m; rows -= m, a.data += m * a.row, c += m * ldc)
    multiply_shallow_tile<T, m>(a, depth, b, c, ldc, accumulate);
  for (; rows > 0; --rows, a.data += a.row, c += ldc) multiply_shallow_tile<T, 1>(a, depth, b, c, ldc, accumulate);
}

#if AGON_VECTOR_BYTES == 64

constexpr int wide_rows = 5;

/// m rows of C from two whole panels and a vector of which `last` columns are wanted: five vectors of the right operand
/// are read for all rows, and C is written in whole rows.
template <class T, int m>
void multiply_wide_tile(const LeftOperand<T>& a, std::int64_t depth, const RightPanels<T, 2>& b, const T* b_last,
                        std::int64_t ld_last, T* c, std::int64_t ldc, std::int64_t last, bool accumulate) {
  using V = Vec<T>;
  V sum[m][5];
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i)
#pragma GCC unroll 5
    for (int v = 0; v < 5; ++v) sum[i][v] = V::zero();
  constexpr int reach = LeftOperand<T>::reach;
  const T* left[(m + reach - 1) / reach];
  const std::int64_t row = a.row, step = a.step, ldb = b.ld;
#pragma GCC unroll 4
  for (int i = 0; i < m; i += reach) left[i / reach] = a.at(i);
  const T *first = b.data[0], *second = b.data[1];
  auto asks = asks_for_rows<T>(m, 5, a, depth, c, ldc);
#pragma GCC unroll 1
  for (std::int64_t k = 0; k < depth; ++k, first += ldb, second += ldb, b_last += ld_last) {
    asks();
    const V right[5] = {V::load(first), V::load(first + V::lanes), V::load(second), V::load(second + V::lanes),
                        V::load(b_last)};
#pragma GCC unroll 8
    for (int i = 0; i < m; ++i) {
      const V x = V::set1(left[i / reach][i % reach * row]);
#pragma GCC unroll 5
      for (int v = 0; v < 5; ++v) sum[i][v] = fmadd(x, right[v], sum[i][v]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < m; i += reach) left[i / reach] += step;
  }
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i) {
    T* const to = c + i * ldc;
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v)
      (accumulate ? V::load(to + v * V::lanes) + sum[i][v] : sum[i][v]).store(to + v * V::lanes);
    T* const end = to + 4 * V::lanes;
    (accumulate ? V::load_first(end, last) + sum[i][4] : sum[i][4]).store_first(end, last);
  }
}

/// The same for any number of rows.
template <class T>
void multiply_wide(std::int64_t rows, LeftOperand<T> a, std::int64_t depth, const RightPanels<T, 2>& b, const T* b_last,
                   std::int64_t ld_last, T* c, std::int64_t ldc, std::int64_t last, bool accumulate) {
  for (; rows >= wide_rows; rows -= wide_rows, a.data += wide_rows * a.row, c += wide_rows * ldc)
    multiply_wide_tile<T, wide_rows>(a, depth, b, b_last, ld_last, c, ldc, last, accumulate);
  for (; rows > 0; --rows, a.data += a.row, c += ldc)
    multiply_wide_tile<T, 1>(a, depth, b, b_last, ld_last, c, ldc, last, accumulate);
}

#endif

/// Any number of rows and cols <= Tile<T>::cols columns, a part of a panel, of a right operand whose rows are ldb
/// apart; with AVX-512 tiles ask for what comes `ahead`, if it is not null.
template <class T>
void multiply_narrow(std::int64_t rows, LeftOperand<T> a, std::int64_t depth, const T* b, std::int64_t ldb, T* c,
                     std::int64_t ldc, std::int64_t cols, bool accumulate, Ahead<T>* ahead = nullptr) {
  constexpr int high = Tile<T>::narrow_rows;
#if AGON_VECTOR_BYTES == 32
  constexpr int whole = Tile<T>::rows;
  if (cols == Vec<T>::lanes)
    for (; rows >= high; rows -= high, a.data += high * a.row, c += high * ldc)
      multiply_shallow_tile<T, high, 1, 1>(a, depth, {{b}, ldb}, c, ldc, accumulate);
  else if (cols == Tile<T>::cols)
    for (; rows > 0 && tile_height<T>(rows, cols) == whole; rows -= whole, a.data += whole * a.row, c += whole * ldc)
      multiply_shallow_tile<T, whole, 1>(a, depth, {{b}, ldb}, c, ldc, accumulate);
#endif
  constexpr std::int64_t most = 3 * high;
  const T* row[most];
  T* target[most];
  for (std::int64_t i = 0, count; i < rows; i += count) {
    count = rows - i <= most ? rows - i : 2 * high;
    for (std::int64_t r = 0; r < count; ++r) row[r] = a.data + (i + r) * a.row, target[r] = c + (i + r) * ldc;
    const detail::Rows<T> left{row, &detail::whole_depth, 1, depth, a.step};
    if (ahead)
      multiply_panel(count, left, b, ldb, target, 0, cols, accumulate, *ahead);
    else
      multiply_panel(count, left, b, ldb, target, 0, cols, accumulate);
  }
}

template <Activation::Kind kind, class T>
void finish_rows(std::int64_t rows, T* const* c, std::int64_t j, std::int64_t cols, const T* bias, T slope) {
  using V = Vec<T>;
  const V s = V::set1(slope);
  for (std::int64_t q = 0; q < cols; q += V::lanes) {
    const std::int64_t width = cols - q;
    const V b = bias ? V::load_first(bias + j + q, width) : V::zero();
    for (std::int64_t i = 0; i < rows; ++i) {
      T* const at = c[i] + j + q;
      if (width >= V::lanes)
        activate<kind>(V::load(at) + b, s).store(at);
      else
        activate<kind>(V::load_first(at, width) + b, s).store_first(at, width);
    }
  }
}

/// Whether finish_panel would do anything.
template <class T>
AGON_INLINE bool has_work(const Epilogue<T>& epilogue) {
  return epilogue.bias || epilogue.activation.kind != Activation::Kind::none;
}

/// c[i][j .. j + cols) = activation(c + bias), for the rows of a panel that was just written.
template <class T>
void finish_panel(std::int64_t rows, T* const* c, std::int64_t j, std::int64_t cols, const Epilogue<T>& epilogue) {
  using Kind = Activation::Kind;
  const T* bias = epilogue.bias;
  const T slope = static_cast<T>(epilogue.activation.slope);
  switch (epilogue.activation.kind) {
    case Kind::none:
      if (bias) finish_rows<Kind::none>(rows, c, j, cols, bias, slope);
      return;
    case Kind::relu:
      return finish_rows<Kind::relu>(rows, c, j, cols, bias, slope);
    case Kind::leaky_relu:
      return finish_rows<Kind::leaky_relu>(rows, c, j, cols, bias, slope);
    case Kind::tanh:
      return finish_rows<Kind::tanh>(rows, c, j, cols, bias, slope);
    case Kind::sigmoid:
      return finish_rows<Kind::sigmoid>(rows, c, j, cols, bias, slope);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
