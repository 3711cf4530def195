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

  void OnUnitKey(uint64_t position, UnitKeyRecord unit);
  /// Returns a stream that was opened by the fact: datagrams go to it directly. Null pointer: none was.
  StreamRecorder* OnFact(uint64_t position, v1::Fact fact);
  bool ended() const { return ended_; }

  void OnTime(int64_t now_utc_ns);
  uint64_t OldestNeeded() const;
  int64_t AbsentStreams(int64_t now_utc_ns) const;

 private:
  StreamRecorder* Open(const v1::Fact& fact);
  void StateUnopened(uint64_t position, int64_t end_utc_ns);

  const CallId call_;
  const RecorderParts parts_;
  std::optional<int64_t> begin_ns_;  // Answered.
  std::map<UnitId, SecretKey> unit_keys_;
  std::map<StreamId, std::unique_ptr<StreamRecorder>> streams_;
  std::vector<v1::StreamOpened> unopened_;  // That could not be: their whole time is a gap.
  bool ended_ = false;
};

}  // namespace turret::node
