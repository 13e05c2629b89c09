namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

template <class T>
void sgd_chunk(std::int64_t n, T* p, const T* g, T* velocity, T lr, T momentum, T weight_decay, bool nesterov) {
  using V = Vec<T>;
  const V rate = V::set1(-lr), mu = V::set1(momentum), decay = V::set1(weight_decay);
  for_registers<T>(n, [&](auto at) {
    const V value = at.load(p);
    V step = fmadd(decay, value, at.load(g));
    if (velocity) {
      const V v = fmadd(mu, at.load(velocity), step);
      at.store(v, velocity);
      step = nesterov ? fmadd(mu, v, step) : v;
    }
    at.store(fmadd(rate, step, value), p);
  });
}

template <class T>
void adam_chunk(const detail::AdamFactors<T>& f, std::int64_t n, T* p, const T* g, T* m, T* v) {
  using V = Vec<T>;
  const V beta1 = V::set1(f.beta1), beta2 = V::set1(f.beta2), rest1 = V::set1(f.rest1), rest2 = V::set1(f.rest2);
  const V rate = V::set1(-f.rate), root = V::set1(f.root), eps = V::set1(f.eps);
  const V shrink = V::set1(f.shrink), decay = V::set1(f.decay);
  for_registers<T>(n, [&](auto at) {
    const V value = at.load(p);
    const V grad = fmadd(decay, value, at.load(g));
    const V first = fmadd(beta1, at.load(m), rest1 * grad);
    const V second = fmadd(beta2, at.load(v), rest2 * grad * grad);
    at.store(first, m);
    at.store(second, v);
    at.store(fmadd(rate, first / fmadd(sqrt(second), root, eps), value * shrink), p);
  });
}

template <class T>
void rmsprop_chunk(std::int64_t n, T* p, const T* g, T* v, T lr, T alpha, T rest, T eps) {
  using V = Vec<T>;
  for_registers<T>(n, [&](auto at) {
    const V grad = at.load(g);
    const V second = fmadd(V::set1(alpha), at.load(v), V::set1(rest) * grad * grad);
    at.store(second, v);
    at.store(fmadd(V::set1(-lr), grad / (sqrt(second) + V::set1(eps)), at.load(p)), p);
  });
}

template <class T>
void ema_chunk(std::int64_t n, T beta, T rest, T* average, const T* value) {
  using V = Vec<T>;
  for_registers<T>(n, [&](auto at) {
    const V next = fmadd(V::set1(beta), at.load(average), V::set1(rest) * at.load(value));
    at.store(next, average);
  });
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
