#include <agon/io/file.hpp>

#include "support.hpp"

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a file that is written can be read, and replaces an older one") {
  const TemporaryFolder folder;
  const auto path = folder / "a.bin";
  write_file(path, as_bytes("first, and longer"));
  write_file(path, as_bytes("second"));
  CHECK(read_file(path, 6) == bytes_of("second"));
  write_file(path, ByteView());
  CHECK(read_file(path, 0).empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("write_file joins its pieces") {
  const TemporaryFolder folder;
  const ByteView pieces[] = {as_bytes("one, "), ByteView(), as_bytes("two")};
  write_file(folder / "a", pieces);
  CHECK(read_file(folder / "a", 100) == bytes_of("one, two"));
}

TEST_CASE("read_file refuses what is missing, no regular file or too large") {
  const TemporaryFolder folder;
  CHECK_THAT(io_error_of([&] { read_file(folder / "missing", 10); }),
             ContainsSubstring("missing") && ContainsSubstring("No such file"));
  CHECK_THAT(io_error_of([&] { read_file(folder.path(), 10); }), ContainsSubstring("not a regular file"));
  CHECK_THAT(io_error_of([&] { read_file("/dev/null", 10); }), ContainsSubstring("not a regular file"));
  write_file(folder / "a", as_bytes("12345"));
  CHECK_THAT(io_error_of([&] { read_file(folder / "a", 4); }), ContainsSubstring("has 5 bytes; expected at most 4"));
  CHECK_THAT(io_error_of([&] { read_file(folder / "a" / "b", 4); }), ContainsSubstring("a/b"));
}

TEST_CASE("a file with a huge size and no content is refused before memory is taken") {
  const TemporaryFolder folder;
  write_file(folder / "sparse", as_bytes("x"));
  std::filesystem::resize_file(folder / "sparse", std::uintmax_t{1} << 40);
  CHECK_THAT(io_error_of([&] { read_file(folder / "sparse", 1 << 20); }), ContainsSubstring("1099511627776 bytes"));
}

TEST_CASE("write_file that fails says why and leaves nothing behind") {
  const TemporaryFolder folder;
  CHECK_THAT(io_error_of([&] { write_file(folder / "no" / "a", as_bytes("x")); }),
             ContainsSubstring("no/a") && ContainsSubstring("No such file or directory"));
  std::filesystem::create_directory(folder / "taken");
  CHECK_THAT(io_error_of([&] { write_file(folder / "taken", as_bytes("x")); }),
             ContainsSubstring("exists and is not a regular file"));
  CHECK_THAT(io_error_of([&] { write_file("/dev/null", as_bytes("x")); }),
             ContainsSubstring("exists and is not a regular file"));
  CHECK_THROWS_AS(write_file(folder / std::string(300, 'n'), as_bytes("x")), IoError);
  CHECK(folder.files() == 1);
}

TEST_CASE("an error while writing removes the temporary file and keeps the older one") {
  const TemporaryFolder folder;
  write_file(folder / "a", as_bytes("older"));
  // A failure after the temporary file exists: its final name becomes a folder that is not empty.
  {
    io::detail::TemporaryFile file(folder / "b");
    CHECK(folder.files() == 2);
    std::filesystem::create_directories(folder / "b" / "c");
    CHECK_THROWS_AS(file.rename_to(folder / "b"), IoError);
  }
  CHECK(folder.files() == 2);
  CHECK(std::filesystem::is_directory(folder / "b"));
  { io::detail::TemporaryFile abandoned(folder / "a"); }
  CHECK(folder.files() == 2);
  CHECK(read_file(folder / "a", 100) == bytes_of("older"));
}

TEST_CASE("temporary files have names of their own, so that those left behind are in nobody's way") {
  const TemporaryFolder folder;
  const io::detail::TemporaryFile one(folder / "a"), two(folder / "a");
  CHECK(folder.files() == 2);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    CHECK(entry.path().filename().string().starts_with("a" + std::string(temporary_mark)));
}
