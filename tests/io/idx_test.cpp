#include <agon/io/idx.hpp>

#include "pack.hpp"
#include "support.hpp"

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

namespace {

const Bytes matrix{0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};

std::string refusal(const Bytes& bytes) {
  return io_error_of([&] { decode_idx(bytes, "file.idx"); });
}

}  // namespace

TEST_CASE("IDX is read raw and in gzip") {
  for (const auto& bytes : {matrix, pack(matrix)}) {
    const auto tensor = decode_idx(bytes, "a");
    CHECK(tensor.shape() == Shape{2, 3});
    CHECK(tensor.to_vector() == Bytes{1, 2, 3, 4, 5, 6});
  }
  CHECK(decode_idx(Bytes{0, 0, 8, 1, 0, 0, 0, 1, 9}, "a").shape() == Shape{1});
  CHECK(decode_idx(Bytes{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 8, 9}, "a").shape() == Shape{1, 1, 2});

  const TemporaryFolder folder;
  write_file(folder / "a", matrix);
  CHECK(load_idx(folder / "a").shape() == Shape{2, 3});
  CHECK_THAT(io_error_of([&] { load_idx(folder / "a", 17); }), ContainsSubstring("/a: has 18 bytes"));
}

TEST_CASE("IDX cut off anywhere is refused") {
  check_truncations(matrix, [](ByteView bytes) { decode_idx(bytes, "a"); });
  check_truncations(pack(matrix), [](ByteView bytes) { decode_idx(bytes, "a"); });
}

TEST_CASE("IDX of another size than its header says is refused") {
  auto longer = matrix;
  longer.push_back(7);
  CHECK_THAT(refusal(longer), ContainsSubstring("file.idx: has 7 bytes of data; expected 6"));
  CHECK_THAT(refusal(pack(longer)), ContainsSubstring("has 7 bytes of data; expected 6"));
  CHECK_THAT(refusal({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}),
             ContainsSubstring("has 1 bytes of data; expected 18446744073709551615"));
  // 2^31 * 2^31 * 4 is 0 in 64 bits.
  CHECK_THAT(refusal({0, 0, 8, 3, 128, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 4}), ContainsSubstring("has 0 bytes of data"));
  CHECK_THAT(refusal({0, 0, 8, 2, 0, 0, 0, 0, 255, 255, 255, 255}), ContainsSubstring("dimension 0 is 0"));
}

TEST_CASE("IDX of other types and ranks is refused") {
  CHECK_THAT(refusal({0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0}), ContainsSubstring("element type 13; expected 8"));
  CHECK_THAT(refusal({0, 0, 8, 0, 1}), ContainsSubstring("0 dimensions; expected 1 to 3"));
  CHECK_THAT(refusal({0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5}),
             ContainsSubstring("4 dimensions; expected 1 to 3"));
}

TEST_CASE("the message says what was found instead of IDX") {
  CHECK_THAT(refusal(bytes_of("\n <!DOCTYPE html><html>404")), ContainsSubstring("a web page"));
  CHECK_THAT(refusal(pack(bytes_of("<html>"))), ContainsSubstring("a web page"));
  CHECK_THAT(refusal(pack(pack(matrix))), ContainsSubstring("gzip data inside gzip data"));
  CHECK_THAT(refusal(bytes_of("PK\x03\x04 zip")), ContainsSubstring("a zip archive"));
  CHECK_THAT(refusal({0xde, 0xad, 0xbe, 0xef}), ContainsSubstring("bytes de ad be ef"));
  CHECK_THAT(refusal({}), ContainsSubstring("has 0 bytes"));
}

TEST_CASE("an IDX gzip bomb is stopped") {
  Bytes bomb(32 << 20, 0);
  std::copy(matrix.begin(), matrix.end(), bomb.begin());
  CHECK_THAT(io_error_of([&] { decode_idx(pack(bomb), "a", 1 << 20); }), ContainsSubstring("unpacks to more than"));
}

TEST_CASE("IDX survives changed bytes") {
  CHECK(check_changed_bytes(matrix, [](ByteView bytes) { decode_idx(bytes, "a"); }) > 1000);
  CHECK(check_changed_bytes(pack(matrix), [](ByteView bytes) { decode_idx(bytes, "a"); }) > 3000);
}
