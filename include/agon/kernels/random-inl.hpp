namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

#if AGON_VECTOR_BYTES
typedef std::uint64_t Wide __attribute__((vector_size(AGON_VECTOR_BYTES)));
#else
using Wide = std::uint64_t;
#endif

/// Products of the low 32 bits of each lane of a with b.
AGON_INLINE Wide multiply_low(Wide a, std::uint32_t b) {
#if AGON_VECTOR_BYTES == 64
  return (Wide)_mm512_maskz_mul_epu32(0xff, (__m512i)a, _mm512_set1_epi64(b));
#elif AGON_VECTOR_BYTES == 32
  return (Wide)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif AGON_VECTOR_BYTES == 16 && AGON_X86 && defined(__SSE2__)
  return (Wide)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
  return (a & 0xffffffffu) * b;
#endif
}

/// The first words of Philox's blocks, one block a lane; see core/rng.hpp. The words are the low halves of the lanes,
/// the high halves are left over from products.
AGON_INLINE Wide philox_first_words(StreamKey key, Wide block) {
  Wide c0 = block, c1 = block >> 32, c2 = Wide{} + key.stream, c3 = Wide{} + (key.stream >> 32);
  auto k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const Wide p0 = multiply_low(c0, 0xD2511F53u), p1 = multiply_low(c2, 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ (Wide{} + k0);
    c2 = (p0 >> 32) ^ c3 ^ (Wide{} + k1);
    c1 = p1;
    c3 = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c0;
}

/// y = x factor, or 0 where the element's word is below `dropped`.
template <class T>
void dropout_chunk(StreamKey key, std::uint64_t block, std::int64_t n, std::uint64_t dropped, T factor, const T* x,
                   T* y) {
  constexpr int lanes = sizeof(Wide) / sizeof(std::uint64_t);
  std::uint64_t word[lanes];
  for (int k = 0; k < lanes; ++k) word[k] = block + static_cast<std::uint64_t>(k);
  Wide blocks, words;
  std::memcpy(&blocks, word, sizeof(blocks));
  for (std::int64_t i = 0; i < n; i += lanes, blocks = blocks + lanes) {
    words = philox_first_words(key, blocks) & 0xffffffffu;
    std::memcpy(word, &words, sizeof(words));
    const auto count = n - i < lanes ? static_cast<int>(n - i) : lanes;
    for (int k = 0; k < count; ++k) y[i + k] = word[k] >= dropped ? x[i + k] * factor : T(0);
  }
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
