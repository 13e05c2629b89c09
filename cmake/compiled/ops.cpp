// The operations' instances in agon::compiled; see agon/compiled.hpp.
#include <agon/kernels/compiled.hpp>
#define AGON_COMPILED_BODY
#include <agon/ops/compiled.hpp>
