#include "../catch.hpp"

#include <agon/agon.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using namespace agon;

namespace {

using Names = std::vector<std::string>;

Observer into(Names& names) {
  return [&names](const OpEvent& event) { names.emplace_back(event.op); };
}

}  // namespace

TEST_CASE("observers of nested scopes are all called") {
  const auto x = scalar<float>(2);
  Names outer, inner;
  const ObserverScope around(into(outer));
  exp(x);
  {
    const ObserverScope within(into(inner));
    sqrt(x);
  }
  square(x);
  CHECK(outer == Names{"exp", "sqrt", "square"});
  CHECK(inner == Names{"sqrt"});
}

TEST_CASE("what an observer computes itself is not observed") {
  const auto x = scalar<float>(2);
  Names outer, inner;
  const ObserverScope around(into(outer));
  const ObserverScope within([&](const OpEvent& event) {
    inner.emplace_back(event.op);
    log(x + 1.0);
  });
  exp(x);
  sqrt(x);
  CHECK(inner == Names{"exp", "sqrt"});
  CHECK(outer == Names{"exp", "sqrt"});
}

TEST_CASE("observers stay after one of them has thrown") {
  const auto x = scalar<float>(2);
  int calls = 0;
  const ObserverScope scope([&](const OpEvent&) {
    if (++calls == 1) throw std::runtime_error("enough");
  });
  CHECK_THROWS_WITH(exp(x), "enough");
  CHECK_NOTHROW(exp(x));
  CHECK(calls == 2);
}

TEST_CASE("seconds of an event count from the event before, whichever scope was open") {
  const auto x = scalar<float>(2);
  double inner = -1, outer = 0;
  const ObserverScope around([&](const OpEvent& event) { outer += event.seconds; });
  exp(x);
  {
    const ObserverScope within([&](const OpEvent& event) { inner = event.seconds; });
    exp(x);
  }
  CHECK(inner >= 0);
  CHECK(outer >= inner);
}
