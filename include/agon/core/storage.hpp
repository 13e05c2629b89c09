#pragma once

#include <agon/core/error.hpp>
#include <agon/core/pool.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace agon {

/// A block of memory from the pool, aligned to 64 bytes and not initialised, with a counter of the times somebody asked
/// to write to it: autograd compares it to notice tensors that changed after they were saved.
class Storage {
 public:
  explicit Storage(std::size_t bytes) : bytes_(bytes), data_(detail::Pool::instance().allocate(bytes)) {}
  ~Storage() { detail::Pool::instance().release(data_, bytes_); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::size_t bytes_;
  void* data_;
  std::atomic<std::uint64_t> version_{0};
};

}  // namespace agon
