// An operation of your own with two results, in one function: compute the results, then record how gradients go back.
// The rule is written in public operations, so it can be differentiated again, to any order.

#include <agon/agon.hpp>

#include <algorithm>
#include <iostream>
#include <utility>

// Smallest and largest element of every row of x [n, m], each [n]. Gradient: to where the element came from.
template <agon::Real T>
std::pair<agon::Tensor<T>, agon::Tensor<T>> extremes(const agon::Tensor<T>& x) {
  using namespace agon;
  const auto n = x.size(0), m = x.size(1);
  auto low = empty<T>({n}), high = empty<T>({n});
  auto low_at = empty<std::int64_t>({n}), high_at = empty<std::int64_t>({n});
  for (std::size_t i = 0, rows = static_cast<std::size_t>(n), columns = static_cast<std::size_t>(m); i < rows; ++i) {
    const auto row = x.data().subspan(i * columns, columns);
    const auto [least, most] = std::ranges::minmax_element(row);
    low.mutable_data()[i] = *least;
    high.mutable_data()[i] = *most;
    low_at.mutable_data()[i] = least - row.begin();
    high_at.mutable_data()[i] = most - row.begin();
  }

  // Positions are not differentiated: they are kept as aux. No input or output is needed again.
  const auto rule = [m](const Vjp<T>& v) -> Grads<T> {
    const auto to_row = [&](int k) {
      return reshape(v.grad(k), {-1, 1}) * one_hot<T>(v.template aux<std::int64_t>(k), m);
    };
    return {to_row(0) + to_row(1)};
  };
  const auto y = record_all<T>("extremes", {low, high}, {x}, Save::nothing, rule, {.aux = {low_at, high_at}});
  return {y[0], y[1]};
}

int main() {
  using namespace agon;
  const auto x = from_data<double>({3, -1, 2, 0.5, 4, -2}, {2, 3}).requires_grad_();
  const auto [low, high] = extremes(x);
  std::cout << "smallest " << low << "\nlargest " << high << '\n';

  backward(sum(low * high));
  std::cout << "gradient of the sum of their products " << x.grad() << '\n';

  const auto check = gradcheck(
      [](const auto& in) {
        const auto [a, b] = extremes(in[0]);
        return std::vector{exp(a), a * square(b)};
      },
      {x.detach()}, {.order = 2});
  std::cout << "first and second derivatives against finite differences: " << (check ? "agree" : check.message) << '\n';
  return check ? 0 : 1;
}
