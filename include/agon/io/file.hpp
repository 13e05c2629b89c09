#pragma once

#include <agon/core/error.hpp>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace agon::io {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// Follows the name of a file in that of the temporary one that write_file makes of it first.
inline constexpr std::string_view temporary_mark = ".tmp-";

/// The bytes of a text.
inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

namespace detail {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// What errno says, as ": No such file or directory"; nothing where it is 0.
inline std::string reason(int error) { return error == 0 ? std::string() : std::string(": ") + std::strerror(error); }

inline File open(const std::filesystem::path& path, const char* mode) {
  errno = 0;
  return File(std::fopen(path.string().c_str(), mode));
}

/// Pushes what was written down to the disk.
inline bool synchronize(std::FILE* file) {
#if defined(_WIN32)
  return std::fflush(file) == 0 && _commit(_fileno(file)) == 0;
#else
  return std::fflush(file) == 0 && fsync(fileno(file)) == 0;
#endif
}

/// A new file that is removed again unless it is renamed to its final name.
class TemporaryFile {
 public:
  /// Stands in the same folder as `target`, so that the rename stays within one file system. Its name is drawn, so that
  /// neither another process nor what a killed one has left is in the way.
  explicit TemporaryFile(const std::filesystem::path& target) : path_(target) {
    std::random_device random;
    path_ += std::string(temporary_mark) + std::to_string(random()) + "-" + std::to_string(random());
    file_ = open(path_, "wbx");
    check<IoError>(file_ != nullptr, target.string(), ": cannot create ", path_.string(), reason(errno));
  }
  ~TemporaryFile() {
    file_.reset();
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  std::FILE* get() const { return file_.get(); }

  void rename_to(const std::filesystem::path& target) {
    errno = 0;
    const bool written = synchronize(file_.get()) && std::fclose(file_.release()) == 0;
    check<IoError>(written, target.string(), ": cannot write", reason(errno));
    std::error_code error;
    std::filesystem::rename(path_, target, error);
    check<IoError>(!error, target.string(), ": cannot rename ", path_.string(), " to it: ", error.message());
    path_.clear();
  }

 private:
  std::filesystem::path path_;
  File file_;
};

}  // namespace detail

/// All bytes of a regular file. Throws IoError when there is none, when it has more than `max_bytes` or when it cannot
/// be read; nothing is allocated before the size is known to be within the bound.
inline Bytes read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  check<IoError>(std::filesystem::exists(status), path.string(), ": ", error.message());
  check<IoError>(std::filesystem::is_regular_file(status), path.string(), ": not a regular file");
  const std::uint64_t size = std::filesystem::file_size(path, error);
  check<IoError>(!error, path.string(), ": ", error.message());
  check<IoError>(size <= max_bytes, path.string(), ": has ", size, " bytes; expected at most ", max_bytes);

  const auto file = detail::open(path, "rb");
  check<IoError>(file != nullptr, path.string(), ": cannot open", detail::reason(errno));
  Bytes bytes(static_cast<std::size_t>(size));
  const auto count = std::fread(bytes.data(), 1, bytes.size(), file.get());
  check<IoError>(count == bytes.size(), path.string(), ": only ", count, " of ", size, " bytes could be read",
                 detail::reason(errno));
  return bytes;
}

/// Makes a file of the pieces, one after the other, whole or not at all: they go to a temporary file in the same
/// folder, down to the disk, and only then get their name, which replaces an older file. A process that is killed
/// meanwhile leaves the temporary file, `path` with temporary_mark and numbers behind it. Throws IoError with the path
/// and the system's reason, leaving an older file as it was, and refuses to replace what is not a regular file.
inline void write_file(const std::filesystem::path& path, std::span<const ByteView> pieces) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  check<IoError>(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status), path.string(),
                 ": exists and is not a regular file");
  detail::TemporaryFile file(path);
  errno = 0;
  for (const auto piece : pieces)
    check<IoError>(piece.empty() || std::fwrite(piece.data(), 1, piece.size(), file.get()) == piece.size(),
                   path.string(), ": cannot write", detail::reason(errno));
  file.rename_to(path);
}

inline void write_file(const std::filesystem::path& path, ByteView bytes) { write_file(path, std::span(&bytes, 1)); }

}  // namespace agon::io
