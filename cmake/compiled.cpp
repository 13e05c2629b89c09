// The one source of agon::compiled; see agon/kernels/compiled.hpp.
#include <agon/kernels/compiled.hpp>
