#include "../catch.hpp"

#include <agon/core/workspace.hpp>

#include <cstdint>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

using namespace agon;

namespace {

/// Fills a workspace and says whether it still holds that.
struct Filled {
  std::int64_t count;
  int first;
  Workspace<int> space;

  Filled(std::int64_t n, int value) : count(n), first(value), space(n) {
    std::iota(space.data(), space.data() + count, first);
  }
  bool intact() const {
    for (std::int64_t i = 0; i < count; ++i)
      if (space.data()[i] != first + static_cast<int>(i)) return false;
    return true;
  }
};

}  // namespace

TEST_CASE("a thread's next workspace is the memory it gave back, aligned and not the pool's") {
  const auto before = pool_stats().live;
  const float* first = nullptr;
  {
    const Workspace<float> a(1000);
    first = a.data();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
  }
  const Workspace<double> b(7), empty(0);
  CHECK(static_cast<const void*>(b.data()) == first);
  CHECK(empty.data() != nullptr);
  CHECK(pool_stats().live == before);
}

TEST_CASE("workspaces do not overlap, whatever their sizes and the order in which they go") {
  std::vector<std::unique_ptr<Filled>> all;
  for (int i = 0; i < 40; ++i) all.push_back(std::make_unique<Filled>(1 + i * i * 17, i * 1000));
  for (const int gone : {3, 17, 39, 38, 0}) all[static_cast<std::size_t>(gone)].reset();
  for (int i = 0; i < 5; ++i) all.push_back(std::make_unique<Filled>(300 + i, -i));
  for (const auto& filled : all)
    if (filled) CHECK(filled->intact());
  const int* const lowest = all[1]->space.data();
  all.clear();
  const Workspace<int> next(1);
  CHECK(next.data() <= lowest);
}

TEST_CASE("workspaces that do not fit come from the pool") {
  const auto before = pool_stats().live;
  {
    const Filled small(1000, 1), large(std::int64_t{1} << 20, 2), second(1000, 3);
    CHECK(pool_stats().live >= before + (std::int64_t{4} << 20));
    CHECK(small.intact());
    CHECK(large.intact());
    CHECK(second.intact());
  }
  CHECK(pool_stats().live == before);
}

TEST_CASE("every thread has workspaces of its own", "[threads]") {
  std::vector<std::thread> threads;
  std::vector<char> intact(4, 1);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &intact] {
      for (int i = 0; i < 500; ++i) {
        const Filled a(64 + (i * 37 + t) % 5000, t), b(100 + i % 7, i);
        if (!a.intact() || !b.intact()) intact[static_cast<std::size_t>(t)] = 0;
      }
    });
  for (auto& thread : threads) thread.join();
  for (char good : intact) CHECK(good == 1);
}
