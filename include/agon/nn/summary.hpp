#pragma once

#include <agon/nn/module.hpp>

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <string>

namespace agon {

/// A table of a module's parameters and buffers: name, shape and number of values, with the total of the parameters.
template <Real T>
std::string summary(const Module<T>& module) {
  const auto fields = module.list();
  std::size_t name_width = 4, shape_width = 5;
  const auto text = [](const Shape& shape) {
    std::ostringstream out;
    out << shape;
    return out.str();
  };
  for (const auto& field : fields) {
    name_width = std::max(name_width, field.name.size());
    shape_width = std::max(shape_width, text(field.tensor.shape()).size());
  }
  std::ostringstream out;
  const auto row = [&](const std::string& name, const std::string& shape, const std::string& count) {
    out << std::left << std::setw(static_cast<int>(name_width) + 2) << name
        << std::setw(static_cast<int>(shape_width) + 2) << shape << std::right << std::setw(10) << count << '\n';
  };
  row("name", "shape", "values");
  for (const auto& field : fields)
    row(field.name, text(field.tensor.shape()), field.is_parameter ? std::to_string(field.tensor.numel()) : "buffer");
  row("parameters", "", std::to_string(module.parameter_count()));
  return out.str();
}

}  // namespace agon
