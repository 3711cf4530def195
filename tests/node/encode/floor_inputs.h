// What a trading floor sends, as records for a spool, in the order of arrival.
#pragma once

#include <random>
#include <vector>

#include "tests/node/encode/node_runs.h"

namespace turret::node {

/// Calls that overlap, one of them all the time: losses, jitter, silences, pauses, further sources, rubbish.
class FloorInputs {
 public:
  FloorInputs(uint64_t seed, int64_t length_ms, int calls);
  /// One call of one stream.
  FloorInputs(uint64_t seed, int64_t length_ms, v1::Policy policy);
  std::vector<Input> inputs;

 private:
  int64_t Below(size_t bound) { return static_cast<int64_t>(engine_() % bound); }
  bool OneIn(size_t count) { return Below(count) == 0; }
  v1::Fact FactAt(const CallId& call, int64_t at_ms);
  void Add(v1::Fact fact) { inputs.push_back({fact.utc_ns(), fact, {}}); }
  void Call(int64_t begin_ms, int64_t end_ms, const std::vector<v1::Policy>& policies);
  void Talk(const CallId& call, const StreamId& stream, int64_t begin_ms, int64_t end_ms);
  void Send(const StreamId& stream, RtpSource& source, int64_t at_ms);
  void Pause(const CallId& call, const StreamId& stream, int64_t at_ms, bool paused);

  std::mt19937_64 engine_;
  test::SeededRandom random_;
};

/// What a node makes of `inputs` that is never killed.
std::map<std::string, std::string> Uninterrupted(const std::vector<Input>& inputs, uint64_t extent_bytes);
/// Gaps without their cause: an outage may be one.
std::map<std::string, std::string> WithoutCauses(const std::map<std::string, std::string>& items);
/// The same, byte for byte; fails the test otherwise.
void ExpectSameItems(const std::map<std::string, std::string>& items,
                     const std::map<std::string, std::string>& expected);

}  // namespace turret::node
