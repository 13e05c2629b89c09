namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// Rounds of fused multiply-adds in as many independent chains as hide their latency; returns their number of
/// floating-point operations.
template <class T>
double run_multiply_adds(std::int64_t rounds, T* result) {
  using V = Vec<T>;
  constexpr int chains = AGON_VECTOR_BYTES == 64 ? 24 : 12;
  const V factor = V::set1(result[0]), term = V::set1(result[1]);
  V sum[chains];
#pragma GCC unroll 24
  for (int i = 0; i < chains; ++i) sum[i] = V::set1(static_cast<T>(i));
  for (std::int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 24
    for (int i = 0; i < chains; ++i) sum[i] = fmadd(sum[i], factor, term);
  V total = V::zero();
#pragma GCC unroll 24
  for (int i = 0; i < chains; ++i) total = total + sum[i];
  total.store_first(result + 2, 1);
  return 2.0 * V::lanes * chains * static_cast<double>(rounds);
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
