#include <agon/kernels/index.hpp>

#include "kernel_test.hpp"

namespace k = agon::kernels;
using namespace kernel_test;

namespace {

template <class I>
std::vector<I> random_indices(std::int64_t n, std::int64_t bound) {
  std::mt19937 engine(5);
  std::vector<I> index(static_cast<std::size_t>(n));
  for (I& i : index) i = static_cast<I>(engine() % static_cast<std::uint64_t>(bound));
  return index;
}

}  // namespace

TEMPLATE_TEST_CASE("gather_rows and its adjoint scatter_add_rows", "[index]", std::int32_t, std::int64_t) {
  const std::int64_t rows = 10;
  for (std::int64_t n : {0, 1, 17, 5000})
    for (std::int64_t width : {0, 1, 3, 64, 110}) {
      const auto table = random_values<float>(rows * width, 1), g = random_values<float>(n * width, 2);
      const auto index = random_indices<TestType>(n, rows);
      std::vector<float> gathered, added(table.size());
      for (std::size_t i = 0; i < index.size(); ++i)
        for (std::size_t c = 0; c < static_cast<std::size_t>(width); ++c) {
          const auto at = static_cast<std::size_t>(index[i]) * static_cast<std::size_t>(width) + c;
          gathered.push_back(table[at]);
          added[at] += g[i * static_cast<std::size_t>(width) + c];
        }
      INFO(n << " rows of " << width);
      CHECK(gathered == with_any_threads([&] {
              auto out = zeros<float>(n * width);
              k::gather_rows(n, width, table.data(), index.data(), out.data());
              return out;
            }));
      CHECK(added == with_any_threads([&] {
              std::vector<float> out(table.size(), 9.0f);
              k::scatter_add_rows(n, rows, width, g.data(), index.data(), out.data());
              return out;
            }));
    }
}

TEST_CASE("take and its adjoint put", "[index]") {
  const std::int64_t size = 1000;
  for (std::int64_t n : {0, 1, 3, 40000}) {
    const auto x = random_values<double>(size, 3), g = random_values<double>(n, 4);
    const auto index = random_indices<std::int64_t>(n, size);
    std::vector<double> taken, put(x.size());
    for (std::size_t i = 0; i < index.size(); ++i) {
      taken.push_back(x[static_cast<std::size_t>(index[i])]);
      put[static_cast<std::size_t>(index[i])] += g[i];
    }
    CHECK(taken == with_any_threads([&] {
            auto out = zeros<double>(n);
            k::take(n, x.data(), index.data(), out.data());
            return out;
          }));
    CHECK(put == with_any_threads([&] {
            std::vector<double> out(x.size(), 9.0);
            k::put(n, g.data(), index.data(), size, out.data());
            return out;
          }));
  }
}
