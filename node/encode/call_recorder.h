// Records one call: its unit keys go sealed to the archive, its facts pass on in order, its streams are
// recorded, and its end is stated after all of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "node/encode/recorder_parts.h"
#include "node/encode/stream_recorder.h"
#include "node/spool/block.h"

namespace turret::node {

/// Threading: one thread.
class CallRecorder {
 public:
  CallRecorder(const CallId& call, const RecorderParts& parts) : call_(call), parts_(parts) {}

  /// Goes on as the one that was remembered: it skips what that one had seen. Before anything else.
  void Resume(ResumedCall resumed);
  void OnUnitKey(uint64_t position, UnitKeyRecord unit);
  /// Returns a stream that was opened by the fact: datagrams go to it directly. Null pointer: none was.
  StreamRecorder* OnFact(uint64_t position, v1::Fact fact);
  bool ended() const { return ended_; }

  /// This node was down; `last_utc_ns` was the newest record before, of any call.
  void OnRunStarted(uint64_t position, int64_t last_utc_ns);
  /// Time passes in the spool, of which all below `position` was read.
  void OnTime(int64_t now_utc_ns, uint64_t position);
  /// The streams that are recorded.
  const std::map<StreamId, std::unique_ptr<StreamRecorder>>& streams() const { return streams_; }
  uint64_t OldestNeeded() const;
  int64_t AbsentStreams(int64_t now_utc_ns) const;

 private:
  StreamRecorder* Take(uint64_t position, v1::Fact fact);
  StreamRecorder* Open(const v1::Fact& fact);
  void Remember(uint64_t position);
  void StateUnopened(uint64_t position, int64_t end_utc_ns);

  const CallId call_;
  const RecorderParts parts_;
  std::optional<int64_t> begin_ns_;  // Answered.
  std::map<UnitId, SecretKey> unit_keys_;
  std::map<StreamId, std::unique_ptr<StreamRecorder>> streams_;
  std::vector<v1::StreamOpened> unopened_;  // That could not be: their whole time is a gap.
  uint64_t skip_below_ = 0;                 // Seen before this process began; streams know for themselves.
  bool ended_ = false;
};

}  // namespace turret::node
