#include "../catch.hpp"

#include <agon/core/pool.hpp>
#include <agon/core/storage.hpp>

#include <cstdint>
#include <new>
#include <thread>
#include <vector>

using namespace agon;
using detail::Pool;

TEST_CASE("size classes hold what they are for and waste at most an eighth") {
  for (std::size_t bytes = 1; bytes < (std::size_t{1} << 21); bytes += 61) {
    const auto size = Pool::class_size(Pool::class_of(bytes));
    REQUIRE(size >= bytes);
    REQUIRE(size % Pool::alignment == 0);
    if (bytes > 512) REQUIRE(size - bytes <= size / 8 + Pool::alignment);
    REQUIRE(Pool::class_of(size) == Pool::class_of(bytes));
  }
  CHECK(Pool::class_size(Pool::class_of(std::size_t{1} << 50)) >= std::size_t{1} << 50);
}

TEST_CASE("freed buffers are handed out again, aligned, and counted") {
  trim_pool();
  const auto before = pool_stats();
  void* first = nullptr;
  {
    Storage a(100000);
    first = a.data();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
    CHECK(pool_stats().live - before.live >= 100000);
  }
  CHECK(pool_stats().live == before.live);
  CHECK(pool_stats().idle >= 100000);
  Storage b(99999);
  CHECK(b.data() == first);
  reset_pool_peak();
  CHECK(pool_stats().peak == pool_stats().live);
}

TEST_CASE("the pool can be switched off and capped") {
  configure_pool(false);
  { Storage a(1 << 20); }
  CHECK(pool_stats().idle == 0);
  configure_pool(true, 4096);
  { Storage small(1024), large(1 << 20); }
  CHECK(pool_stats().idle > 0);
  CHECK(pool_stats().idle <= 4096);
  configure_pool(true);
}

#if !defined(AGON_ASAN)  // which ends the program instead
TEST_CASE("memory that cannot be had is not counted, and what is idle is given back first") {
  { Storage idle(1 << 20); }
  reset_pool_peak();
  const auto before = pool_stats();
  CHECK(before.idle > 0);
  CHECK_THROWS_AS(Storage(std::size_t{1} << 60), std::bad_alloc);
  CHECK(pool_stats().live == before.live);
  CHECK(pool_stats().peak == before.peak);
  CHECK(pool_stats().idle == 0);
}
#endif

TEST_CASE("threads share the pool", "[threads]") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        const Storage space(static_cast<std::size_t>(64 + (i * 37 + t) % 5000) * sizeof(int));
        *static_cast<int*>(space.data()) = i;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(pool_stats().live >= 0);
}
