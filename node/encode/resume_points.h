// What one worker remembers of its calls, so that a later process can take them up: at each stream's cuts,
// and after each record of a call itself, its state and the position in the spool behind which it holds.
//
// Everything that was made before a position counts as kept by the archive once the spool is acknowledged up
// to there. So of each stream the newest state counts whose position is acknowledged: what was made since is
// made again, the same. Until then older states are kept, a few of them.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "node/spool/block.h"
#include "node/spool/snapshot.h"
#include "turret/v1/spool.pb.h"

namespace turret::node {

/// A call as an earlier process remembered it.
struct ResumedCall {
  v1::CallState state;
  std::vector<UnitKeyRecord> units;
  std::vector<v1::StreamState> streams;
};

inline constexpr size_t kPointsMax = 8;  // Of one stream; with more, every other is as good.

/// Writes rows of records in parts of a bounded size.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(Snapshot& snapshot) : snapshot_(snapshot) {}
  void Add(const UnitKeyRecord& unit);
  /// Adds the state, its position replaced by `position`.
  void AddCall(Bytes state, uint64_t position);
  void AddStream(Bytes state, uint64_t position);

 private:
  Buffer& Room(size_t bytes);
  Snapshot& snapshot_;
};

/// States of one thing, in the order of their positions.
class ResumePointList {
 public:
  ResumePointList() = default;
  ResumePointList(ResumePointList&&) = default;
  ResumePointList& operator=(ResumePointList&&) = default;
  ~ResumePointList();

  void Add(uint64_t position, Buffer state);
  /// The newest state holds up to here only: the record at `position` changes it.
  void Changes(uint64_t position);
  /// Drops what is older than the state that counts.
  void Prune(uint64_t acknowledged);
  /// Null pointer: none counts yet.
  const Buffer* StateAt(uint64_t acknowledged) const;
  /// Up to where the state that counts holds, at most `acknowledged` and `read`; UINT64_MAX: none counts yet.
  uint64_t PositionAt(uint64_t acknowledged, uint64_t read) const;

 private:
  struct Point {
    uint64_t position;
    uint64_t holds_to;
    Buffer state;
  };
  const Point* At(uint64_t acknowledged) const;
  void Thin();
  std::vector<Point> points_;
};

/// Thread-safe: the worker writes, the spool's snapshots read.
class ResumePoints {
 public:
  void AddUnit(uint64_t position, const UnitKeyRecord& unit);
  /// The call is so behind the record at `position`.
  void CallChanged(const CallId& call, uint64_t position, const v1::CallState& state);
  /// The record at `position` is the first since the stream was remembered.
  void StreamChanges(const CallId& call, const StreamId& stream, uint64_t position);
  void Remember(const CallId& call, const StreamId& stream, uint64_t position, const v1::StreamState& state);
  void CallEnded(const CallId& call, uint64_t position);
  /// As it came from an earlier process; before the worker takes it up.
  void AddResumed(const ResumedCall& resumed);
  /// All below `position` was read.
  void Read(uint64_t position);

  /// Lowest position that is needed besides the states that count; UINT64_MAX: none.
  uint64_t OldestNeeded(uint64_t acknowledged);
  void Write(uint64_t acknowledged, SnapshotWriter& writer);

 private:
  struct Call {
    uint64_t first_position = 0;
    uint64_t ended_position = std::numeric_limits<uint64_t>::max();
    std::vector<UnitKeyRecord> units;
    ResumePointList states;
    std::map<StreamId, ResumePointList> streams;
  };
  Call& At(const CallId& call, uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddUnitTo(Call& call, const UnitKeyRecord& unit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Prune(uint64_t acknowledged) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::map<CallId, Call> calls_ ABSL_GUARDED_BY(mutex_);
  uint64_t read_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace turret::node
