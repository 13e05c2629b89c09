#include <agon/core/isa.hpp>
#include <agon/kernels/dispatch.hpp>

#include "../catch.hpp"

using agon::Isa;

TEST_CASE("instruction sets have names and the generic one always works", "[isa]") {
  CHECK(agon::name(Isa::generic) == "generic");
  CHECK(agon::name(Isa::avx2) == "avx2");
  CHECK(agon::name(Isa::avx512) == "avx512");
  CHECK(agon::supported(Isa::generic));
  CHECK((!agon::supported(Isa::avx512) || agon::supported(Isa::avx2)));
  CHECK(agon::supported(agon::active_isa()));
}

TEST_CASE("use_isa switches among those the CPU has", "[isa]") {
  const auto before = agon::active_isa();
  for (auto isa : {Isa::generic, Isa::avx2, Isa::avx512}) {
    if (agon::supported(isa)) {
      agon::use_isa(isa);
      CHECK(agon::active_isa() == isa);
    } else {
      CHECK_THROWS_AS(agon::use_isa(isa), agon::Error);
    }
  }
  agon::use_isa(before);
}
