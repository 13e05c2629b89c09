#pragma once

#include <agon/core/error.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace agon {

/// What a random stream is keyed by: the user's seed and the hash of the stream's name.
struct StreamKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
  friend bool operator==(const StreamKey&, const StreamKey&) = default;
};

/// FNV-1a of a stream's name, 64 bits.
constexpr std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

/// Philox4x32-10 (Salmon et al. 2011): four random words as a pure function of key and block number.
inline std::array<std::uint32_t, 4> philox(StreamKey key, std::uint64_t block) {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  std::array<std::uint32_t, 4> c{low(block), high(block), low(key.stream), high(key.stream)};
  std::uint32_t k0 = low(key.seed), k1 = high(key.seed);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0], p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {high(p1) ^ c[1] ^ k0, low(p1), high(p0) ^ c[3] ^ k1, low(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// Uniform in [0, 1) with 53 bits from two words.
constexpr double to_unit(std::uint32_t a, std::uint32_t b) {
  return static_cast<double>((std::uint64_t{a} << 21) ^ (b >> 11)) * 0x1p-53;
}

/// A named stream of random numbers with a position. The same seed, name and position give the same numbers on every
/// machine and with any number of threads. Tensors are filled by random access, so a stream only counts its blocks.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::string name = "") : name_(std::move(name)), key_{seed, hash_name(name_)} {}

  /// The stream "<this name>/<name>" of the same seed, at its beginning.
  Rng child(std::string_view name) const {
    return Rng(key_.seed, name_.empty() ? std::string(name) : name_ + "/" + std::string(name));
  }

  /// What philox() draws this stream's blocks with.
  StreamKey key() const { return key_; }
  /// The name the stream was made with, those of its parents before it: "init/G.conv1".
  const std::string& name() const { return name_; }

  /// Blocks used so far; setting it back replays the stream.
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

  /// Claims `blocks` blocks and returns the first one's number.
  std::uint64_t take(std::uint64_t blocks) {
    const auto first = position_;
    position_ += blocks;
    return first;
  }

  /// Uniform in [0, 1).
  double uniform() {
    const auto words = philox(key_, take(1));
    return to_unit(words[0], words[1]);
  }

  /// Uniform integer in [0, n); the bias is below n / 2^64. Throws Error unless n > 0.
  std::int64_t below(std::int64_t n) {
    check(n > 0, "Rng::below: bound ", n, "; expected at least 1");
    const auto words = philox(key_, take(1));
    const auto x = (std::uint64_t{words[0]} << 32) | words[1];
    const auto bound = static_cast<std::uint64_t>(n);
    // High half of the 128-bit product x * bound, from 32-bit halves: no rejection, the same on every compiler.
    const auto xl = x & 0xffffffffu, xh = x >> 32, bl = bound & 0xffffffffu, bh = bound >> 32;
    const auto carry = (xl * bl) >> 32, mid1 = xh * bl + carry, mid2 = xl * bh + (mid1 & 0xffffffffu);
    return static_cast<std::int64_t>(xh * bh + (mid1 >> 32) + (mid2 >> 32));
  }

 private:
  std::string name_;
  StreamKey key_;
  std::uint64_t position_ = 0;
};

}  // namespace agon
