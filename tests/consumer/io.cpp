#include <agon/agon.hpp>
#include <agon/io/io.hpp>

// Builds and links against zlib, libpng and the JSON library through agon::io alone.
int main() { return agon::ones<float>({2, 3}).numel() == 6 ? 0 : 1; }
