namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <Unary op, class T>
AGON_INLINE Vec<T> apply(Vec<T> x, [[maybe_unused]] Vec<T> p, [[maybe_unused]] Vec<T> q) {
  using V = Vec<T>;
  if constexpr (op == Unary::negate) return -x;
  if constexpr (op == Unary::exp) return exp(x);
  if constexpr (op == Unary::log) return log(x);
  if constexpr (op == Unary::sqrt) return sqrt(x);
  if constexpr (op == Unary::rsqrt) return V::set1(T(1)) / sqrt(x);
  if constexpr (op == Unary::square) return x * x;
  if constexpr (op == Unary::reciprocal) return V::set1(T(1)) / x;
  if constexpr (op == Unary::tanh) return tanh(x);
  if constexpr (op == Unary::sigmoid) return sigmoid(x);
  if constexpr (op == Unary::softplus) return softplus(x);
  if constexpr (op == Unary::relu) return activate<Activation::Kind::relu>(x, p);
  if constexpr (op == Unary::leaky_relu) return activate<Activation::Kind::leaky_relu>(x, p);
  if constexpr (op == Unary::abs) return abs(x);
  if constexpr (op == Unary::affine) return fmadd(x, p, q);
}

template <Unary op, class T>
void unary_loop(std::int64_t n, const T* x, T* y, T p, T q) {
  const auto vp = Vec<T>::set1(p), vq = Vec<T>::set1(q);
  for_registers<T>(n, [&](auto at) { at.store(apply<op>(at.load(x), vp, vq), y); });
}

/// y = x^k by repeated squaring, for integers k.
template <class T>
void power_loop(std::int64_t n, const T* x, T* y, int k) {
  const auto one = Vec<T>::set1(T(1));
  for_registers<T>(n, [&](auto at) {
    auto base = at.load(x), power = one;
    for (int e = k < 0 ? -k : k; e > 0; e >>= 1) {
      if (e & 1) power = power * base;
      base = base * base;
    }
    at.store(k < 0 ? one / power : power, y);
  });
}

template <class T>
void unary_chunk(Unary op, std::int64_t n, const T* x, T* y, T p, T q) {
  switch (op) {
    case Unary::negate:
      return unary_loop<Unary::negate>(n, x, y, p, q);
    case Unary::exp:
      return unary_loop<Unary::exp>(n, x, y, p, q);
    case Unary::log:
      return unary_loop<Unary::log>(n, x, y, p, q);
    case Unary::sqrt:
      return unary_loop<Unary::sqrt>(n, x, y, p, q);
    case Unary::rsqrt:
      return unary_loop<Unary::rsqrt>(n, x, y, p, q);
    case Unary::square:
      return unary_loop<Unary::square>(n, x, y, p, q);
    case Unary::reciprocal:
      return unary_loop<Unary::reciprocal>(n, x, y, p, q);
    case Unary::tanh:
      return unary_loop<Unary::tanh>(n, x, y, p, q);
    case Unary::sigmoid:
      return unary_loop<Unary::sigmoid>(n, x, y, p, q);
    case Unary::softplus:
      return unary_loop<Unary::softplus>(n, x, y, p, q);
    case Unary::relu:
      return unary_loop<Unary::relu>(n, x, y, p, q);
    case Unary::leaky_relu:
      return unary_loop<Unary::leaky_relu>(n, x, y, p, q);
    case Unary::abs:
      return unary_loop<Unary::abs>(n, x, y, p, q);
    case Unary::affine:
      return unary_loop<Unary::affine>(n, x, y, p, q);
    case Unary::power:
      return power_loop(n, x, y, static_cast<int>(p));
  }
}

template <Binary op, class T>
AGON_INLINE Vec<T> apply(Vec<T> a, Vec<T> b) {
  if constexpr (op == Binary::add) return a + b;
  if constexpr (op == Binary::subtract) return a - b;
  if constexpr (op == Binary::multiply) return a * b;
  if constexpr (op == Binary::divide) return a / b;
  if constexpr (op == Binary::maximum) return select<T>(exceeds(b, a), b, a);
}

/// y = a op b for n elements; an operand with step 0 is one value.
template <Binary op, int step_a, int step_b, class T>
AGON_INLINE void binary_loop(std::int64_t n, const T* a, const T* b, T* y) {
  const auto a0 = Vec<T>::set1(*a), b0 = Vec<T>::set1(*b);
  for_registers<T>(n, [&](auto at) { at.store(apply<op>(step_a ? at.load(a) : a0, step_b ? at.load(b) : b0), y); });
}

template <Binary op, class T>
void binary_rows(const BroadcastPlan& plan, std::int64_t first, std::int64_t last, const T* a, const T* b, T* y) {
  const auto step_a = plan.inner_a(), step_b = plan.inner_b();
  for (PlanRows row(plan, first, last); row.count > 0; row.next()) {
    const T *pa = a + row.a, *pb = b + row.b;
    T* py = y + row.position;
    if (step_a && step_b)
      binary_loop<op, 1, 1>(row.count, pa, pb, py);
    else if (step_a)
      binary_loop<op, 1, 0>(row.count, pa, pb, py);
    else if (step_b)
      binary_loop<op, 0, 1>(row.count, pa, pb, py);
    else
      binary_loop<op, 0, 0>(row.count, pa, pb, py);
  }
}

template <class T>
void binary_chunk(Binary op, const BroadcastPlan& plan, std::int64_t first, std::int64_t last, const T* a, const T* b,
                  T* y) {
  switch (op) {
    case Binary::add:
      return binary_rows<Binary::add>(plan, first, last, a, b, y);
    case Binary::subtract:
      return binary_rows<Binary::subtract>(plan, first, last, a, b, y);
    case Binary::multiply:
      return binary_rows<Binary::multiply>(plan, first, last, a, b, y);
    case Binary::divide:
      return binary_rows<Binary::divide>(plan, first, last, a, b, y);
    case Binary::maximum:
      return binary_rows<Binary::maximum>(plan, first, last, a, b, y);
  }
}

template <class T>
void select_chunk(std::int64_t n, const bool* condition, const T* a, const T* b, T* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = condition[i] ? a[i] : b[i];
}

template <class T>
void add_to_chunk(std::int64_t n, const T* x, T* y) {
  binary_loop<Binary::add, 1, 1>(n, y, x, y);
}

template <class T>
void activation_grad_chunk(const Activation& activation, std::int64_t n, const T* y, const T* g, T* dx) {
  const auto slope = Vec<T>::set1(static_cast<T>(activation.slope));
  with_activation(activation, [&](auto kind) {
    for_registers<T>(n, [&](auto at) { at.store(activate_grad<kind.value>(at.load(y), at.load(g), slope), dx); });
  });
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
