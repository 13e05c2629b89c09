#include <agon/io/safetensors.hpp>

#include <cstdint>
#include <cstdlib>

// Any bytes are read or refused with an IoError; what was read is written and read again to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  agon::State state;
  try {
    state = agon::io::decode_safetensors({data, size}, "input");
  } catch (const agon::IoError&) {
    return 0;
  }
  const auto written = agon::io::encode_safetensors(state);
  if (agon::io::encode_safetensors(agon::io::decode_safetensors(written, "again")) != written) std::abort();
  return 0;
}
