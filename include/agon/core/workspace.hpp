#pragma once

#include <agon/core/build.hpp>
#include <agon/core/pool.hpp>

#include <cstddef>
#include <cstdint>
#include <new>

namespace agon {

namespace detail {
inline namespace AGON_BUILD {

/// Scratch memory of one thread, a stack: what a kernel gives back the next one gets, from the thread's own caches and
/// without a lock. What is large or does not fit comes from the pool. Buffers may be given back in any order, but by
/// their thread.
class ScratchStack {
 public:
  static constexpr std::size_t capacity = 1 << 20, largest = capacity / 2, alignment = 64;

  /// The calling thread's, or null where there is none: no memory for it, or the thread is about to end.
  static ScratchStack* own() {
    auto& slot = own_slot();
    if (!slot.stack && !slot.ended) {
      thread_local const Owner owner;
      slot.stack = owner.stack;
    }
    return slot.stack;
  }

  /// Null where `bytes` do not fit.
  void* allocate(std::size_t bytes) {
    const auto size = size_of(bytes);
    if (size > largest || size > capacity - used_) return nullptr;
    void* const memory = memory_ + used_;
    used_ += size;
    ++live_;
    Pool::unpoison(memory, size - alignment);
    return memory;
  }

  void release(void* memory, std::size_t bytes) {
    const auto size = size_of(bytes);
    Pool::poison(memory, size - alignment);
    if (static_cast<std::byte*>(memory) + size == memory_ + used_) used_ -= size;
    if (--live_ == 0) used_ = 0;
  }

 private:
  // Without a destructor, so that what runs after the owner's may still look.
  struct Slot {
    ScratchStack* stack = nullptr;
    bool ended = false;
  };

  struct Owner {
    ScratchStack* stack = new (std::nothrow) ScratchStack;
    Owner() {
      if (stack && !stack->memory_) delete stack, stack = nullptr;
    }
    ~Owner() {
      own_slot() = {nullptr, true};
      delete stack;
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
  };

  static Slot& own_slot() {
    constinit thread_local Slot slot;
    return slot;
  }

  ScratchStack() {
    if (memory_) Pool::poison(memory_, capacity);
  }
  ~ScratchStack() {
    if (memory_) Pool::unpoison(memory_, capacity);
    ::operator delete (memory_, std::align_val_t{page});
  }
  ScratchStack(const ScratchStack&) = delete;
  ScratchStack& operator=(const ScratchStack&) = delete;

  /// In whole lines, and one more: buffers whose sizes are powers of two would fall on the same cache sets.
  static constexpr std::size_t size_of(std::size_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment + alignment;
  }

  static constexpr std::size_t page = 4096;
  std::byte* memory_ = static_cast<std::byte*>(::operator new (capacity, std::align_val_t{page}, std::nothrow));
  std::size_t used_ = 0, live_ = 0;
};

}  // namespace AGON_BUILD
}  // namespace detail

inline namespace AGON_BUILD {

/// Scratch memory of a kernel: `count` elements of T, aligned to 64 bytes and not initialised. Up to half a megabyte,
/// and one megabyte together, it is the thread's own memory, kept until the thread ends; what is beyond comes from the
/// pool. It is given back by the thread that took it, before that ends.
template <class T>
class Workspace {
 public:
  explicit Workspace(std::int64_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)), stack_(detail::ScratchStack::own()) {
    if (stack_) data_ = stack_->allocate(bytes_);
    if (data_) return;
    stack_ = nullptr;
    data_ = detail::Pool::instance().allocate(bytes_);
  }
  ~Workspace() {
    if (stack_)
      stack_->release(data_, bytes_);
    else
      detail::Pool::instance().release(data_, bytes_);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  T* data() const { return static_cast<T*>(data_); }

 private:
  std::size_t bytes_;
  detail::ScratchStack* stack_;
  void* data_ = nullptr;
};

}  // namespace AGON_BUILD
}  // namespace agon
