#include <agon/io/idx.hpp>

#include <cstdint>

// Any bytes, raw or in gzip, are read or refused with an IoError, and unpack to a megabyte at most.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    agon::io::decode_idx({data, size}, "input", 1 << 20);
  } catch (const agon::IoError&) {
  }
  return 0;
}
