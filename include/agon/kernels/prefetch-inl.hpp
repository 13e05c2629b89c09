namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
constexpr std::int64_t cache_line = 64 / static_cast<std::int64_t>(sizeof(T));

/// Asks for the first `size` elements of some rows: for the first-level cache, or the second.
template <int level, class T>
AGON_INLINE void prefetch_rows(std::int64_t rows, const T* from, std::int64_t ld, std::int64_t size) {
  constexpr std::int64_t bytes = sizeof(T);
  auto at = reinterpret_cast<std::uintptr_t>(from);  // no pointer, as it goes on beyond what may be pointed to
  for (std::int64_t r = 0; r < rows; ++r, at += static_cast<std::uintptr_t>(ld * bytes))
    for (std::int64_t q = 0; q < size * bytes; q += cache_line<T> * bytes)
      __builtin_prefetch(reinterpret_cast<const void*>(at + static_cast<std::uintptr_t>(q)), 0, 4 - level);
}

/// Rows of a matrix, `size` elements of each, that will soon be read or changed.
template <class T>
struct SoonRows {
  const T* data;
  std::int64_t ld, size, rows;

  /// Memory without gaps: a cache line a row.
  static SoonRows along(const T* data, std::int64_t size) {
    return {data, cache_line<T>, 1, detail::ceil_div(size, cache_line<T>)};
  }
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

/// What a tile asks for at every depth: nothing.
struct AsksNothing {
  AsksNothing() = default;
  AGON_INLINE AsksNothing(const detail::Walk (&)[2], const void*) {}
  AGON_INLINE void operator()() const {}
};

/// What a tile asks for at every depth: one address of each of two walks.
class Asks {
 public:
  /// `near` is memory that may be asked for where there is no walk.
  AGON_INLINE Asks(const detail::Walk (&walks)[2], const void* near) {
    for (int i = 0; i < 2; ++i)
      walk_[i] = walks[i].at ? walks[i] : detail::Walk{reinterpret_cast<std::uintptr_t>(near)};
  }
  AGON_INLINE void operator()() {
    __builtin_prefetch(reinterpret_cast<const void*>(walk_[0].at), 0, 2);
    __builtin_prefetch(reinterpret_cast<const void*>(walk_[1].at), 0, 2);
    walk_[0].at += static_cast<std::uintptr_t>(walk_[0].step);
    walk_[1].at += static_cast<std::uintptr_t>(walk_[1].step);
  }

 private:
  detail::Walk walk_[2];
};

/// Walks that tiles take one after another.
template <class T>
class Walks {
 public:
  Walks() = default;
  /// Rows of `size` elements, ld apart: a tile goes down one line of them.
  static Walks down(const T* data, std::int64_t size, std::int64_t ld) {
    return {data, ld, cache_line<T>, detail::ceil_div(size, cache_line<T>)};
  }
  /// `size` elements without gaps, shared out to so many tiles of so many depths; less of them if those are too few.
  static Walks along(const T* data, std::int64_t size, std::int64_t tiles, std::int64_t depth) {
    const std::int64_t share = detail::ceil_div(size, detail::larger(tiles, 1));
    const std::int64_t step = detail::smaller(detail::ceil_div(share, detail::larger(depth, 1)), cache_line<T>);
    return {data, step, share, size > 0 ? detail::larger(tiles, 0) : 0};
  }

  std::int64_t count() const { return count_; }
  /// The walk of tile i, none beyond the last.
  AGON_INLINE detail::Walk operator[](std::int64_t i) const {
    if (i >= count_) return {};
    return {at_ + static_cast<std::uintptr_t>(i * advance_), step_};
  }

 private:
  Walks(const T* data, std::int64_t step, std::int64_t advance, std::int64_t count)
      : at_(reinterpret_cast<std::uintptr_t>(data)),
        step_(step * size_of),
        advance_(advance * size_of),
        count_(count) {}

  static constexpr std::int64_t size_of = sizeof(T);
  std::uintptr_t at_ = 0;
  std::int64_t step_ = 0, advance_ = 0, count_ = 0;
};

/// Walks one after another.
template <class T>
struct WalkList {
  Walks<T> first{}, then{};

  std::int64_t count() const { return first.count() + then.count(); }
  AGON_INLINE detail::Walk operator[](std::int64_t i) const {
    return i < first.count() ? first[i] : then[i - first.count()];
  }
};

/// What the tiles of a product ask for, each for the next walk of two lists.
template <class T>
class Ahead {
 public:
  Ahead() = default;
  Ahead(const WalkList<T>& a, const WalkList<T>& b) : a_(a), b_(b) {}

  bool done() const { return next_ >= detail::larger(a_.count(), b_.count()); }
  AGON_INLINE void next(detail::Walk (&soon)[2]) {
    soon[0] = a_[next_], soon[1] = b_[next_];
    ++next_;
  }

 private:
  WalkList<T> a_, b_;
  std::int64_t next_ = 0;
};

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
