#pragma once

#include <agon/tensor/any_tensor.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace agon {

/// Everything a module, optimiser or training run needs to go on later: names like "D.conv1.weight" with a tensor, an
/// integer or a text each. It is what files store and what load() reads.
class State {
 public:
  using Value = std::variant<AnyTensor, std::int64_t, std::string>;
  using Entries = std::map<std::string, Value, std::less<>>;

  /// Whether there is a value of that name.
  bool contains(std::string_view name) const { return entries_.find(name) != entries_.end(); }
  /// All names in order, with their values.
  const Entries& entries() const& { return entries_; }
  Entries entries() && { return std::move(entries_); }

  /// Stores a value under a name, in the place of what was there. A tensor loses its graph but shares its storage:
  /// store a clone() of one that will be written to.
  template <Element T>
  void set(std::string name, const Tensor<T>& tensor) {
    entries_.insert_or_assign(std::move(name), Value(AnyTensor(tensor.defined() ? tensor.detach() : tensor)));
  }
  void set(std::string name, std::int64_t integer) { entries_.insert_or_assign(std::move(name), Value(integer)); }
  void set(std::string name, std::string text) { entries_.insert_or_assign(std::move(name), Value(std::move(text))); }

  /// The value of a name. Throws Error when the name is missing or holds something else.
  template <Element T>
  Tensor<T> tensor(std::string_view name) const {
    const auto* any = std::get_if<AnyTensor>(&find(name));
    check(any != nullptr, "state: '", name, "' is not a tensor");
    const auto* t = std::get_if<Tensor<T>>(any);
    check(t != nullptr, "state: '", name, "' does not hold ", type_name<T>());
    return *t;
  }
  std::int64_t integer(std::string_view name) const {
    const auto* value = std::get_if<std::int64_t>(&find(name));
    check(value != nullptr, "state: '", name, "' is not an integer");
    return *value;
  }
  std::string text(std::string_view name) const {
    const auto* value = std::get_if<std::string>(&find(name));
    check(value != nullptr, "state: '", name, "' is not a text");
    return *value;
  }

  /// Adds all of `other` with "<prefix>." before the names.
  void insert(const std::string& prefix, const State& other) {
    for (const auto& [name, value] : other.entries_) entries_.insert_or_assign(prefix + "." + name, value);
  }

  /// The entries under "<prefix>.", without it.
  State sub(const std::string& prefix) const {
    State result;
    const auto start = prefix + ".";
    for (auto it = entries_.lower_bound(start); it != entries_.end() && it->first.starts_with(start); ++it)
      result.entries_.emplace(it->first.substr(start.size()), it->second);
    return result;
  }

 private:
  const Value& find(std::string_view name) const {
    const auto it = entries_.find(name);
    check(it != entries_.end(), "state: no entry '", name, "'; it has ", entries_.size(), " others");
    return it->second;
  }

  Entries entries_;
};

}  // namespace agon
