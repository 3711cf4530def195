// Capture that is killed and goes on: what it makes is what it would have made without.
#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "tests/node/encode/node_runs.h"

namespace turret::node {
namespace {

constexpr uint64_t kExtentBytes = 256 * 1024;

v1::StreamOpened OpenedStream(const StreamId& stream, const UnitId& unit, v1::Policy policy) {
  v1::StreamOpened opened;
  opened.set_stream_id(stream.ToProto());
  opened.set_unit_id(unit.ToProto());
  opened.set_payload_type(8);
  opened.set_codec("PCMA");
  opened.set_clock_rate_hz(8000);
  opened.set_ptime_ms(20);
  opened.set_policy(policy);
  opened.set_storage_class("mifid");
  opened.set_day("2026-09-21");
  return opened;
}

// What a floor sends in `length_ms`, in the order of arrival: calls that overlap, one of them all the time.
class Floor {
 public:
  explicit Floor(uint64_t seed, int64_t length_ms) : engine_(seed), random_(seed) {
    Call(0, length_ms);
    for (int i = 0; i < 3; ++i) {
      const int64_t begin_ms = Below(static_cast<size_t>(length_ms / 2));
      Call(begin_ms, begin_ms + 5'000 + Below(static_cast<size_t>(length_ms - begin_ms - 5'000)));
    }
    std::ranges::stable_sort(inputs, {}, &Input::utc_ns);
  }
  std::vector<Input> inputs;

 private:
  int64_t Below(size_t bound) { return static_cast<int64_t>(engine_() % bound); }
  bool OneIn(size_t count) { return Below(count) == 0; }

  v1::Fact FactAt(const CallId& call, int64_t at_ms) {
    v1::Fact fact;
    fact.set_fact_id(FactId::Make(random_).ToProto());
    fact.set_call_id(call.ToProto());
    fact.set_utc_ns(kAnswered + at_ms * kMs);
    return fact;
  }
  void Add(v1::Fact fact) { inputs.push_back({fact.utc_ns(), fact, {}}); }

  void Call(int64_t begin_ms, int64_t end_ms) {
    const CallId call = CallId::Make(random_);
    const UnitId unit = UnitId::Make(random_);
    inputs.push_back({kAnswered + begin_ms * kMs, unit, call});
    v1::Fact started = FactAt(call, begin_ms);
    started.mutable_call_started()->set_answered_utc_ns(started.utc_ns());
    Add(started);
    for (int64_t i = 0; i < 1 + Below(2); ++i) {
      const StreamId stream = StreamId::Make(random_);
      v1::Fact opened = FactAt(call, begin_ms);
      *opened.mutable_stream_opened() =
          OpenedStream(stream, unit, OneIn(2) ? v1::POLICY_EXACT : v1::POLICY_OPUS);
      Add(opened);
      Talk(call, stream, begin_ms, end_ms);
    }
    v1::Fact ended = FactAt(call, end_ms);
    ended.mutable_call_ended()->set_ended_utc_ns(ended.utc_ns());
    Add(ended);
  }

  void Talk(const CallId& call, const StreamId& stream, int64_t begin_ms, int64_t end_ms) {
    RtpSource source{.ssrc = static_cast<uint32_t>(engine_()),
                     .sequence = static_cast<uint16_t>(engine_()),
                     .timestamp = static_cast<uint32_t>(engine_())};
    const auto skip = [&](int64_t ms) { source.Skip(static_cast<int>(ms)); };
    for (int64_t at_ms = begin_ms + Below(900); at_ms < end_ms - 20 - Below(300); at_ms += 20) {
      if (OneIn(60)) {
        const int packets = static_cast<int>(1 + Below(8));
        source.Lose(packets), at_ms += 20 * packets;
      } else if (OneIn(400)) {
        skip(2'800), at_ms += 2'800, source.marker = true;
      } else if (OneIn(600)) {
        Pause(call, stream, at_ms, true);
        skip(3'000), at_ms += 3'000;
        Pause(call, stream, at_ms - Below(300), false);
      } else if (OneIn(900)) {
        source = {.ssrc = source.ssrc + 1, .sequence = static_cast<uint16_t>(engine_()), .timestamp = 7};
      } else if (OneIn(300)) {
        source.sequence += 3'100;
      }
      Send(stream, source, at_ms);
    }
  }

  void Send(const StreamId& stream, RtpSource& source, int64_t at_ms) {
    Buffer payload(160);
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(0x55 ^ (engine_() % 16));
    const Buffer datagram = source.Next(payload);
    int64_t arrival_ms = at_ms + Below(8);
    if (OneIn(40)) arrival_ms += 30 + Below(120);
    if (OneIn(300)) arrival_ms += 350;
    for (int64_t copies = OneIn(80) ? 2 : 1; copies > 0; --copies)
      inputs.push_back({kAnswered + arrival_ms * kMs, std::pair(stream, datagram), {}});
    if (OneIn(500)) inputs.push_back({kAnswered + arrival_ms * kMs, std::pair(stream, Buffer(7)), {}});
  }

  void Pause(const CallId& call, const StreamId& stream, int64_t at_ms, bool paused) {
    v1::Fact fact = FactAt(call, at_ms);
    fact.mutable_stream_pause_changed()->set_stream_id(stream.ToProto());
    fact.mutable_stream_pause_changed()->set_paused(paused);
    Add(fact);
  }

  std::mt19937_64 engine_;
  test::SeededRandom random_;
};

// Gaps without their cause: an outage may be one.
std::map<std::string, std::string> WithoutCauses(const std::map<std::string, std::string>& items) {
  std::map<std::string, std::string> out = items;
  for (auto& [id, bytes] : out) {
    v1::Fact fact;
    if (!id.starts_with("fact") || !fact.ParseFromString(bytes) || !fact.has_gap()) continue;
    fact.mutable_gap()->set_cause(v1::GAP_CAUSE_UNSPECIFIED);
    bytes = fact.SerializeAsString();
  }
  return out;
}

class ResumeTest : public testing::TestWithParam<uint64_t> {
 protected:
  static std::map<std::string, std::string> Uninterrupted(const std::vector<Input>& inputs) {
    NodeRuns node(1, kExtentBytes);
    node.Start();
    size_t count = 0;
    for (const Input& input : inputs) {
      node.Append(input);
      if (++count % 50 == 0) node.Commit();
    }
    node.Finish();
    EXPECT_TRUE(node.archive().forks().empty());
    return node.archive().items();
  }

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
      if (engine_() % 40 != 0) continue;
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
  std::vector<Input> inputs = Floor(seed_, 60'000).inputs;
  NodeRuns node(seed_, kExtentBytes);
  Interrupted(node, inputs, lossy);
  EXPECT_GT(crashes_, 0);
  EXPECT_EQ(node.archive().forks(), std::vector<std::string>{});
  const auto expected = WithoutCauses(Uninterrupted(inputs));
  const auto items = WithoutCauses(node.archive().items());
  EXPECT_EQ(items.size(), expected.size());
  for (const auto& [id, bytes] : expected) {
    const auto found = items.find(id);
    ASSERT_NE(found, items.end()) << id << " is missing";
    ASSERT_EQ(ToHex(AsBytes(found->second)), ToHex(AsBytes(bytes))) << id << " is another one";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ResumeTest, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace turret::node
