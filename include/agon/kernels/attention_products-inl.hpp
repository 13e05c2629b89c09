namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
void scale_run(std::int64_t n, Vec<T> factor, T* p) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) (V::load(p + i) * factor).store(p + i);
  if (i < n) (V::load_first(p + i, n - i) * factor).store_first(p + i, n - i);
}

/// Whether a right operand of n columns is kept in pairs for left operands whose rows lie in order.
template <class T>
constexpr bool in_pairs(std::int64_t n) {
  return n > 0 && n <= paired_columns<T>();
}

/// c = or += a b for n columns. b has whole vectors in its rows or, if a's rows lie in order, is what for_rows() gives.
template <class T>
void multiply(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* b, std::int64_t ldb, T* c,
              std::int64_t ldc, std::int64_t n, bool accumulate, Ahead<T>* ahead = nullptr) {
#if AGON_VECTOR_BYTES == 64
  if (in_pairs<T>(n)) {
    if (a.step == 1) return multiply_pairs(rows, a, depth, b, c, ldc, n, accumulate);
    return avx2::multiply_narrow(rows, avx2::LeftOperand<T>{a.data, a.row, a.step}, depth, b, ldb, c, ldc, n,
                                 accumulate);
  }
#endif
  for (std::int64_t j = 0; j < n; j += Tile<T>::cols)
    multiply_narrow(rows, a, depth, b + j, ldb, c + j, ldc, detail::smaller(Tile<T>::cols, n - j), accumulate, ahead);
}

/// Rows of other matrices, as far apart as those of a right operand, of which a product asks for one line at every
/// depth.
template <class T>
class SoonLines {
 public:
  /// For a right operand of `depth` rows of `size` elements, ld apart.
  SoonLines(std::int64_t depth, std::int64_t size, std::int64_t ld) : depth_(depth), size_(size), ld_(ld) {}

  /// Takes some rows, if they can be asked for like this, or leaves them to the queue.
  void add(const SoonRows<T>& rows, SoonQueue<T>& queue) {
    const bool can = tiles_look_ahead && size_ > 0 && size_ % Tile<T>::cols == 0 && depth_ >= short_depth;
    if (can && count_ < 2 && rows.ld == ld_ && rows.size == size_ && rows.rows >= depth_)
      walks_[count_++] = Walks<T>::down(rows.data, size_, ld_);
    else
      queue.add(rows);
  }
  Ahead<T> ahead() const { return {{walks_[0], walks_[1]}, {}}; }

 private:
  std::int64_t depth_, size_, ld_, count_ = 0;
  Walks<T> walks_[2];
};

/// The transpose of factor b [n, depth] in panels.
template <class T>
void pack_transposed_panels(std::int64_t n, std::int64_t depth, T factor, const T* b, std::int64_t ldb, T* panels) {
  for (std::int64_t j = 0; j < n; j += Tile<T>::cols) {
    const std::int64_t cols = detail::smaller(Tile<T>::cols, n - j);
    pack_transpose(depth, cols, b + j * ldb, ldb, panels + j * depth, detail::round_up(cols, Vec<T>::lanes), factor);
  }
}

/// c = or += a b for fewer columns than a panel has; c may get more, up to a whole vector.
template <class T>
void multiply_last_panel(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* b, std::int64_t ldb,
                         T* c, std::int64_t ldc, std::int64_t cols, bool accumulate) {
#if AGON_VECTOR_BYTES == 64
  const std::int64_t whole = cols / Vec<T>::lanes * Vec<T>::lanes;
  if (cols > whole && cols - whole <= Vec<T>::lanes / 2) {  // half of each register would be padding
    if (whole > 0) multiply_narrow(rows, a, depth, b, ldb, c, ldc, whole, accumulate);
    return avx2::multiply_narrow(rows, avx2::LeftOperand<T>{a.data, a.row, a.step}, depth, b + whole, ldb, c + whole,
                                 ldc, Vec<T>::lanes / 2, accumulate);
  }
#endif
  multiply_narrow(rows, a, depth, b, ldb, c, ldc, cols, accumulate);
}

/// What products ask for meanwhile: rows that this block of scores will change, and what will be read after it.
template <class T>
struct Soon {
  SoonQueue<T> written, read;

  AGON_INLINE void prefetch() {
    written.prefetch();
    read.prefetch();
  }
};

/// How often multiply_panels asks for what comes next while it makes so many elements.
template <class T>
std::int64_t prefetches_in(std::int64_t elements) {
  return elements / (shallow_pair_rows * 2 * Tile<T>::cols);
}

/// The columns [first, last) of c = or += a b for a small depth, and maybe more, up to a whole vector. Panel q of b
/// begins at b + q * panel, its rows are ldb apart, or in a last one of fewer columns ldb_last; `first` begins a panel.
template <class T>
void multiply_panels(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* b, std::int64_t panel,
                     std::int64_t ldb, std::int64_t ldb_last, T* c, std::int64_t ldc, std::int64_t first,
                     std::int64_t last, bool accumulate, Soon<T>& soon) {
  constexpr std::int64_t cols = Tile<T>::cols;
  b += first / cols * panel;
  for (; first + 2 * cols <= last; first += 2 * cols, b += 2 * panel)
    for (std::int64_t i = 0; i < rows; i += shallow_pair_rows) {
      soon.prefetch();
      multiply_shallow<T, 2>(detail::smaller(shallow_pair_rows, rows - i), a.from_row(i), depth, {{b, b + panel}, ldb},
                             c + i * ldc + first, ldc, accumulate);
    }
  if (first + cols <= last) {
    multiply_shallow<T, 1>(rows, a, depth, {{b}, ldb}, c + first, ldc, accumulate);
    first += cols, b += panel;
  }
  if (first < last) multiply_last_panel(rows, a, depth, b, ldb_last, c + first, ldc, last - first, accumulate);
}

/// The same for panels that lie one after another and have n columns together, whole vectors.
template <class T>
void multiply_packed(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* panels, std::int64_t n,
                     T* c, std::int64_t ldc, std::int64_t first, std::int64_t last, Soon<T>& soon) {
  constexpr std::int64_t cols = Tile<T>::cols;
  const std::int64_t begin = last / cols * cols;  // of the last panel, if only a part of it is asked for
  multiply_panels(rows, a, depth, panels, cols * depth, cols, detail::smaller(cols, n - begin), c, ldc, first, last,
                  false, soon);
}

/// What is made of the rows of a tile whose first element is (i, j) of a product.
template <class Put>
struct PutAt {
  const Put& put;
  std::int64_t i, j;

  template <class Row>
  AGON_INLINE void operator()(std::int64_t r, const Row& x) const {
    put(i + r, j, x);
  }
};

/// Gives put(i, j, x) the elements of a b as they are made: x are vectors of row i, from column j on. b [depth, n] is
/// in panels that lie one after another; of a column beyond the last, up to a whole vector, it gets zeros. Takes whole
/// tiles of rows, and returns how many rows those are.
template <class T, class Put>
std::int64_t put_products(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, const T* b, std::int64_t n,
                          Soon<T>& soon, const Put& put) {
  constexpr int m = shallow_pair_rows, vectors = Tile<T>::vectors;
  constexpr std::int64_t lanes = Vec<T>::lanes, cols = Tile<T>::cols;
  rows = rows / m * m;
  for (std::int64_t j = 0; j < n; b += cols * depth) {
    const std::int64_t left = detail::round_up(n - j, lanes);
    if (left >= 2 * cols) {
      for (std::int64_t i = 0; i < rows; i += m) {
        soon.prefetch();
        shallow_tile<T, m, 2, vectors>(a.from_row(i), depth, RightPanels<T, 2>{{b, b + cols * depth}, cols},
                                       PutAt<Put>{put, i, j});
      }
      j += 2 * cols, b += cols * depth;
    } else if (left >= cols) {
      for (std::int64_t i = 0; i < rows; i += m)
        shallow_tile<T, m, 1, vectors>(a.from_row(i), depth, RightPanels<T, 1>{{b}, cols}, PutAt<Put>{put, i, j});
      j += cols;
    } else {
      for (std::int64_t q = 0; q < left; q += lanes)
        for (std::int64_t i = 0; i < rows; i += m)
          shallow_tile<T, m, 1, 1>(a.from_row(i), depth, RightPanels<T, 1>{{b + q}, left}, PutAt<Put>{put, i, j + q});
      j += left;
    }
  }
  return rows;
}

/// A matrix whose rows are whole vectors and, with a factor, scaled: itself, or a copy in `padded`.
template <class T>
MatView<const T> whole_vectors(std::int64_t rows, std::int64_t cols, T factor, const T* from, std::int64_t ld,
                               T* padded) {
  const std::int64_t width = detail::round_up(cols, Vec<T>::lanes);
  if (width == cols && factor == T(1)) return {from, rows, cols, ld};
  pack_copy(rows, cols, from, ld, padded, width);
  if (factor != T(1)) scale_run(rows * width, Vec<T>::set1(factor), padded);
  return {padded, rows, cols, width};
}

/// The right operand of multiply() for left operands whose rows lie in order: whole vectors or, if they have few
/// elements, pairs.
template <class T>
MatView<const T> for_rows(std::int64_t rows, std::int64_t cols, T factor, const T* from, std::int64_t ld, T* padded) {
#if AGON_VECTOR_BYTES == 64
  if (in_pairs<T>(cols)) {
    pack_pairs(rows, cols, from, ld, padded);
    if (factor != T(1)) scale_run(detail::round_up(rows, 2) * paired_columns<T>(), Vec<T>::set1(factor), padded);
    return {padded, rows, cols, paired_columns<T>()};
  }
#endif
  return whole_vectors(rows, cols, factor, from, ld, padded);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
