// One thread of the pipeline: the calls that it owns, and a short queue of batches in front of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "node/encode/call_recorder.h"
#include "node/encode/recorder_parts.h"
#include "node/spool/block.h"

namespace turret::node {

/// Another process of this node went on from here.
struct RunStarted {};

/// What one worker gets of a block, in order. The datagrams' bytes lie in `block`.
struct Batch {
  struct Packet {
    uint64_t position;
    int64_t newest_utc_ns;  // Of all records up to this one, whosever they are.
    Datagram datagram;
  };
  struct Record {
    uint64_t position;
    int64_t newest_utc_ns;
    size_t packets_before;  // Of this batch.
    std::variant<UnitKeyRecord, v1::Fact, RunStarted> what;
  };
  std::shared_ptr<const Block> block;  // Null pointer: only time passes.
  uint64_t position = 0;               // Of the block.
  int64_t now_utc_ns = 0;              // Latest arrival or fact in it.
  int64_t newest_utc_ns = 0;           // And in all blocks up to it; 0: as before.
  std::vector<Packet> packets;
  std::vector<Record> records;       // All but the packets.
  std::vector<ResumedCall> resumed;  // As an earlier process remembered them; before any block.
};

/// Shared between the workers of a pipeline.
struct WorkerCommon {
  ItemSink& sink;
  NodeMetrics& metrics;
  const IntakeKeys& keys;
  Random& random;
  int64_t reorder_window_ns;
  uint64_t acknowledged =
      0;  // By an earlier process: a call that began below and is not resumed is done with.
  std::atomic<int64_t> absent_streams{0};
};

/// Threading: Give and Finish from the dispatcher; the rest from any thread.
class Worker final : private ItemOutput {
 public:
  explicit Worker(WorkerCommon& common);
  ~Worker() override;
  /// Waits while the queue is full.
  void Give(Batch batch);
  /// No batch follows; ends after the last.
  void Finish();
  /// Waits up to `timeout` until Finish took effect.
  bool WaitFinished(absl::Duration timeout);

  uint64_t OldestNeeded() const;
  Tally Total() const;
  ResumePoints& points() { return points_; }

 private:
  void Run();
  std::optional<Batch> Take();
  void Process(Batch& batch);
  void OnPackets(std::span<const Batch::Packet> packets);
  void OnRecord(Batch::Record& record);
  void OnFact(uint64_t position, v1::Fact fact);
  CallRecorder* CallOf(uint64_t position, const CallId& call);
  void Resume(ResumedCall resumed);
  void Emit(decltype(Item::what) what, uint64_t position, int64_t made_utc_ns) override;
  void Settle(const Batch& batch);
  void CountBatch();

  WorkerCommon& common_;

  // The thread's own.
  Tally tally_;
  Tally tally_told_;
  int64_t newest_utc_ns_ = 0;
  uint64_t read_position_ = 0;  // All below was processed.
  ResumePoints points_;
  const RecorderParts parts_;
  std::map<CallId, CallRecorder> calls_;
  struct StreamEntry {
    CallId call;
    StreamRecorder* recorder;
    uint32_t first = kNoPacket;  // Of its packets in the row that is worked on.
    uint32_t last = kNoPacket;
  };
  static constexpr uint32_t kNoPacket = std::numeric_limits<uint32_t>::max();
  absl::flat_hash_map<StreamId, StreamEntry> streams_;
  std::vector<StreamEntry*> row_;  // Streams that have packets in it.
  std::vector<uint32_t> next_of_;  // The next packet of the same stream.
  int64_t absent_told_ = 0;
  bool sink_stopped_ = false;

  mutable absl::Mutex mutex_;
  std::deque<Batch> queue_ ABSL_GUARDED_BY(mutex_);
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t processing_position_ ABSL_GUARDED_BY(mutex_);  // Of the batch in work.
  uint64_t streams_oldest_ ABSL_GUARDED_BY(mutex_);
  Tally total_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace turret::node
