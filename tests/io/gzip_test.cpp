#include <agon/io/gzip.hpp>

#include "pack.hpp"
#include "support.hpp"

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("gunzip gives back what was packed") {
  const auto text = bytes_of("some bytes, some bytes, some bytes");
  CHECK(is_gzip(pack(text)));
  CHECK_FALSE(is_gzip(text));
  CHECK(gunzip(pack(text), 1000, "a") == text);
  CHECK(gunzip(pack({}), 0, "a").empty());
  CHECK(gunzip(pack(text), ~std::uint64_t{0}, "a") == text);
  Bytes large(3 << 20);
  Rng rng(1);
  for (auto& byte : large) byte = static_cast<std::uint8_t>(rng.below(256));
  CHECK(gunzip(pack(large), large.size(), "a") == large);
}

TEST_CASE("gunzip stops at the bound, exactly") {
  const auto packed = pack(Bytes(100000, 7));
  CHECK(gunzip(packed, 100000, "a").size() == 100000);
  CHECK_THAT(io_error_of([&] { gunzip(packed, 99999, "a.gz"); }),
             ContainsSubstring("a.gz: unpacks to more than 99999 bytes"));
  CHECK_THROWS_AS(gunzip(packed, 0, "a"), IoError);
}

TEST_CASE("a gzip bomb is stopped at the bound") {
  const auto bomb = pack(Bytes(64 << 20, 0));
  CHECK(bomb.size() < 80000);
  CHECK_THAT(io_error_of([&] { gunzip(bomb, 1 << 20, "bomb"); }), ContainsSubstring("unpacks to more than 1048576"));
}

TEST_CASE("gunzip refuses gzip data cut off anywhere") {
  check_truncations(pack(bytes_of("hello, hello, hello, world")), [](ByteView bytes) { gunzip(bytes, 1000, "a"); });
}

TEST_CASE("gunzip refuses what follows the member") {
  auto packed = pack(bytes_of("hello"));
  const auto one = packed;
  packed.push_back(0);
  CHECK_THAT(io_error_of([&] { gunzip(packed, 1000, "a"); }), ContainsSubstring("1 bytes follow the end"));
  packed.pop_back();
  packed.insert(packed.end(), one.begin(), one.end());
  CHECK_THAT(io_error_of([&] { gunzip(packed, 1000, "a"); }), ContainsSubstring("follow the end"));
}

TEST_CASE("gunzip checks CRC and length, and takes nothing but gzip") {
  const auto valid = pack(bytes_of("hello, world"));
  auto bad = valid;
  bad[bad.size() - 8] ^= 1;
  CHECK_THAT(io_error_of([&] { gunzip(bad, 1000, "a"); }), ContainsSubstring("incorrect data check"));
  bad = valid;
  bad[bad.size() - 4] ^= 1;
  CHECK_THAT(io_error_of([&] { gunzip(bad, 1000, "a"); }), ContainsSubstring("incorrect length check"));
  const Bytes zlib_format{0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01};
  CHECK_THAT(io_error_of([&] { gunzip(zlib_format, 1000, "a"); }), ContainsSubstring("incorrect header check"));
  CHECK_THROWS_AS(gunzip({}, 1000, "a"), IoError);
}

TEST_CASE("gunzip survives changed bytes") {
  const auto valid = pack(bytes_of("hello, hello, hello, world"));
  CHECK(check_changed_bytes(valid, [](ByteView bytes) { gunzip(bytes, 1000, "a"); }) > 3000);
}
