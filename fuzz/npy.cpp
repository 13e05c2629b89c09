#include <agon/io/npy.hpp>

#include <cstdint>

// Any bytes are read or refused with an IoError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    agon::io::decode_npy({data, size}, "input");
  } catch (const agon::IoError&) {
  }
  return 0;
}
