// Capture that is killed and goes on: what it makes is what it would have made without.
#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "tests/node/encode/floor_inputs.h"

namespace turret::node {
namespace {

constexpr uint64_t kExtentBytes = 256 * 1024;

class ResumeTest : public testing::TestWithParam<uint64_t> {
 protected:
  // Kills a node again and again while `inputs` come. What it had not committed comes again, or with `lossy`
  // what was a datagram does not, nor some of what follows. Leaves in `inputs` what came.
  void Interrupted(NodeRuns& node, std::vector<Input>& inputs, bool lossy) {
    node.Start();
    size_t committed = 0;
    for (size_t i = 0; i < inputs.size() && !HasFatalFailure();) {
      const size_t until = std::min(inputs.size(), i + 1 + engine_() % 120);
      for (; i < until; ++i) node.Append(inputs[i]);
      node.clock().Advance(
          std::max(absl::ZeroDuration(), absl::FromUnixNanos(inputs[i - 1].utc_ns) - node.clock().Utc()));
      if (engine_() % 8 != 0) node.Commit(), committed = i;
      if (engine_() % 8 == 0) node.CatchUp(), committed = i;
      if (engine_() % 4 == 0) node.AcknowledgeAndTrim(engine_() % (2 * node.archive().waiting() + 1));
      const bool overdue = crashes_ == 0 && i > inputs.size() / 2;
      if (engine_() % 40 != 0 && !overdue) continue;
      if (lossy) Lose(inputs, committed, i + engine_() % 800);
      node.Crash(/*power_cut=*/engine_() % 2 == 0);
      ++crashes_;
      node.Start();
      i = committed;
    }
    node.Finish();
  }

  static void Lose(std::vector<Input>& inputs, size_t begin, size_t end) {
    const auto first = inputs.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = inputs.begin() + static_cast<std::ptrdiff_t>(std::min(end, inputs.size()));
    inputs.erase(std::remove_if(first, last,
                                [](const Input& input) {
                                  return std::holds_alternative<std::pair<StreamId, Buffer>>(input.what);
                                }),
                 last);
  }

  const uint64_t seed_ = test::Seed(40) + GetParam();
  std::mt19937_64 engine_{seed_};
  int crashes_ = 0;
};

TEST_P(ResumeTest, WhatIsKilledAgainAndAgainMakesTheSameItemsWithoutAFork) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  const bool lossy = GetParam() % 2 == 1;
  std::vector<Input> inputs = FloorInputs(seed_, 60'000, /*calls=*/4).inputs;
  NodeRuns node(seed_, kExtentBytes);
  Interrupted(node, inputs, lossy);
  EXPECT_GT(crashes_, 0);
  EXPECT_EQ(node.archive().forks(), std::vector<std::string>{});
  ExpectSameItems(WithoutCauses(node.archive().items()), WithoutCauses(Uninterrupted(inputs, kExtentBytes)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ResumeTest, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace turret::node
