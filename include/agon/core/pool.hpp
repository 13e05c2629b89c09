#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define AGON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AGON_ASAN 1
#endif
#endif
#if defined(AGON_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace agon {

/// Figures of the storage pool, in bytes.
struct PoolStats {
  std::int64_t live = 0;  ///< handed out now
  std::int64_t peak = 0;  ///< largest `live` so far, or since reset_pool_peak()
  std::int64_t idle = 0;  ///< freed by their users and kept for the next
};

namespace detail {

/// Keeps freed buffers by size class and hands them out again, from any thread. Touching fresh pages costs about half
/// a millisecond per megabyte; a training step must pay that once, not every time. Buffers are whole lines of 64 bytes,
/// and above 512 bytes of eight classes an octave: at most an eighth of a large one is unused.
class Pool {
 public:
  static constexpr std::size_t alignment = 64;

  /// The process's pool. Never destroyed, so that tensors in static storage may outlive everything else.
  static Pool& instance() {
    static Pool& pool = *new Pool;
    return pool;
  }

  /// Throws std::bad_alloc when the system has no such buffer, not even after it got the idle ones back.
  void* allocate(std::size_t bytes) {
    const auto size_class = class_of(bytes);
    const auto size = class_size(size_class);
    std::unique_lock lock(mutex_);
    auto& idle = idle_[size_class];
    void* memory = nullptr;
    if (idle.empty()) {
      lock.unlock();
      memory = allocate_fresh(size);
      lock.lock();
    } else {
      memory = idle.back();
      idle.pop_back();
      stats_.idle -= static_cast<std::int64_t>(size);
      unpoison(memory, size);
    }
    stats_.live += static_cast<std::int64_t>(size);
    stats_.peak = std::max(stats_.peak, stats_.live);
    return memory;
  }

  void release(void* memory, std::size_t bytes) noexcept {
    const auto size_class = class_of(bytes);
    const auto size = class_size(size_class);
    {
      const std::lock_guard lock(mutex_);
      stats_.live -= static_cast<std::int64_t>(size);
      if (enabled_ && stats_.idle + static_cast<std::int64_t>(size) <= cap_ && keep(size_class, memory)) {
        stats_.idle += static_cast<std::int64_t>(size);
        poison(memory, size);
        return;
      }
    }
    ::operator delete (memory, std::align_val_t{alignment});
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    for (std::size_t c = 0; c < classes; ++c) {
      for (void* memory : idle_[c]) {
        unpoison(memory, class_size(c));
        ::operator delete (memory, std::align_val_t{alignment});
      }
      idle_[c].clear();
    }
    stats_.idle = 0;
  }

  void configure(bool enabled, std::int64_t cap) {
    {
      const std::lock_guard lock(mutex_);
      enabled_ = enabled;
      cap_ = cap;
    }
    trim();
  }

  PoolStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    stats_.peak = stats_.live;
  }

  /// Size classes are 64 bytes apart up to 512, then (8 ... 15) 2^k.
  static constexpr std::size_t class_of(std::size_t bytes) {
    const std::size_t lines = std::max<std::size_t>((bytes + alignment - 1) / alignment, 1);
    if (lines <= 8) return lines - 1;
    const auto octave = static_cast<std::size_t>(std::bit_width(lines - 1)) - 4;
    const auto step = (lines - 1) >> octave;  // 8 ... 15
    return 8 * (octave + 1) + (step - 8);
  }

  static constexpr std::size_t class_size(std::size_t size_class) {
    if (size_class < 8) return (size_class + 1) * alignment;
    const auto octave = size_class / 8 - 1, step = size_class % 8 + 8;
    return ((step + 1) << octave) * alignment;
  }

  /// Marks memory that nobody may touch, for AddressSanitizer.
  static void poison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) {
#if defined(AGON_ASAN)
    __asan_poison_memory_region(memory, size);
#endif
  }
  static void unpoison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) {
#if defined(AGON_ASAN)
    __asan_unpoison_memory_region(memory, size);
#endif
  }

 private:
  static constexpr std::size_t classes = 8 * 60;

  void* allocate_fresh(std::size_t size) {
    try {
      return ::operator new (size, std::align_val_t{alignment});
    } catch (const std::bad_alloc&) {
      trim();
    }
    return ::operator new (size, std::align_val_t{alignment});
  }

  bool keep(std::size_t size_class, void* memory) noexcept {
    try {
      idle_[size_class].push_back(memory);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, classes> idle_;
  PoolStats stats_;
  bool enabled_ = true;
  std::int64_t cap_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace detail

/// What the storage pool holds now.
inline PoolStats pool_stats() { return detail::Pool::instance().stats(); }

/// Starts a new measurement of the peak at what is live now.
inline void reset_pool_peak() { detail::Pool::instance().reset_peak(); }

/// Gives all idle buffers back to the system.
inline void trim_pool() { detail::Pool::instance().trim(); }

/// Switches the pool on or off, and bounds its idle bytes; gives what is idle back to the system.
inline void configure_pool(bool enabled, std::int64_t max_idle_bytes = std::numeric_limits<std::int64_t>::max()) {
  detail::Pool::instance().configure(enabled, max_idle_bytes);
}

}  // namespace agon
