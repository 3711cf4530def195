// Runs of a node's capture behind its sockets: a spool on a disk that loses what is not synced, the pipeline
// on it, an archive that acknowledges when told. A run ends by kill or power cut; the next one goes on.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/node/encode/recorder_fixture.h"
#include "tests/support/memory_disk.h"

namespace turret::node {

/// Takes items of all runs: the same id must always be the same bytes. Thread-safe.
class FakeArchive final : public ItemSink {
 public:
  bool Push(Item item) override;
  /// A new run's items come now; those of the last that were not acknowledged are to come again.
  void BeginRun();
  /// No item is taken any more.
  void EndRun();
  /// Acknowledges so many of the items that wait; returns the oldest position of the others.
  uint64_t Acknowledge(size_t count);
  size_t waiting() const;
  bool WaitForToken(const std::string& token);

  /// By id: what it says, a unit's sealed key apart; of a segment the hash.
  const std::map<std::string, std::string>& items() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return items_; }
  const std::vector<std::string>& forks() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return forks_; }
  std::vector<v1::Gap> Gaps(v1::GapCause cause) const ABSL_NO_THREAD_SAFETY_ANALYSIS;
  std::vector<v1::Fact> Facts() const;
  /// Sealed segments of a stream that came since they were taken last, by sequence; some may come again.
  std::map<uint64_t, Buffer> TakeSegments(const StreamId& stream);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> items_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> forks_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Gap> gaps_ ABSL_GUARDED_BY(mutex_);
  std::map<StreamId, std::map<uint64_t, Buffer>> segments_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> positions_ ABSL_GUARDED_BY(mutex_);  // Of the items that wait, in order.
  std::string token_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = true;
};

/// One record for the spool.
struct Input {
  int64_t utc_ns = 0;
  std::variant<v1::Fact, UnitId, std::pair<StreamId, Buffer>> what;
  CallId call;  // Of a unit.
};

class NodeRuns {
 public:
  explicit NodeRuns(uint64_t seed, uint64_t extent_bytes, int workers = 2);
  /// Both of: a new process finds what is on the disk, and goes on with it.
  void Start();
  absl::Status OpenSpool();
  void StartPipeline();
  /// The process is gone, and with `power_cut` what was not synced too.
  void Crash(bool power_cut);
  /// The last run finishes all that is committed.
  void Finish();

  void Append(const Input& input);
  void Commit();
  /// Waits until the pipeline made all it can of what is committed. False: the disk fails to commit.
  bool TryCatchUp();
  void CatchUp();
  absl::Status TryAcknowledgeAndTrim(size_t count);
  void AcknowledgeAndTrim(size_t count);

  FakeArchive& archive() { return archive_; }
  Spool& spool() { return *spool_; }
  Pipeline& pipeline() { return *pipeline_; }
  test::MemoryDisk& disk() { return disk_; }
  FakeKeys& keys() { return keys_; }
  test::ManualClock& clock() { return clock_; }
  const SecretKey& unit_key() const { return unit_key_; }

 private:
  test::SeededRandom random_;
  test::SeededRandom keys_random_{7};
  test::ManualClock clock_{absl::FromUnixNanos(kAnswered)};
  test::MemoryDisk disk_;
  NodeMetrics metrics_;
  FakeKeys keys_{keys_random_};
  SecretKey node_key_ = SecretKey::Make(keys_random_);
  SecretKey unit_key_ = SecretKey::Make(keys_random_);
  SpoolOptions options_;
  const int workers_;
  FakeArchive archive_;
  uint64_t tokens_ = 0;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace turret::node
