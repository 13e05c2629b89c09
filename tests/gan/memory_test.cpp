#include "gan/run.hpp"

#include <agon/core/pool.hpp>

using namespace agon;
using run::Run;

namespace {

const std::vector<TrainingOptions> kinds{{}, {.loss = Loss::relativistic, .r1 = 1, .r2 = 1}, {.gradient_penalty = 10}};

}  // namespace

TEST_CASE("no step leaves a graph behind", "[gan][memory]") {
  const auto before = live_nodes();
  for (const auto& options : kinds) {
    Run run(options);
    for (int i = 0; i < 3; ++i) {
      run.step();
      CHECK(live_nodes() == before);
    }
  }
  CHECK(live_nodes() == before);
}

TEST_CASE("a graph that is dropped without backward leaves nothing", "[gan][memory]") {
  const auto nodes = live_nodes();
  Run run;
  run.step();
  const auto live = pool_stats().live;
  const auto labels = zeros<std::int32_t>({4});
  {
    const auto logits = run.d.forward(run.g.forward(run.training.draw_z(4), labels, {.training = true}), labels);
    const auto slopes = grad(sum(logits), run.g.parameters()[0], {.create_graph = true});
    CHECK(live_nodes() > nodes);
    CHECK(pool_stats().live > live);
  }
  CHECK(live_nodes() == nodes);
  CHECK(pool_stats().live == live + static_cast<std::int64_t>(64));  // the labels
}

TEST_CASE("memory is the same after 5 and after 50 steps", "[gan][memory]") {
  const ThreadScope one(1);  // how many buffers of scratch are alive at a time depends on the threads
  for (const auto& options : kinds) {
    Run run(options);
    run.steps(5);
    const auto early = pool_stats();
    run.steps(45);
    const auto late = pool_stats();
    CHECK(late.live == early.live);
    CHECK(late.idle == early.idle);
  }
}
