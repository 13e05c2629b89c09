namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Packs columns [j, j + n) of op(B) at the depths [k, k + depth) into panels that lie one after another. What lies in
/// rows is read row by row through all panels, in long runs.
template <class T>
void gemm_pack_panels(const detail::GemmProblem<T>& p, std::int64_t j, std::int64_t n, std::int64_t k,
                      std::int64_t depth, T* to) {
  using V = Vec<T>;
  constexpr std::int64_t panel = Tile<T>::cols;
  if (p.transpose_b) {
    for (std::int64_t q = 0; q < n; q += panel) {
      const std::int64_t cols = detail::smaller(panel, n - q);
      pack_transpose(depth, cols, p.b.data + (j + q) * p.b.ld + k, p.b.ld, to + q * depth,
                     detail::round_up(cols, V::lanes));
    }
    return;
  }
  const std::int64_t whole = n / panel * panel, rest = n - whole, width = detail::round_up(rest, V::lanes);
  const T* from = p.b.data + k * p.b.ld + j;
  for (std::int64_t i = 0; i < depth; ++i, from += p.b.ld) {
    T* row = to + i * panel;
    for (std::int64_t q = 0; q < whole; q += panel, row += depth * panel)
#pragma GCC unroll 4
      for (std::int64_t v = 0; v < panel; v += V::lanes) V::load(from + q + v).store(row + v);
    if (rest > 0) pack_copy(1, rest, from + whole, p.b.ld, to + whole * depth + i * width, width);
  }
}

/// Columns [j, j + cols) of op(B), in rows ld apart that hold whole vectors.
template <class T>
struct Panel {
  const T* data;
  std::int64_t ld, j, cols;
};

/// How a block reads op(B): from `packed`, which holds every panel, in place, or from panels that it packs itself.
enum class RightOperand { packed, in_place, to_pack };

/// Lists the panels of the columns [j, j + n) at the depths [k, k + depth); `scratch` takes those that are packed now.
template <class T>
void gemm_list_panels(const detail::GemmProblem<T>& p, RightOperand how, const T* packed, std::int64_t j,
                      std::int64_t n, std::int64_t k, std::int64_t depth, T* scratch, Panel<T>* list) {
  constexpr std::int64_t panel = Tile<T>::cols;
  if (how == RightOperand::to_pack) gemm_pack_panels(p, j, n, k, depth, scratch);
  for (std::int64_t q = 0; q < n; q += panel, ++list) {
    const std::int64_t cols = detail::smaller(panel, n - q), width = detail::round_up(cols, Vec<T>::lanes);
    if (how == RightOperand::packed) {
      *list = {packed + (j + q) * p.k + k * width, width, j + q, cols};
    } else if (how == RightOperand::in_place && cols == width) {
      *list = {p.b.data + k * p.b.ld + j + q, p.b.ld, j + q, cols};
    } else {
      if (how == RightOperand::in_place) gemm_pack_panels(p, j + q, cols, k, depth, scratch + q * depth);
      *list = {scratch + q * depth, width, j + q, cols};
    }
  }
}

/// Whether the rows of A that the tiles of `m` rows read side by side compete for the lines of one cache set, which has
/// eight or more.
template <class T>
bool rows_compete(const detail::GemmProblem<T>& p, std::int64_t m) {
  const std::int64_t stride = p.a.ld * static_cast<std::int64_t>(sizeof(T));
  return !p.transpose_a && detail::smaller(m, Tile<T>::rows) > 8 && stride % 4096 == 0;
}

/// op(A) from row i and depth k on, in place.
template <class T>
LeftOperand<T> gemm_left(const detail::GemmProblem<T>& p, std::int64_t i, std::int64_t k) {
  if (p.k <= 0) return {p.a.data, 0, 0};  // nothing will be read, and null has no rows to point to
  if (p.transpose_a) return {p.a.data + k * p.a.ld + i, 1, p.a.ld};
  return {p.a.data + i * p.a.ld + k, p.a.ld, 1};
}

/// How a block reads its operands.
template <class T>
struct GemmReading {
  RightOperand right;
  bool compete;        ///< tiles read few rows of A: more would not stay in the first-level cache
  bool copy_columns;   ///< columns of A are copied: low tiles read them often
  bool shallow;        ///< whole panels go through shallow tiles: enough of them stay in the first-level cache, or rows
                       ///< compete
  std::int64_t run;    ///< depth that goes through the tiles at a time
  std::int64_t group;  ///< columns whose panels the second-level cache holds
};

constexpr std::int64_t most_panels = 16;
constexpr std::int64_t shallow_bytes = 24 << 10;

/// With 16 registers shallow tiles read less for a multiply-add than others do, as long as two panels stay in the
/// first-level cache for some rows.
constexpr bool prefer_shallow = AGON_VECTOR_BYTES == 32;
constexpr std::int64_t shallow_pair_bytes = 16 << 10;
constexpr std::int64_t most_shallow_rows =
    (prefer_shallow ? 224 : 112) / (2 * shallow_pair_rows) * (2 * shallow_pair_rows);
constexpr std::int64_t shallow_strip_rows = prefer_shallow ? most_shallow_rows : 8;
constexpr std::int64_t stream_depth = 256;     // of rows that end before the processor's own prefetching has begun
constexpr std::int64_t wide_strip_rows = 110;  // whole tiles of multiply_wide()
static_assert(wide_strip_rows <= most_shallow_rows);

/// A block of so few rows reads B in place, if it is not transposed: packing it costs more than it saves, unless its
/// rows compete for cache sets. Low tiles read it more often, which is slow where its rows are long.
template <class T>
std::int64_t most_rows_in_place(std::int64_t ldb) {
  const std::int64_t stride = ldb * static_cast<std::int64_t>(sizeof(T));
  if (detail::low_tiles(Tile<T>::rows)) return stride <= 512 ? detail::few_rows : 24;
  return stride % 4096 == 0 ? 32 : detail::few_rows;
}

/// Half of the second-level cache or less, as what comes next is there too.
constexpr std::int64_t panels_bytes = (AGON_VECTOR_BYTES == 64 ? 384 : 192) << 10;

/// What a block copies of A at a time.
constexpr std::int64_t copied_bytes = 176 << 10, most_copied_depth = 640;

/// Whether a block copies its columns of A. Short ones stay in the first-level cache in place; those a multiple of 2048
/// bytes apart do not, as they compete for cache sets. Few columns of B are not worth the copy else, nor are so many of
/// A that only few depths are copied at a time.
template <class T>
bool copies_columns(const detail::GemmProblem<T>& p, const detail::GemmBlock& at) {
  constexpr std::int64_t panel = Tile<T>::cols, bytes = sizeof(T);
  const bool compete = p.a.ld * bytes % 2048 == 0, short_columns = 2 * p.k * panel * bytes <= shallow_pair_bytes;
  const std::int64_t least_depth = compete ? 64 : 128;
  return p.transpose_a && detail::low_tiles(Tile<T>::rows) && (compete || (!short_columns && at.n > 2 * panel)) &&
         at.m > 2 * Tile<T>::rows && at.m * bytes * least_depth <= copied_bytes;
}

template <class T>
GemmReading<T> gemm_reading(const detail::GemmProblem<T>& p, const T* packed_b, const detail::GemmPlan& plan,
                            const detail::GemmBlock& at) {
  constexpr std::int64_t panel = Tile<T>::cols, bytes = sizeof(T);
  GemmReading<T> r{RightOperand::to_pack, rows_compete(p, at.m), false, false, plan.depth, 0};
  if (packed_b)
    r.right = RightOperand::packed;
  else if (!p.transpose_b && p.b.ld != 0 && at.m <= most_rows_in_place<T>(p.b.ld))
    r.right = RightOperand::in_place;
  if (r.right == RightOperand::in_place) r.run = detail::even_pieces(plan.depth, detail::max_depth, 1);
  if (p.transpose_a) {
    r.copy_columns = copies_columns(p, at);
    // In place, a run is so short that the next one is there in time, and that both fit: lines 4096 bytes apart share a
    // few cache sets.
    const std::int64_t bytes_of_depth = at.m * bytes;
    const std::int64_t most = r.copy_columns ? detail::smaller(most_copied_depth, copied_bytes / bytes_of_depth)
                                             : detail::smaller(256, (256 << 10) / bytes_of_depth);
    r.run = detail::even_pieces(plan.depth, detail::larger(64, most), 1);
  }
  const std::int64_t pair_bytes = 2 * r.run * panel * bytes;
  r.group = detail::even_pieces(
      at.n, detail::smaller(2 * detail::larger(1, panels_bytes / pair_bytes), most_panels) * panel, panel);
  const std::int64_t held = r.run * (r.run < short_depth ? 1 : r.group) * bytes;
  const bool in_cache = held <= shallow_bytes || (prefer_shallow && pair_bytes <= shallow_pair_bytes);
  r.shallow = r.compete || (in_cache && !r.copy_columns && (!p.transpose_a || r.run >= at.k_size));
  return r;
}

/// How many panels of n columns have two vectors of them.
template <class T>
std::int64_t whole_panels(std::int64_t n) {
  return (n + Vec<T>::lanes - 1) / Tile<T>::cols;
}

/// How many tiles of so many rows are whole ones, as tile_height() has it.
template <class T>
std::int64_t whole_tiles(std::int64_t rows) {
  constexpr std::int64_t whole = Tile<T>::rows, least = Tile<T>::least_rows;
  return rows % whole == 0 ? rows / whole : (rows - least) / whole;
}

/// What to ask for while tiles are multiplied: some rows of both operands, at once, or walks through them, one a whole
/// tile of the block. Many lines at once would wait for each other, and the tile for them.
template <class T>
struct LookAhead {
  SoonRows<T> a{}, b{};
  Walks<T> walks_a, walks_b;

  bool by_depth() const { return walks_a.count() + walks_b.count() > 0; }
  AGON_INLINE void prefetch(std::int64_t i, std::int64_t parts) const {
    if (walks_a.count() == 0) a.prefetch(i, parts);
    if (walks_b.count() == 0) b.prefetch(i, parts);
  }
};

/// This tile's share of the next run of A's columns, and of the rows of B that go with it. Else the next tile's rows of
/// A, unless they are long, where the processor's own prefetching does better than requests between tiles; and where B
/// is not packed yet, this tile's share of the columns that come next, in this job or in the next one, or of the next
/// run. Walks do the same for all whole tiles of the block, if there are enough of them.
template <class T>
LookAhead<T> gemm_look_ahead(const detail::GemmProblem<T>& p, const GemmReading<T>& reading,
                             const detail::GemmBlock& tile, const detail::GemmBlock& block) {
  LookAhead<T> next;
  if (tile.k_size <= 0) return next;
  const std::int64_t k = tile.k + tile.k_size, below = block.i + block.m - tile.i - tile.m;
  const std::int64_t done = tile.i - block.i, j = tile.j + tile.n;
  const auto share = [&](std::int64_t rows, std::int64_t& from) {
    from = rows * done / block.m;
    return rows * (done + tile.m) / block.m - from;
  };
  const std::int64_t tiles =
      tiles_look_ahead && !reading.compete && !reading.shallow ? whole_tiles<T>(block.m) * whole_panels<T>(tile.n) : 0;
  const auto down = [&](const T* data, std::int64_t size, std::int64_t ld) {
    const auto walks = Walks<T>::down(data, size, ld);
    return walks.count() <= tiles ? walks : Walks<T>();
  };
  // Rows, with what lies between them if that is not too much.
  const auto along = [&](const T* data, std::int64_t rows, std::int64_t ld) {
    return tiles > 0 && ld <= 2 * tile.k_size ? Walks<T>::along(data, rows * ld, tiles, tile.k_size) : Walks<T>();
  };
  std::int64_t from = 0;
  if (p.transpose_a && k < p.k) {
    const std::int64_t rows = detail::smaller(reading.run, p.k - k), count = share(rows, from);
    const bool whole = rows >= tile.k_size;
    if (tile.j == block.j && !reading.copy_columns) {
      next.a = {p.a.data + (k + from) * p.a.ld + block.i, p.a.ld, block.m, count};
      if (whole) next.walks_a = down(p.a.data + k * p.a.ld + block.i, block.m, p.a.ld);
    }
    if (reading.right != RightOperand::packed && !p.transpose_b) {
      next.b = {p.b.data + (k + from) * p.b.ld + tile.j, p.b.ld, tile.n, count};
      if (whole) next.walks_b = down(p.b.data + k * p.b.ld + tile.j, tile.n, p.b.ld);
    }
    return next;
  }
  if (!p.transpose_a) {
    if (below > 0 && (reading.compete || tile.k_size <= 256))
      next.a = {p.a.data + (tile.i + tile.m) * p.a.ld + tile.k, p.a.ld, tile.k_size, detail::smaller(below, tile.m)};
    const std::int64_t first = block.i + Tile<T>::rows;
    if (first < p.m && tile.k_size >= 2 * short_depth)
      next.walks_a = along(p.a.data + first * p.a.ld, detail::smaller(block.m, p.m - first), p.a.ld);
  }
  if (reading.right == RightOperand::packed) return next;
  // The next job begins at the depth where this one began.
  const bool last_run = k == block.k + block.k_size, last_rows = block.m == p.m && block.n == p.n;
  const std::int64_t end = tile.k_size == block.k_size ? p.n : block.j + block.n;
  if (j < end && p.transpose_b) {
    const std::int64_t cols = detail::smaller(tile.n, end - j), count = share(cols, from);
    next.b = {p.b.data + (j + from) * p.b.ld + tile.k, p.b.ld, tile.k_size, count};
    next.walks_b = along(p.b.data + j * p.b.ld, cols, p.b.ld);
  } else if (j < end) {
    const std::int64_t cols = detail::smaller(tile.n, end - j), count = share(tile.k_size, from);
    next.b = {p.b.data + (tile.k + from) * p.b.ld + j, p.b.ld, cols, count};
    next.walks_b = down(p.b.data + tile.k * p.b.ld + j, cols, p.b.ld);
  } else if (!p.transpose_b && k + tile.k_size <= p.k && (!last_run || last_rows)) {
    next.walks_b = down(p.b.data + k * p.b.ld + block.j, detail::smaller(tile.n, block.n), p.b.ld);
  }
  return next;
}

/// Rows of A that were copied as columns, in groups of one vector; two from an even one on lie side by side. Whole
/// tiles, which come first, begin with an even one.
template <class T>
struct CopiedRows {
  static constexpr int reach = 2;
  static constexpr std::int64_t row = 1, step = Vec<T>::lanes;
  const T* data;
  std::int64_t group, first;

  AGON_INLINE const T* at(std::int64_t i) const { return data + (first + i) / step * group + (first + i) % step; }
};

/// Rows of A as tiles read them: in place, or from copies.
template <class T>
struct TileRows {
  LeftOperand<T> a;
  std::int64_t group = 0;  ///< distance of two groups, if they are copied

  AGON_INLINE CopiedRows<T> copied(std::int64_t i) const { return {a.data, group, i}; }
  AGON_INLINE const T* row(std::int64_t i) const { return group > 0 ? copied(i).at(0) : a.at(i); }
};

/// A whole tile with AVX2, if it is one, by the function with less to do before and after the products.
template <class T>
AGON_INLINE bool multiply_even_tile([[maybe_unused]] std::int64_t i, [[maybe_unused]] std::int64_t rows,
                                    [[maybe_unused]] const TileRows<T>& a, [[maybe_unused]] std::int64_t depth,
                                    [[maybe_unused]] const Panel<T>& b, [[maybe_unused]] MatView<T> c,
                                    [[maybe_unused]] bool accumulate) {
  if constexpr (AGON_VECTOR_BYTES == 32) {
    constexpr int whole = Tile<T>::rows;
    static_assert(whole % CopiedRows<T>::reach == 0);
    if (rows < whole || b.cols < Tile<T>::cols) return false;
    if (depth >= short_depth) prefetch_rows<1>(rows, c.data + b.j, c.ld, b.cols);
    const RightPanels<T, 1> right{{b.data}, b.ld};
    if (a.group > 0)
      multiply_shallow_tile<T, whole, 1, Tile<T>::vectors>(a.copied(i), depth, right, c.data + b.j, c.ld, accumulate);
    else
      multiply_shallow_tile<T, whole, 1>(a.a.from_row(i), depth, right, c.data + b.j, c.ld, accumulate);
    return true;
  }
  return false;
}

/// A tile's rows of C, from row i of A on, from some panels: those of A stay in the first-level cache for all of them.
/// What comes next is asked for meanwhile; of C too, `rows_below` more rows, if the tiles are too short to wait for it.
template <class T>
void gemm_tile_row(std::int64_t i, std::int64_t rows, const TileRows<T>& a, std::int64_t depth,
                   const LookAhead<T>& next, std::int64_t count, const Panel<T>* panels, MatView<T> c,
                   std::int64_t rows_below, bool accumulate, const Epilogue<T>* epilogue) {
  const T* row[Tile<T>::narrow_rows];
  T* target[Tile<T>::narrow_rows];
  for (std::int64_t r = 0; r < rows; ++r) row[r] = a.row(i + r), target[r] = c.data + r * c.ld;
  detail::Rows<T> left{row, &detail::whole_depth, 1, depth, a.a.step};
  const std::int64_t whole = whole_panels<T>(panels[count - 1].j + panels[count - 1].cols - panels[0].j);
  for (std::int64_t q = 0; q < count; ++q) {
    const Panel<T>& b = panels[q];
    next.prefetch(q, count);
    if (depth < short_depth)
      prefetch_rows<1>(detail::smaller(rows, rows_below), c.data + rows * c.ld + b.j, c.ld, b.cols);
    if (next.by_depth() && rows == Tile<T>::rows && q < whole) {
      const std::int64_t tile = i / rows * whole + q;
      left.soon[0] = next.walks_a[tile], left.soon[1] = next.walks_b[tile];
      multiply_tile<T, Tile<T>::rows, 2, tiles_look_ahead>(left, row, b.data, b.ld, target, b.j, b.cols, accumulate);
    } else if (!multiply_even_tile(i, rows, a, depth, b, c, accumulate)) {
      tile_of<T>(rows, b.cols)(left, row, b.data, b.ld, target, b.j, b.cols, accumulate);
    }
    if (epilogue) finish_panel(rows, target, b.j, b.cols, *epilogue);
  }
}

/// At most most_shallow_rows rows of C from `count` panels, two at a time, the last of which may be narrow if it has no
/// partner, or with AVX-512 joins the two before it; rows of A that come next are asked for meanwhile, and of C.
template <class T>
void gemm_shallow_rows(std::int64_t rows, const LeftOperand<T>& a, std::int64_t depth, std::int64_t count,
                       const Panel<T>* panels, T* c, std::int64_t ldc, bool accumulate, bool compete,
                       const Epilogue<T>* epilogue) {
  const bool stream = a.step == 1 && depth >= short_depth && (compete ? a.row <= 2 * depth : depth <= stream_depth);
  const Far far = !stream ? Far::none : compete ? Far::left : Far::left_and_target;
  std::int64_t q = 0;
  for (; q + 1 < count; q += 2) {
    const RightPanels<T, 2> b{{panels[q].data, panels[q + 1].data}, panels[q].ld};
#if AGON_VECTOR_BYTES == 64
    if (q + 3 == count && panels[q + 2].cols <= Vec<T>::lanes) {
      const Panel<T>& last = panels[q + 2];
      multiply_wide(rows, a, depth, b, last.data, last.ld, c + panels[q].j, ldc, last.cols, accumulate);
      q = count;
      break;
    }
#endif
    multiply_shallow<T, 2>(rows, a, depth, b, c + panels[q].j, ldc, accumulate, q == 0 ? far : Far::none);
  }
  if (q < count) {
    const Panel<T>& last = panels[q];
    if (last.cols == Tile<T>::cols)
      multiply_shallow<T, 1>(rows, a, depth, {{last.data}, last.ld}, c + last.j, ldc, accumulate,
                             q == 0 ? far : Far::none);
    else
      multiply_narrow(rows, a, depth, last.data, last.ld, c + last.j, ldc, last.cols, accumulate);
  }
  if (!epilogue) return;
  T* target[most_shallow_rows];
  for (std::int64_t r = 0; r < rows; ++r) target[r] = c + r * ldc;
  const std::int64_t j = panels[0].j;
  finish_panel(rows, target, j, panels[count - 1].j + panels[count - 1].cols - j, *epilogue);
}

/// Whether gemm_pairs takes the product, only with AVX-512: few columns, and A not transposed.
template <class T>
bool prefer_pairs(const detail::GemmProblem<T>& p) {
  return p.n <= paired_columns<T>() && !p.transpose_a;
}

/// One block of few columns.
template <class T>
void gemm_pairs([[maybe_unused]] const detail::GemmProblem<T>& p, [[maybe_unused]] const detail::GemmBlock& at,
                [[maybe_unused]] T* c, [[maybe_unused]] std::int64_t ldc,
                [[maybe_unused]] const Epilogue<T>& epilogue) {
#if AGON_VECTOR_BYTES == 64
  const Workspace<T> pairs(detail::round_up(at.k_size, 2) * paired_columns<T>());
  if (p.transpose_b)
    pack_pairs_of_columns(at.k_size, at.n, p.b.data + at.j * p.b.ld + at.k, p.b.ld, pairs.data());
  else
    pack_pairs(at.k_size, at.n, p.b.data + at.k * p.b.ld + at.j, p.b.ld, pairs.data());
  constexpr std::int64_t strip = 2 * Tile<T>::rows;
  const auto a = gemm_left(p, at.i, at.k);
  for (std::int64_t i = 0, rows; i < at.m; i += rows) {
    rows = detail::smaller(strip, at.m - i);
    // Short rows end before the processor's own prefetching has begun.
    if (at.k_size <= 256) prefetch_rows<1>(detail::smaller(strip, at.m - i - rows), a.at(i + rows), a.row, at.k_size);
    T* const out = c + (at.i + i) * ldc + at.j;
    multiply_pairs(rows, a.from_row(i), at.k_size, pairs.data(), out, ldc, at.n, epilogue.accumulate);
    if (!has_work(epilogue)) continue;
    T* target[strip];
    for (std::int64_t r = 0; r < rows; ++r) target[r] = c + (at.i + i + r) * ldc;
    finish_panel(rows, target, at.j, at.n, epilogue);
  }
#endif
}

/// One block of C from one range of k, with the epilogue. `packed_b` holds every panel of op(B), or is null.
template <class T>
void gemm_block(const detail::GemmProblem<T>& p, const T* packed_b, const detail::GemmPlan& plan,
                const detail::GemmBlock& at, T* c, std::int64_t ldc, const Epilogue<T>& epilogue) {
  if (prefer_dots(p)) return gemm_dots(p, at, c, ldc, epilogue);
  if (prefer_rows(p)) return gemm_rows(p, at, c, ldc, epilogue);
  if (prefer_pairs(p)) return gemm_pairs(p, at, c, ldc, epilogue);
  const auto reading = gemm_reading(p, packed_b, plan, at);
  const Workspace<T> workspace(packed_b ? 0 : reading.group * reading.run);
  const std::int64_t groups = reading.copy_columns ? detail::ceil_div(at.m, Vec<T>::lanes) : 0;
  const Workspace<T> columns(groups * (reading.run * Vec<T>::lanes + cache_line<T>));
  T* const scratch = workspace.data();
  Panel<T> panels[most_panels];

  std::int64_t done = 0;
  do {
    const std::int64_t depth = detail::smaller(reading.run, at.k_size - done), k = at.k + done;
    const bool accumulate = epilogue.accumulate || done > 0;
    done += depth;
    const auto a = gemm_left(p, at.i, k);
    TileRows<T> tile_rows{a};
    if (reading.copy_columns) {
      tile_rows = {{columns.data(), 1, Vec<T>::lanes}, depth * Vec<T>::lanes + cache_line<T>};
      pack_columns<1>(depth, at.m, a.data, a.step, columns.data(), tile_rows.group);
    }
    for (std::int64_t j = at.j; j < at.j + at.n; j += reading.group) {
      const std::int64_t n = detail::smaller(reading.group, at.j + at.n - j);
      gemm_list_panels(p, reading.right, packed_b, j, n, k, depth, scratch, panels);
      const Epilogue<T>* const finish = done == at.k_size && has_work(epilogue) ? &epilogue : nullptr;
      // Shallow tiles take whole panels; where rows compete, pairs of panels and whole tiles. A narrow panel alone is
      // not worth arrangements between tiles either, and one of a vector after two others joins them.
      const std::int64_t unit = (reading.compete ? 2 : 1) * Tile<T>::cols;
      const bool narrow = prefer_shallow && n == Vec<T>::lanes && !reading.compete && !reading.copy_columns;
      const std::int64_t rest = n - 2 * Tile<T>::cols;
      const bool wide =
          AGON_VECTOR_BYTES == 64 && rest > 0 && rest <= Vec<T>::lanes && reading.shallow && !reading.compete;
      const std::int64_t whole = narrow ? 1 : wide ? 3 : reading.shallow ? n / unit * unit / Tile<T>::cols : 0;
      const std::int64_t end = whole == 0 ? 0 : reading.compete ? at.m / shallow_pair_rows * shallow_pair_rows : at.m;
      for (std::int64_t i = 0, rows; i < end; i += rows) {
        // C in the order of memory, as far as a strip is short.
        const std::int64_t most = reading.compete ? shallow_pair_rows
                                  : wide          ? wide_strip_rows
                                  : whole <= 2    ? most_shallow_rows
                                                  : shallow_strip_rows;
        rows = detail::smaller(most, end - i);
        gemm_shallow_rows(rows, a.from_row(i), depth, whole, panels, c + (at.i + i) * ldc, ldc, accumulate,
                          reading.compete, finish);
      }
      const std::int64_t count = detail::ceil_div(n, Tile<T>::cols);
      for (std::int64_t i = whole < count ? 0 : end, rows; i < at.m; i += rows) {
        const std::int64_t skip = i < end ? whole : 0;
        rows = tile_height<T>((i < end ? end : at.m) - i, n - skip * Tile<T>::cols);
        if (reading.compete) rows = detail::smaller(rows, Tile<T>::low_rows);
        const auto next = gemm_look_ahead(p, reading, {at.i + i, rows, j, n, k, depth}, at);
        gemm_tile_row(i, rows, tile_rows, depth, next, count - skip, panels + skip,
                      {c + (at.i + i) * ldc, rows, p.n, ldc}, at.m - i - rows, accumulate, finish);
      }
    }
  } while (done < at.k_size);
}

/// Rows [i, i + rows) of C [m, n] from the sum of `parts` products that lie one after another, with the epilogue.
template <class T>
void gemm_reduce(std::int64_t i, std::int64_t rows, std::int64_t m, std::int64_t n, std::int64_t parts, const T* part,
                 MatView<T> c, const Epilogue<T>& epilogue) {
  using V = Vec<T>;
  for (; rows > 0; --rows, ++i) {
    T* const to = c.data + i * c.ld;
    for (std::int64_t j = 0; j < n; j += V::lanes) {
      const std::int64_t width = detail::smaller(V::lanes, n - j);
      const T* from = part + i * n + j;
      V sum = V::load_first(from, width);
      for (std::int64_t q = 1; q < parts; ++q) sum = sum + V::load_first(from + q * m * n, width);
      if (epilogue.accumulate) sum = V::load_first(to + j, width) + sum;
      sum.store_first(to + j, width);
    }
    finish_panel(1, &to, 0, n, epilogue);
  }
}

/// Rows [i, i + rows) of C [m, n] from the sum of `parts` products that lie one after another and are transposed, with
/// the epilogue.
template <class T>
void gemm_reduce_transposed(std::int64_t i, std::int64_t rows, std::int64_t m, std::int64_t n, std::int64_t parts,
                            const T* part, MatView<T> c, const Epilogue<T>& epilogue) {
  using V = Vec<T>;
  T* target[V::lanes];
  for (std::int64_t height; rows > 0; rows -= height, i += height) {
    height = detail::smaller(rows, V::lanes);
    for (std::int64_t r = 0; r < height; ++r) target[r] = c.data + (i + r) * c.ld;
    for (std::int64_t j = 0; j < n; j += V::lanes) {
      const std::int64_t width = detail::smaller(V::lanes, n - j);
      V block[V::lanes];
#pragma GCC unroll 16
      for (int q = 0; q < V::lanes; ++q) {
        block[q] = V::zero();
        const T* const from = part + (j + q) * m + i;
        for (std::int64_t k = 0; k < parts && q < width; ++k)
          block[q] = block[q] + V::load_first(from + k * m * n, height);
      }
      transpose<V::lanes / 2>(block);
#pragma GCC unroll 16
      for (int r = 0; r < V::lanes; ++r)
        if (r < height) {
          T* const to = target[r] + j;
          (epilogue.accumulate ? V::load_first(to, width) + block[r] : block[r]).store_first(to, width);
        }
    }
    finish_panel(height, target, 0, n, epilogue);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
