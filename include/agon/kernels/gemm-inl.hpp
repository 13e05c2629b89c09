namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
constexpr std::int64_t cache_line = 64 / static_cast<std::int64_t>(sizeof(T));

/// Packs `cols` columns of op(B) from column j, at most one panel, for the depths [k, k + depth).
template <class T>
void gemm_pack_panel(const detail::GemmProblem<T>& p, std::int64_t j, std::int64_t cols, std::int64_t k,
                     std::int64_t depth, T* to) {
  const T* from = p.b.data + (p.transpose_b ? j * p.b.ld + k : k * p.b.ld + j);
  const std::int64_t width = detail::round_up(cols, Vec<T>::lanes);
  if (p.transpose_b)
    pack_transpose(depth, cols, from, p.b.ld, to, width);
  else
    pack_copy(depth, cols, from, p.b.ld, to, width);
}

/// Whether the rows of op(A) are copied before use: they are read once for every panel, and their stride would make
/// them compete for the same cache sets.
template <class T>
bool packs_left(const detail::GemmProblem<T>& p) {
  const std::int64_t stride = p.a.ld * static_cast<std::int64_t>(sizeof(T));
  return p.n > Tile<T>::cols && (p.transpose_a ? stride >= 2048 : stride % 4096 == 0);
}

/// Rows [i, i + rows) of op(A) for the depths [k, k + depth), in place or, where `packed` is given, copied to it.
template <class T>
detail::Rows<T> gemm_rows(const detail::GemmProblem<T>& p, std::int64_t i, std::int64_t rows, std::int64_t k,
                          std::int64_t depth, T* packed, const T** row) {
  if (depth <= 0) {  // nothing will be read, and null has no rows to point to
    for (std::int64_t r = 0; r < rows; ++r) row[r] = p.a.data;
    return {row, &detail::whole_depth, 1, 0, 1};
  }
  const T* from = p.a.data + (p.transpose_a ? k * p.a.ld + i : i * p.a.ld + k);
  std::int64_t ld = p.a.ld;
  if (packed) {
    const std::int64_t width = p.transpose_a ? rows : depth;
    pack_copy(p.transpose_a ? depth : rows, width, from, ld, packed, width + cache_line<T>);
    from = packed;
    ld = width + cache_line<T>;
  }
  for (std::int64_t r = 0; r < rows; ++r) row[r] = from + (p.transpose_a ? r : r * ld);
  return {row, &detail::whole_depth, 1, depth, p.transpose_a ? ld : 1};
}

/// Where gemm_block finds the panels of the right operand: all packed beforehand, in place, or packed when needed.
template <class T>
struct MatrixPanels {
  const detail::GemmProblem<T>& p;
  const T* packed;  ///< null: none
  bool in_place;

  bool needs_scratch() const { return !packed; }
  AGON_INLINE const T* panel(std::int64_t j, std::int64_t cols, std::int64_t k, std::int64_t depth, T* scratch,
                             std::int64_t& ldb) const {
    if (packed) return packed + j * p.k + k * ldb;
    if (in_place && cols == ldb) {
      ldb = p.b.ld;
      return p.b.data + k * p.b.ld + j;
    }
    gemm_pack_panel(p, j, cols, k, depth, scratch);
    return scratch;
  }
};

/// One block of C from one range of k, with the epilogue.
template <class T, class Panels>
void gemm_block(const detail::GemmProblem<T>& p, const Panels& panels, const detail::GemmPlan& plan,
                const detail::GemmBlock& at, T* c, std::int64_t ldc, const Epilogue<T>& epilogue) {
  const Workspace<const T*> left(at.m);
  const Workspace<T*> target(at.m);
  const bool pack = packs_left(p);
  const Workspace<T> packed_a(pack ? (at.m + cache_line<T>)*(plan.depth + cache_line<T>) : 0);
  const Workspace<T> scratch(panels.needs_scratch() ? plan.depth * Tile<T>::cols : 0);
  for (std::int64_t r = 0; r < at.m; ++r) target.data()[r] = c + (at.i + r) * ldc;

  std::int64_t done = 0;
  do {
    const std::int64_t depth = detail::smaller(plan.depth, at.k_size - done), k = at.k + done;
    const auto rows = gemm_rows(p, at.i, at.m, k, depth, pack ? packed_a.data() : nullptr, left.data());
    const bool accumulate = epilogue.accumulate || done > 0;
    done += depth;
    for (std::int64_t j = at.j; j < at.j + at.n; j += Tile<T>::cols) {
      const std::int64_t cols = detail::smaller(Tile<T>::cols, at.j + at.n - j);
      std::int64_t ldb = detail::round_up(cols, Vec<T>::lanes);
      const T* const b = panels.panel(j, cols, k, depth, scratch.data(), ldb);
      multiply_panel(at.m, rows, b, ldb, target.data(), j, cols, accumulate);
      if (done == at.k_size) finish_panel(at.m, target.data(), j, cols, epilogue);
    }
  } while (done < at.k_size);
}

/// The same for matrices. `packed_b` holds every panel of op(B), or is null.
template <class T>
void gemm_matrix_block(const detail::GemmProblem<T>& p, const T* packed_b, const detail::GemmPlan& plan,
                       const detail::GemmBlock& at, T* c, std::int64_t ldc, const Epilogue<T>& epilogue) {
  if (prefer_dots(p)) return gemm_dots(p, at, c, ldc, epilogue);
  const bool in_place = !p.transpose_b && p.m <= 2 * Tile<T>::rows;
  gemm_block(p, MatrixPanels<T>{p, packed_b, in_place}, plan, at, c, ldc, epilogue);
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

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
