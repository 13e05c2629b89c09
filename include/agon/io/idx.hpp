#pragma once

#include <agon/io/bytes.hpp>
#include <agon/io/gzip.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace agon::io {

/// The most bytes an IDX file may have, packed or unpacked, unless the caller says otherwise.
inline constexpr std::uint64_t idx_max_bytes = std::uint64_t{256} << 20;

namespace detail {

/// What a file that is no IDX looks like, for the error message.
inline std::string describe_start(ByteView bytes) {
  if (is_gzip(bytes)) return "gzip data inside gzip data";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto first = text.substr(0, 256).find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '<') return "what looks like a web page";
  if (text.starts_with("PK")) return "what looks like a zip archive";
  std::ostringstream out;
  out << "bytes" << std::hex << std::setfill('0');
  for (const auto byte : bytes.first(std::min<std::size_t>(bytes.size(), 4))) out << ' ' << std::setw(2) << +byte;
  return out.str();
}

inline Tensor<std::uint8_t> decode_raw_idx(ByteView bytes, std::string_view source) {
  check<IoError>(bytes.size() >= 4, source, ": has ", bytes.size(), " bytes; expected an IDX header");
  check<IoError>(bytes[0] == 0 && bytes[1] == 0, source, ": begins with ", describe_start(bytes),
                 "; expected an IDX header, 00 00 08 and the number of dimensions");
  check<IoError>(bytes[2] == 0x08, source, ": IDX element type ", +bytes[2], "; expected 8, unsigned bytes");
  const std::size_t rank = bytes[3], header = 4 + 4 * rank;
  check<IoError>(rank >= 1 && rank <= 3, source, ": IDX with ", rank, " dimensions; expected 1 to 3");
  check<IoError>(bytes.size() >= header, source, ": ends inside the IDX header, after ", bytes.size(),
                 " bytes; expected ", header);

  std::array<std::int64_t, 3> sizes{};
  for (std::size_t i = 0; i < rank; ++i) {
    sizes[i] = static_cast<std::int64_t>(big_endian(bytes, 4 + 4 * i, 4));
    check<IoError>(sizes[i] > 0, source, ": IDX dimension ", i, " is 0; expected at least 1");
  }
  const std::span<const std::int64_t> shape(sizes.data(), rank);
  const auto expected = byte_size(shape, 1), found = static_cast<std::uint64_t>(bytes.size() - header);
  check<IoError>(expected == found, source, ": has ", found, " bytes of data; expected ", expected,
                 " as its IDX header says");
  return tensor_of<std::uint8_t>(bytes.subspan(header), Shape(shape), source);
}

}  // namespace detail

/// The array of an IDX file of unsigned bytes, 1 to 3 dimensions, raw or in gzip. `source` begins the error messages.
/// Throws IoError when the bytes are anything else, when their number is not exactly what the header says, or when they
/// unpack to more than `max_bytes`.
inline Tensor<std::uint8_t> decode_idx(ByteView bytes, std::string_view source,
                                       std::uint64_t max_bytes = idx_max_bytes) {
  if (!is_gzip(bytes)) return detail::decode_raw_idx(bytes, source);
  return detail::decode_raw_idx(gunzip(bytes, max_bytes, source), source);
}

/// Reads an IDX file, see decode_idx.
inline Tensor<std::uint8_t> load_idx(const std::filesystem::path& path, std::uint64_t max_bytes = idx_max_bytes) {
  return decode_idx(read_file(path, max_bytes), path.string(), max_bytes);
}

}  // namespace agon::io
