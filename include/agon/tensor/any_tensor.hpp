#pragma once

#include <agon/tensor/tensor.hpp>

#include <variant>

namespace agon {

/// A tensor of any element type.
using AnyTensor = std::variant<Tensor<float>, Tensor<double>, Tensor<std::int64_t>, Tensor<std::int32_t>,
                               Tensor<std::uint8_t>, Tensor<bool>>;

}  // namespace agon
