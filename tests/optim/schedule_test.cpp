#include <agon/optim/schedule.hpp>

#include "golden/golden.hpp"

using agon::Schedule;

namespace {

void check_factors(const Schedule& schedule, const std::string& name) {
  const auto expected = golden::real<double>("schedule." + name).to_vector();
  for (std::size_t step = 0; step < expected.size(); ++step) {
    CAPTURE(name, step);
    CHECK(schedule.factor(static_cast<std::int64_t>(step)) == Approx(expected[step]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("schedules have PyTorch's factors", "[optim][schedule]") {
  check_factors({.warmup = 4}, "warmup");
  check_factors({.decay = Schedule::Decay::linear, .end = 10, .floor = 0.1}, "linear");
  check_factors({.decay = Schedule::Decay::cosine, .end = 10, .floor = 0.1}, "cosine");
}

TEST_CASE("a schedule is 1 before its decay and its floor after it", "[optim][schedule]") {
  CHECK(Schedule{}.factor(0) == 1);
  CHECK(Schedule{}.factor(1'000'000) == 1);
  for (const auto decay : {Schedule::Decay::linear, Schedule::Decay::cosine}) {
    const Schedule schedule{.decay = decay, .start = 70, .end = 100, .floor = 0.25};
    CHECK(schedule.factor(0) == 1);
    CHECK(schedule.factor(70) == 1);
    CHECK(schedule.factor(85) == Approx(0.625));
    CHECK(schedule.factor(100) == Approx(0.25));
    CHECK(schedule.factor(1000) == Approx(0.25));
    for (int step = 70; step < 100; ++step) CHECK(schedule.factor(step + 1) < schedule.factor(step));
  }
  const Schedule both{.decay = Schedule::Decay::linear, .warmup = 5, .end = 10};
  CHECK(both.factor(0) == Approx(0.2));
  CHECK(both.factor(1) == Approx(0.4 * 0.9));
  CHECK(both.factor(10) == 0);
}

TEST_CASE("a schedule without an end is refused", "[optim][schedule]") {
  CHECK_THROWS_AS((Schedule{.decay = Schedule::Decay::linear}.factor(0)), agon::Error);
  CHECK_THROWS_AS((Schedule{.decay = Schedule::Decay::cosine, .start = 5, .end = 5}.factor(0)), agon::Error);
}
