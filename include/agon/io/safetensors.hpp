#pragma once

#include <agon/io/bytes.hpp>
#include <agon/io/safetensors_header.hpp>
#include <agon/tensor/state.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// A State as a safetensors file, the format of https://github.com/huggingface/safetensors: 8 bytes with the length of a
// JSON header, the header, the tensors' bytes. Tensors keep their names and types. Integers and texts go into the
// header's __metadata__, which holds texts alone: an integer as "int64:-5", a text as it is, or behind "text:" where it
// would otherwise begin with one of these two tags. A text without a tag, as others write it, is read as a text.

namespace agon::io {

/// The most bytes a safetensors file may have unless the caller says otherwise.
inline constexpr std::uint64_t safetensors_max_bytes = std::uint64_t{4} << 30;

namespace detail {

inline constexpr std::string_view integer_tag = "int64:", text_tag = "text:";

inline std::string encode_metadata(const std::string& text) {
  const bool ambiguous = text.starts_with(integer_tag) || text.starts_with(text_tag);
  return ambiguous ? std::string(text_tag) + text : text;
}
inline std::string encode_metadata(std::int64_t integer) { return std::string(integer_tag) + std::to_string(integer); }

inline void set_from_metadata(State& state, const std::string& name, const std::string& text, std::string_view source) {
  if (text.starts_with(text_tag)) return state.set(name, text.substr(text_tag.size()));
  if (!text.starts_with(integer_tag)) return state.set(name, text);
  std::int64_t integer = 0;
  const auto* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + integer_tag.size(), end, integer);
  check<IoError>(error == std::errc() && last == end, source, ": metadata ", printable(name), " is ", printable(text),
                 "; expected a 64-bit integer after int64:");
  state.set(name, integer);
}

inline void set_tensor(State& state, const std::string& name, const SafetensorsEntry& entry, ByteView bytes,
                       std::string_view where) {
  for_each_element([&]<Element T>() {
    if (entry.type == safetensors_type<T>()) state.set(name, tensor_of<T>(bytes, Shape(entry.sizes), where));
  });
}

/// A safetensors file: what stands before the tensors, and their bytes in the state, which must live longer.
struct SafetensorsFile {
  std::string header;
  std::vector<ByteView> tensors;

  std::vector<ByteView> pieces() const {
    std::vector<ByteView> all{as_bytes(header)};
    all.insert(all.end(), tensors.begin(), tensors.end());
    return all;
  }
};

struct SafetensorsItem {
  std::size_t element_size;
  const std::string* name;
  std::string_view type;
  std::span<const std::int64_t> sizes;
  ByteView bytes;
};

inline SafetensorsItem describe_tensor(const std::string& name, const AnyTensor& any, std::string_view source) {
  return std::visit(
      [&]<Element T>(const Tensor<T>& tensor) -> SafetensorsItem {
        check<IoError>(tensor.defined(), source, ": tensor ", printable(name), " is absent; expected one with data");
        return {sizeof(T), &name, safetensors_type<T>(), tensor.shape().sizes(), bytes_of(tensor)};
      },
      any);
}

inline SafetensorsFile assemble_safetensors(const State& state, std::string_view source) {
  std::vector<SafetensorsItem> items;
  nlohmann::ordered_json metadata;
  for (const auto& [name, value] : state.entries()) {
    check<IoError>(!name.empty() && name.size() <= safetensors_max_name && name != "__metadata__", source,
                   ": cannot store the name ", printable(name), "; expected 1 to ", safetensors_max_name,
                   " bytes other than __metadata__");
    if (const auto* integer = std::get_if<std::int64_t>(&value)) metadata[name] = encode_metadata(*integer);
    if (const auto* text = std::get_if<std::string>(&value)) metadata[name] = encode_metadata(*text);
    if (const auto* any = std::get_if<AnyTensor>(&value)) items.push_back(describe_tensor(name, *any, source));
  }
  // Wide elements first: then every tensor is aligned in the file, as the format's own writer does it.
  std::ranges::stable_sort(items, std::greater(), &SafetensorsItem::element_size);

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = std::move(metadata);
  SafetensorsFile file;
  std::uint64_t end = 0;
  for (const auto& item : items) {
    const auto begin = std::exchange(end, end + item.bytes.size());
    header[*item.name] = {{"dtype", item.type}, {"shape", item.sizes}, {"data_offsets", {begin, end}}};
    file.tensors.push_back(item.bytes);
  }

  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception&) {
    check<IoError>(false, source, ": a name or text of the state is not UTF-8");
  }
  json.append((8 - json.size() % 8) % 8, ' ');
  check<IoError>(json.size() <= safetensors_max_header, source, ": header of ", json.size(),
                 " bytes; expected at most ", safetensors_max_header);
  append_little_endian(file.header, json.size(), 8);
  file.header += json;
  return file;
}

}  // namespace detail

/// Reads the bytes of a safetensors file with tensors of type F32, F64, I64, I32, U8 and BOOL. `source` begins the
/// error messages. Throws IoError unless the header is what the format allows: JSON of at most 16 MiB, names of 1 to
/// 256 bytes that come once, at most 8 dimensions, and offsets that cover the rest of the file without holes or
/// overlap. All of it is known to be right before the first tensor is made.
inline State decode_safetensors(ByteView bytes, std::string_view source) {
  check<IoError>(bytes.size() >= 8, source, ": has ", bytes.size(), " bytes; expected a safetensors header");
  const auto length = detail::little_endian(bytes, 0, 8);
  check<IoError>(length <= detail::safetensors_max_header && length <= bytes.size() - 8, source,
                 ": safetensors header of ", length, " bytes; expected at most ",
                 std::min<std::uint64_t>(detail::safetensors_max_header, bytes.size() - 8));
  const auto json = bytes.subspan(8, length), data = bytes.subspan(8 + length);
  check<IoError>(!json.empty() && json.front() == '{', source, ": safetensors header does not begin with '{'");

  detail::SafetensorsHeaderReader reader(source);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  const auto header = reader.take();
  detail::check_layout(header, data.size(), source);

  State state;
  for (const auto& [name, text] : header.metadata) detail::set_from_metadata(state, name, text, source);
  for (const auto& [name, entry] : header.tensors) {
    const auto content = data.subspan(entry.begin(), entry.end() - entry.begin());
    detail::set_tensor(state, name, entry, content, std::string(source) + ": tensor " + detail::printable(name));
  }
  return state;
}

/// Reads a safetensors file, see decode_safetensors.
inline State load_safetensors(const std::filesystem::path& path, std::uint64_t max_bytes = safetensors_max_bytes) {
  return decode_safetensors(read_file(path, max_bytes), path.string());
}

/// The bytes of a safetensors file that holds the state.
inline Bytes encode_safetensors(const State& state) {
  const auto file = detail::assemble_safetensors(state, "safetensors");
  Bytes bytes;
  for (const auto piece : file.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

/// Writes a state as a safetensors file, whole or not at all; see write_file. Throws IoError when a name is empty,
/// longer than 256 bytes or "__metadata__", and when a name or text is not UTF-8.
inline void save_safetensors(const std::filesystem::path& path, const State& state) {
  write_file(path, detail::assemble_safetensors(state, path.string()).pieces());
}

}  // namespace agon::io
