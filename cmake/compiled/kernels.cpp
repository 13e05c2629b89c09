// The kernels' instances in agon::compiled; see agon/compiled.hpp.
#define AGON_COMPILED_BODY
#include <agon/kernels/compiled.hpp>

const bool agon::AGON_BUILD::compiled_build = true;
