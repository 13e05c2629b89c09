namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
constexpr std::int64_t cache_line = 64 / static_cast<std::int64_t>(sizeof(T));

/// How many elements `to` is further on than `from`, which may be other memory.
template <class T>
std::int64_t distance_of(const T* from, const T* to) {
  const auto address = [](const T* p) { return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(p)); };
  return (address(to) - address(from)) / static_cast<std::int64_t>(sizeof(T));
}

/// Asks for the first `size` elements of some rows: for the first-level cache, or the second.
template <int level, class T>
AGON_INLINE void prefetch_rows(std::int64_t rows, const T* from, std::int64_t ld, std::int64_t size) {
  for (std::int64_t r = 0; r < rows; ++r, from += ld)
    for (std::int64_t q = 0; q < size; q += cache_line<T>) __builtin_prefetch(from + q, 0, 4 - level);
}

/// Rows of a matrix, `size` elements of each, that will soon be read or changed.
template <class T>
struct SoonRows {
  const T* data;
  std::int64_t ld, size, rows;

  /// Asks for the share `i` of `parts` of them.
  AGON_INLINE void prefetch(std::int64_t i, std::int64_t parts) const {
    const std::int64_t first = i * rows / parts, last = (i + 1) * rows / parts;
    prefetch_rows<2>(last - first, data + first * ld, ld, size);
  }
};

/// Rows of several matrices to ask for, a few at a time: many asked for at once would wait for each other.
template <class T>
class SoonQueue {
 public:
  void add(const SoonRows<T>& rows) {
    if (rows.rows <= 0 || rows.size <= 0) return;
    parts_[count_++] = rows;
    rows_ += rows.rows;
  }
  /// All rows will have had their turn after `calls` calls of prefetch(), or before.
  void spread(std::int64_t calls) {
    pause_ = wait_ = detail::larger(calls / detail::larger(rows_, 1), 1);
    at_a_time_ = detail::ceil_div(rows_, detail::larger(calls, 1));
  }
  void clear() { count_ = rows_ = part_ = row_ = 0; }
  AGON_INLINE void prefetch() {
    if (part_ < count_ && --wait_ == 0) ask();
  }

 private:
  void ask() {
    wait_ = pause_;
    for (std::int64_t i = 0; i < at_a_time_ && part_ < count_; ++i) {
      const auto& rows = parts_[part_];
      prefetch_rows<2>(1, rows.data + row_ * rows.ld, 0, rows.size);
      if (++row_ == rows.rows) row_ = 0, ++part_;
    }
  }

  SoonRows<T> parts_[6];
  std::int64_t count_ = 0, rows_ = 0;
  std::int64_t pause_ = 1, wait_ = 1, at_a_time_ = 0;
  std::int64_t part_ = 0, row_ = 0;
};

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
