#pragma once

#include <agon/io/file.hpp>

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace agon::io {

namespace detail {

/// A zlib decoder for gzip's format, freed whatever happens.
class Inflater {
 public:
  explicit Inflater(std::string_view source) {
    constexpr int gzip_only = 16;
    check<IoError>(inflateInit2(&stream_, MAX_WBITS + gzip_only) == Z_OK, source, ": zlib cannot start");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream& operator*() { return stream_; }
  z_stream* operator->() { return &stream_; }

 private:
  z_stream stream_{};
};

}  // namespace detail

/// Whether the bytes begin like a gzip file.
inline bool is_gzip(ByteView bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

/// Unpacks a gzip file of one member and checks its CRC and length. Memory stays in proportion to what is really
/// unpacked and to `max_bytes`, whatever the file claims. Throws IoError, beginning with `source`, when the bytes are
/// damaged, end early, go on after the member, or unpack to more than `max_bytes`.
inline Bytes gunzip(ByteView compressed, std::uint64_t max_bytes, std::string_view source) {
  constexpr std::size_t piece = std::size_t{1} << 30;
  detail::Inflater inflater(source);
  Bytes bytes;
  std::size_t done = 0;
  inflater->next_in = const_cast<Bytef*>(compressed.data());
  const auto left = [&] { return compressed.size() - static_cast<std::size_t>(inflater->next_in - compressed.data()); };

  for (int status = Z_OK; status != Z_STREAM_END;) {
    // One byte above the bound is unpacked, to tell a file that fits from one that does not.
    if (done == bytes.size()) {
      check<IoError>(done <= max_bytes, source, ": unpacks to more than ", max_bytes, " bytes; expected at most that");
      const std::uint64_t grown = std::max<std::uint64_t>(2 * std::uint64_t{done}, std::uint64_t{1} << 16);
      bytes.resize(static_cast<std::size_t>(std::min(grown - 1, max_bytes) + 1));
    }
    inflater->next_out = bytes.data() + done;
    inflater->avail_out = static_cast<uInt>(std::min(bytes.size() - done, piece));
    inflater->avail_in = static_cast<uInt>(std::min(left(), piece));
    status = inflate(&*inflater, Z_NO_FLUSH);
    done = static_cast<std::size_t>(inflater->next_out - bytes.data());
    check<IoError>(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, source,
                   ": damaged gzip data: ", inflater->msg ? inflater->msg : "zlib gives no reason");
    check<IoError>(status == Z_STREAM_END || left() > 0 || done == bytes.size(), source,
                   ": gzip data ends early, after ", compressed.size(), " bytes");
  }
  check<IoError>(done <= max_bytes, source, ": unpacks to more than ", max_bytes, " bytes; expected at most that");
  check<IoError>(left() == 0, source, ": ", left(),
                 " bytes follow the end of the gzip data; expected one member alone");
  bytes.resize(done);
  return bytes;
}

}  // namespace agon::io
