#pragma once

#include <agon/io/bytes.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agon::io::detail {

inline constexpr std::uint64_t safetensors_max_header = std::uint64_t{16} << 20;
inline constexpr std::size_t safetensors_max_name = 256;

/// The format's name of an element type.
template <Element T>
constexpr std::string_view safetensors_type() {
  if constexpr (std::same_as<T, float>) return "F32";
  if constexpr (std::same_as<T, double>) return "F64";
  if constexpr (std::same_as<T, std::int64_t>) return "I64";
  if constexpr (std::same_as<T, std::int32_t>) return "I32";
  if constexpr (std::same_as<T, std::uint8_t>) return "U8";
  if constexpr (std::same_as<T, bool>) return "BOOL";
}

/// Bytes of an element of the named type, 0 where a Tensor has no such type.
inline std::uint64_t safetensors_element_size(std::string_view type) {
  std::uint64_t size = 0;
  for_each_element([&]<Element T>() {
    if (type == safetensors_type<T>()) size = sizeof(T);
  });
  return size;
}

/// What a safetensors header says of one tensor: its bytes are [begin, end) of those after the header.
struct SafetensorsEntry {
  std::string type;
  std::vector<std::int64_t> sizes;
  std::vector<std::uint64_t> offsets;

  std::uint64_t begin() const { return offsets[0]; }
  std::uint64_t end() const { return offsets[1]; }
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Follows the JSON parser through a safetensors header and accepts what the format allows and nothing else. No tree is
/// built, so nothing nests deeper than the format does, and a key that comes twice is seen.
class SafetensorsHeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit SafetensorsHeaderReader(std::string_view source) : source_(source) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    require(at_ == At::start || at_ == At::top, "an object");
    at_ = at_ == At::start ? At::top : name_ == "__metadata__" ? At::metadata : At::tensor;
    return true;
  }

  bool key(string_t& key) override {
    if (at_ == At::tensor) {
      field_ = key;
      return true;
    }
    name_ = key;
    check<IoError>(!key.empty() && key.size() <= safetensors_max_name, source_, ": name ", printable(key), " of ",
                   key.size(), " bytes; expected 1 to ", safetensors_max_name);
    const bool is_metadata = key == "__metadata__";  // inside itself as well: a State has no such name
    const bool is_new = is_metadata ? !std::exchange(has_metadata_, true)
                                    : header_.metadata.count(key) == 0 && header_.tensors.count(key) == 0;
    check<IoError>(is_new, source_, ": name ", printable(key), " comes twice");
    if (at_ == At::top && !is_metadata) entry_ = &header_.tensors[key];
    return true;
  }

  bool string(string_t& text) override {
    if (at_ == At::metadata) {
      header_.metadata.emplace(name_, text);
      return true;
    }
    require(at_ == At::tensor && field_ == "dtype" && entry_->type.empty() && !text.empty(), "a text");
    entry_->type = text;
    return true;
  }

  bool start_array(std::size_t) override {
    const bool is_shape = at_ == At::tensor && field_ == "shape" && !std::exchange(has_sizes_, true);
    const bool is_offsets = at_ == At::tensor && field_ == "data_offsets" && entry_->offsets.empty();
    require(is_shape || is_offsets, "an array");
    at_ = is_shape ? At::sizes : At::offsets;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    require(at_ == At::sizes || at_ == At::offsets, "a number");
    if (at_ == At::sizes) {
      require(value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()), "a size above 2^63 - 1");
      require(entry_->sizes.size() < static_cast<std::size_t>(Shape::max_rank), "more than 8 dimensions");
      entry_->sizes.push_back(static_cast<std::int64_t>(value));
    } else {
      require(entry_->offsets.size() < 2, "more than two offsets");
      entry_->offsets.push_back(value);
    }
    return true;
  }

  bool end_array() override {
    require(at_ == At::sizes || entry_->offsets.size() == 2, "fewer than two offsets");
    at_ = At::tensor;
    return true;
  }

  bool end_object() override {
    if (at_ == At::tensor)
      require(!entry_->type.empty() && std::exchange(has_sizes_, false) && !entry_->offsets.empty(),
              "an entry that lacks dtype, shape or data_offsets");
    at_ = at_ == At::top ? At::end : At::top;
    return true;
  }

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a bool"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a number that is no 64-bit integer"); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    check<IoError>(false, source_, ": safetensors header is not JSON from character ", position, " on");
    return false;
  }

 private:
  enum class At { start, top, metadata, tensor, sizes, offsets, end };

  void require(bool condition, std::string_view found) const {
    check<IoError>(condition, source_, ": safetensors header has ", found, " in ", printable(name_),
                   at_ >= At::tensor ? " under " + printable(field_) : std::string(),
                   "; expected {name: {dtype, shape, data_offsets}} and texts in __metadata__");
  }
  bool refuse(std::string_view found) const {
    require(false, found);
    return false;
  }

  std::string_view source_;
  SafetensorsHeader header_;
  SafetensorsEntry* entry_ = nullptr;
  At at_ = At::start;
  std::string name_, field_;
  bool has_metadata_ = false, has_sizes_ = false;
};

/// Throws IoError unless every tensor has the bytes its shape needs and together they are the `size` bytes after the
/// header, without overlap and without holes.
inline void check_layout(const SafetensorsHeader& header, std::uint64_t size, std::string_view source) {
  std::vector<const std::map<std::string, SafetensorsEntry>::value_type*> entries;
  for (const auto& item : header.tensors) {
    const auto& [name, entry] = item;
    const auto element = safetensors_element_size(entry.type);
    check<IoError>(element > 0, source, ": tensor ", printable(name), " has dtype ", printable(entry.type),
                   "; expected F32, F64, I64, I32, U8 or BOOL");
    check<IoError>(entry.begin() <= entry.end() && entry.end() <= size, source, ": tensor ", printable(name),
                   " has bytes ", entry.begin(), " to ", entry.end(), "; expected ascending offsets within ", size);
    const auto expected = byte_size(entry.sizes, element);
    check<IoError>(entry.end() - entry.begin() == expected, source, ": tensor ", printable(name), " has ",
                   entry.end() - entry.begin(), " bytes; expected ", expected, " as its shape and dtype say");
    entries.push_back(&item);
  }
  std::ranges::sort(entries, {}, [](const auto* item) { return item->second.offsets; });
  std::uint64_t end = 0;
  for (const auto* item : entries) {
    check<IoError>(item->second.begin() == end, source, ": tensor ", printable(item->first), " begins at byte ",
                   item->second.begin(), "; expected ", end, ", where the one before it ends");
    end = item->second.end();
  }
  check<IoError>(end == size, source, ": tensors end at byte ", end, "; expected ", size, ", the end of the file");
}

}  // namespace agon::io::detail
