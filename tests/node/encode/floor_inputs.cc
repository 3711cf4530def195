#include "tests/node/encode/floor_inputs.h"

#include <algorithm>

namespace turret::node {
namespace {

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

}  // namespace

FloorInputs::FloorInputs(uint64_t seed, int64_t length_ms, int calls) : engine_(seed), random_(seed) {
  const auto policies = [&] {
    std::vector<v1::Policy> streams(static_cast<size_t>(1 + Below(2)));
    for (v1::Policy& policy : streams) policy = OneIn(2) ? v1::POLICY_EXACT : v1::POLICY_OPUS;
    return streams;
  };
  Call(0, length_ms, policies());
  for (int i = 1; i < calls; ++i) {
    const int64_t begin_ms = Below(static_cast<size_t>(length_ms / 2));
    Call(begin_ms, begin_ms + 5'000 + Below(static_cast<size_t>(length_ms - begin_ms - 5'000)), policies());
  }
  std::ranges::stable_sort(inputs, {}, &Input::utc_ns);
}

FloorInputs::FloorInputs(uint64_t seed, int64_t length_ms, v1::Policy policy) : engine_(seed), random_(seed) {
  Call(0, length_ms, {policy});
  std::ranges::stable_sort(inputs, {}, &Input::utc_ns);
}

v1::Fact FloorInputs::FactAt(const CallId& call, int64_t at_ms) {
  v1::Fact fact;
  fact.set_fact_id(FactId::Make(random_).ToProto());
  fact.set_call_id(call.ToProto());
  fact.set_utc_ns(kAnswered + at_ms * kMs);
  return fact;
}
void FloorInputs::Call(int64_t begin_ms, int64_t end_ms, const std::vector<v1::Policy>& policies) {
  const CallId call = CallId::Make(random_);
  const UnitId unit = UnitId::Make(random_);
  inputs.push_back({kAnswered + begin_ms * kMs, unit, call});
  v1::Fact started = FactAt(call, begin_ms);
  started.mutable_call_started()->set_answered_utc_ns(started.utc_ns());
  Add(started);
  for (const v1::Policy policy : policies) {
    const StreamId stream = StreamId::Make(random_);
    v1::Fact opened = FactAt(call, begin_ms);
    *opened.mutable_stream_opened() = OpenedStream(stream, unit, policy);
    Add(opened);
    Talk(call, stream, begin_ms, end_ms);
  }
  v1::Fact ended = FactAt(call, end_ms);
  ended.mutable_call_ended()->set_ended_utc_ns(ended.utc_ns());
  Add(ended);
}

void FloorInputs::Talk(const CallId& call, const StreamId& stream, int64_t begin_ms, int64_t end_ms) {
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

void FloorInputs::Send(const StreamId& stream, RtpSource& source, int64_t at_ms) {
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

void FloorInputs::Pause(const CallId& call, const StreamId& stream, int64_t at_ms, bool paused) {
  v1::Fact fact = FactAt(call, at_ms);
  fact.mutable_stream_pause_changed()->set_stream_id(stream.ToProto());
  fact.mutable_stream_pause_changed()->set_paused(paused);
  Add(fact);
}

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

std::map<std::string, std::string> Uninterrupted(const std::vector<Input>& inputs, uint64_t extent_bytes) {
  NodeRuns node(1, extent_bytes);
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

void ExpectSameItems(const std::map<std::string, std::string>& items,
                     const std::map<std::string, std::string>& expected) {
  EXPECT_EQ(items.size(), expected.size());
  for (const auto& [id, bytes] : expected) {
    const auto found = items.find(id);
    ASSERT_NE(found, items.end()) << id << " is missing";
    ASSERT_EQ(ToHex(AsBytes(found->second)), ToHex(AsBytes(bytes))) << id << " is another one";
  }
}

}  // namespace turret::node
