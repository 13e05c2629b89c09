#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

std::vector<float> native_unit();
std::vector<float> plain_unit();

int main() {
  const auto a = native_unit();
  const auto b = plain_unit();
  if (a.empty() || a.size() != b.size()) return 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || std::abs(a[i] - b[i]) > 1e-5f * std::abs(a[i])) {
      std::printf("element %zu: native %g, plain %g\n", i, static_cast<double>(a[i]), static_cast<double>(b[i]));
      return 1;
    }
  }
  return 0;
}
