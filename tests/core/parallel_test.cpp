#include <agon/core/parallel.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "../catch.hpp"

using agon::parallel_chunks;
using agon::parallel_for;
using agon::ThreadScope;

TEST_CASE("parallel_for covers the range once, in pieces of the grain", "[parallel]") {
  for (int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    for (std::int64_t n : {0, 1, 7, 8, 9, 1000})
      for (std::int64_t grain : {-1, 0, 1, 8, 5000}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
        std::atomic<bool> right = true;
        parallel_for(n, grain, [&](std::int64_t first, std::int64_t last) {
          const auto size = std::max<std::int64_t>(grain, 1);
          if (first % size != 0 || last - first > size || (last - first < size && last != n)) right = false;
          for (auto i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        CHECK(right);
        for (const auto& v : visits) REQUIRE(v == 1);
      }
  }
}

TEST_CASE("of several exceptions the lowest chunk's is rethrown", "[parallel]") {
  for (int threads : {1, 2, 4}) {
    const ThreadScope scope(threads);
    for (int repeat = 0; repeat < 20; ++repeat)
      CHECK_THROWS_WITH(parallel_chunks(64,
                                        [](std::int64_t chunk) {
                                          if (chunk >= 5) throw std::runtime_error(std::to_string(chunk));
                                        }),
                        "5");
  }
}

TEST_CASE("thread scopes nest and end", "[parallel]") {
  const int before = agon::num_threads();
  {
    const ThreadScope outer(3);
#if defined(_OPENMP)
    const int wanted = 3;
#else
    const int wanted = 1;
#endif
    CHECK(agon::num_threads() == wanted);
    {
      const ThreadScope inner(0);  // at least one
      CHECK(agon::num_threads() == 1);
    }
    CHECK(agon::num_threads() == wanted);
  }
  CHECK(agon::num_threads() == before);
}

TEST_CASE("loops inside loops run on one thread", "[parallel]") {
  const ThreadScope scope(4);
  std::atomic<int> inner_chunks = 0, most_threads = 0;
  parallel_chunks(8, [&](std::int64_t) {
    if (agon::num_threads() > most_threads) most_threads = agon::num_threads();
    parallel_chunks(8, [&](std::int64_t) { ++inner_chunks; });
  });
  CHECK(inner_chunks == 64);
#if defined(_OPENMP)
  CHECK(most_threads == 1);
#endif
}

#if defined(__SSE__)
TEST_CASE("workers take the caller's floating-point mode and give it back", "[parallel]") {
  const auto halves = [] {  // number of chunks in which half of the smallest normal number is not zero
    std::atomic<int> count = 0;
    parallel_chunks(16, [&](std::int64_t) {
      volatile float smallest = 1.17549435e-38f;
      volatile float half = smallest * 0.5f;
      if (half != 0) ++count;
    });
    return count.load();
  };
  for (int threads : {1, 4}) {
    const ThreadScope scope(threads);
    CHECK(halves() == 16);
    {
      const agon::FlushDenormals flush;
      CHECK(halves() == 0);
    }
    CHECK(halves() == 16);
  }
}
#endif
