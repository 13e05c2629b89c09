#pragma once

#include <agon/io/bytes.hpp>
#include <agon/tensor/any_tensor.hpp>

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace agon::io {

/// The most bytes an npy file may have unless the caller says otherwise.
inline constexpr std::uint64_t npy_max_bytes = std::uint64_t{2} << 30;

namespace detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// numpy's name of an element type: byte order, kind and bytes.
template <Element T>
constexpr std::string_view npy_type() {
  if constexpr (std::same_as<T, float>) return "<f4";
  if constexpr (std::same_as<T, double>) return "<f8";
  if constexpr (std::same_as<T, std::int32_t>) return "<i4";
  if constexpr (std::same_as<T, std::int64_t>) return "<i8";
  if constexpr (std::same_as<T, std::uint8_t>) return "|u1";
  if constexpr (std::same_as<T, bool>) return "|b1";
}

struct NpyHeader {
  std::string type;
  std::vector<std::int64_t> sizes;
};

/// Reads the Python dictionary that an npy header is, in just the form numpy writes it, keys in any order.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, std::string_view source) : text_(text), source_(source) {}

  NpyHeader parse() {
    std::optional<std::string> type;
    std::optional<bool> fortran;
    std::optional<std::vector<std::int64_t>> sizes;
    expect('{');
    while (!accept('}')) {
      const auto key = text();
      expect(':');
      if (key == "descr" && !type)
        type = text();
      else if (key == "fortran_order" && !fortran)
        fortran = boolean();
      else if (key == "shape" && !sizes)
        sizes = tuple();
      else
        require(false, "key " + printable(key), "descr, fortran_order and shape, once each");
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_spaces();
    require(at_ == text_.size(), "text after the dictionary", "spaces and a new line");
    require(type && fortran && sizes, "a dictionary that lacks a key", "descr, fortran_order and shape");
    require(!*fortran, "fortran_order True", "False, rows one after the other");
    return {std::move(*type), std::move(*sizes)};
  }

 private:
  void require(bool condition, std::string_view found, std::string_view expected) const {
    check<IoError>(condition, source_, ": npy header has ", found, " at character ", at_, "; expected ", expected);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    require(accept(c), at_ == text_.size() ? "its end" : "something else", std::string("'") + c + "'");
  }
  std::string text() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect(quote);
    const auto end = text_.find(quote, at_);
    require(end != std::string_view::npos && end - at_ <= 32, "a text without end", "a short quoted text");
    std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  bool boolean() {
    skip_spaces();
    const auto rest = text_.substr(at_);
    const bool value = rest.starts_with("True");
    require(value || rest.starts_with("False"), "something else", "True or False");
    at_ += value ? 4 : 5;
    return value;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      std::int64_t size = 0;
      const auto* const first = text_.data() + at_;
      const auto [last, error] = std::from_chars(first, text_.data() + text_.size(), size);
      require(error == std::errc() && size >= 0, "a bad size", "a number from 0 to 2^63 - 1");
      at_ += static_cast<std::size_t>(last - first);
      sizes.push_back(size);
      require(sizes.size() <= static_cast<std::size_t>(Shape::max_rank), "too many dimensions", "at most 8");
      if (accept(',')) continue;
      require(sizes.size() > 1, "a number in parentheses", "a tuple such as (3,)");
      expect(')');
      break;
    }
    return sizes;
  }

  std::string_view text_, source_;
  std::size_t at_ = 0;
};

/// Bytes before the data of a tensor: version 1.0, padded so that the data is aligned to 64 bytes.
template <Element T>
std::string npy_header(const Shape& shape) {
  std::ostringstream out;
  out << "{'descr': '" << npy_type<T>() << "', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < shape.rank(); ++i)
    out << shape[i] << (i + 1 < shape.rank() ? ", " : shape.rank() == 1 ? "," : "");
  out << "), }";
  auto dictionary = out.str();
  constexpr std::size_t preamble = 10;
  dictionary.append(63 - (preamble + dictionary.size()) % 64, ' ');
  dictionary += '\n';
  auto header = std::string(npy_magic) + '\1' + '\0';
  append_little_endian(header, dictionary.size(), 2);
  return header + dictionary;
}

}  // namespace detail

/// Reads the bytes of an npy file, version 1 or 2, row-major and little-endian, of any element type of a Tensor.
/// `source` begins the error messages. Throws IoError when the bytes are anything else or not exactly as many as the
/// header says.
inline AnyTensor decode_npy(ByteView bytes, std::string_view source) {
  constexpr std::uint64_t max_header = 65536;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  check<IoError>(bytes.size() >= 8 && text.starts_with(detail::npy_magic), source, ": no npy file of numpy");
  const auto version = bytes[6];
  check<IoError>((version == 1 || version == 2) && bytes[7] == 0, source, ": npy version ", +version, ".", +bytes[7],
                 "; expected 1.0 or 2.0");
  const std::size_t preamble = version == 1 ? 10 : 12;
  check<IoError>(bytes.size() >= preamble, source, ": ends inside the npy header, after ", bytes.size(), " bytes");
  const auto length = detail::little_endian(bytes, 8, preamble - 8);
  check<IoError>(length <= max_header, source, ": npy header of ", length, " bytes; expected at most ", max_header);
  check<IoError>(bytes.size() - preamble >= length, source, ": ends inside the npy header, after ", bytes.size(),
                 " bytes; expected ", preamble + length);

  const auto header = detail::NpyHeaderParser(text.substr(preamble, length), source).parse();
  const auto data = bytes.subspan(preamble + length);
  std::optional<AnyTensor> result;
  detail::for_each_element([&]<Element T>() {
    if (header.type != detail::npy_type<T>()) return;
    const auto expected = detail::byte_size(header.sizes, sizeof(T));
    check<IoError>(expected == data.size(), source, ": has ", data.size(), " bytes of data; expected ", expected,
                   " as its npy header says");
    result = detail::tensor_of<T>(data, Shape(header.sizes), source);
  });
  check<IoError>(result.has_value(), source, ": npy element type ", detail::printable(header.type),
                 "; expected <f4, <f8, <i4, <i8, |u1 or |b1");
  return *std::move(result);
}

/// Reads an npy file, see decode_npy.
inline AnyTensor load_npy(const std::filesystem::path& path, std::uint64_t max_bytes = npy_max_bytes) {
  return decode_npy(read_file(path, max_bytes), path.string());
}

/// Reads an npy file of one element type. Throws IoError when it has another.
template <Element T>
Tensor<T> load_npy(const std::filesystem::path& path, std::uint64_t max_bytes = npy_max_bytes) {
  const auto any = load_npy(path, max_bytes);
  const auto* tensor = std::get_if<Tensor<T>>(&any);
  check<IoError>(tensor != nullptr, path.string(), ": holds another element type; expected ", type_name<T>());
  return *tensor;
}

/// Writes a tensor as an npy file that numpy.load reads, whole or not at all; see write_file.
template <Element T>
void save_npy(const std::filesystem::path& path, const Tensor<T>& tensor) {
  const auto header = detail::npy_header<T>(tensor.shape());
  write_file(path, std::array{as_bytes(header), detail::bytes_of(tensor)});
}

}  // namespace agon::io
