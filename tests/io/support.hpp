#pragma once

#include <agon/core/rng.hpp>
#include <agon/io/file.hpp>

#include "catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

// A folder of its own for one test case, removed with everything in it at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (std::filesystem::temp_directory_path() / "agon_test_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw agon::IoError("cannot make a temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::ptrdiff_t files() const {
    return std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

inline agon::io::Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// The message of the IoError that `call` throws; another exception passes through and fails the test.
template <class Call>
std::string io_error_of(const Call& call) {
  try {
    call();
  } catch (const agon::IoError& error) {
    return error.what();
  }
  return "no IoError";
}

// Every file cut short must be refused with an IoError.
template <class Decode>
void check_truncations(const agon::io::Bytes& valid, const Decode& decode) {
  CHECK_NOTHROW(decode(valid));
  for (std::size_t size = 0; size < valid.size(); ++size) {
    const agon::io::Bytes cut(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(size));
    CAPTURE(size);
    CHECK_THROWS_AS(decode(cut), agon::IoError);
  }
}

// Files with a few random bytes changed must be read or refused with an IoError. Returns how many were refused.
template <class Decode>
int check_changed_bytes(const agon::io::Bytes& valid, const Decode& decode, int rounds = 4000) {
  agon::Rng rng(1, "changed bytes");
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    auto bytes = valid;
    for (auto count = 1 + rng.below(3); count > 0; --count)
      bytes[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(bytes.size())))] =
          static_cast<std::uint8_t>(rng.below(256));
    try {
      decode(bytes);
    } catch (const agon::IoError&) {
      ++refused;
    }
  }
  return refused;
}
