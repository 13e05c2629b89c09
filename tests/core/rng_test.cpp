#include <agon/core/rng.hpp>

#include <set>
#include <vector>

#include "../catch.hpp"

using agon::Rng;
using agon::StreamKey;
using Words = std::array<std::uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives the known answers of Random123", "[rng]") {
  // kat_vectors of Random123 (Salmon et al. 2011): counter and key words, lowest first.
  CHECK(agon::philox({0, 0}, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(agon::philox({~std::uint64_t{0}, ~std::uint64_t{0}}, ~std::uint64_t{0}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(agon::philox({0x299f31d0a4093822, 0x0370734413198a2e}, 0x85a308d3243f6a88) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("names hash to FNV-1a", "[rng]") {
  CHECK(agon::hash_name("") == 0xcbf29ce484222325);
  CHECK(agon::hash_name("a") == 0xaf63dc4c8601ec8c);
  CHECK(agon::hash_name("foobar") == 0x85944171f73967e8);
}

TEST_CASE("units lie in [0, 1)", "[rng]") {
  CHECK(agon::to_unit(0, 0) == 0);
  CHECK(agon::to_unit(0xffffffff, 0xffffffff) == 1 - 0x1p-53);
  CHECK(agon::to_unit(0x80000000, 0) == 0.5);
}

TEST_CASE("a stream is replayed from its seed, name and position", "[rng]") {
  Rng rng(7, "z");
  std::vector<double> first;
  for (int i = 0; i < 5; ++i) first.push_back(rng.uniform());
  CHECK(rng.position() == 5);
  Rng again(7, "z");
  again.seek(3);
  CHECK(again.uniform() == first[3]);
  CHECK(again.take(10) == 4);
  CHECK(again.position() == 14);
  CHECK(Rng(8, "z").uniform() != first[0]);
  CHECK(Rng(7, "y").uniform() != first[0]);
}

TEST_CASE("children are named streams at their beginning", "[rng]") {
  Rng parent(3, "init");
  parent.take(100);
  const auto child = parent.child("G.conv1");
  CHECK(child.name() == "init/G.conv1");
  CHECK(child.position() == 0);
  CHECK(child.key() == Rng(3, "init/G.conv1").key());
  CHECK(Rng(3).child("z").name() == "z");
}

TEST_CASE("integers below n are all reached and evenly", "[rng]") {
  Rng rng(1);
  std::vector<int> count(10);
  for (int i = 0; i < 20000; ++i) {
    const auto k = rng.below(10);
    REQUIRE((k >= 0 && k < 10));
    ++count[static_cast<std::size_t>(k)];
  }
  for (int c : count) CHECK(std::abs(c - 2000) < 200);
  for (int i = 0; i < 100; ++i) CHECK(rng.below(1) == 0);
  for (std::int64_t bad : {0, -1}) CHECK_THROWS_AS(rng.below(bad), agon::Error);
  // The high half of a 128-bit product: bounds beyond 32 bits.
  const std::int64_t large = std::int64_t{3} << 61;
  std::set<bool> halves;
  for (int i = 0; i < 100; ++i) {
    const auto k = rng.below(large);
    REQUIRE((k >= 0 && k < large));
    halves.insert(k < large / 2);
  }
  CHECK(halves.size() == 2);
}
