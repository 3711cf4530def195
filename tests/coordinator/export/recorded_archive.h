// A small archive with all that an archive can hold, made by the writer's own code: what verifier and export
// are tried on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coordinator/ingest/archive.h"
#include "monitoring/metrics.h"
#include "tests/coordinator/replay/segments.h"
#include "tests/support/support.h"

namespace turret::test {

struct RecordedStream {
  StreamId id;
  UnitId unit;
  std::vector<MadeSegment> segments;
  std::vector<Digest> hashes;
};

struct RecordedCall {
  CallId id;
  std::string storage_class;
  std::vector<RecordedStream> streams;
};

/// Not thread-safe. Calls: exact with two voices and a gap; Opus with losses; one without media; one of class
/// "gdpr"; one that still runs.
class RecordedArchive {
 public:
  static constexpr char kPassphrase[] = "correct horse battery staple";
  /// Under `directory`. Aborts the test program when the archive refuses anything.
  RecordedArchive(const std::string& directory, uint64_t seed);

  /// Closes the archive, and goes on with the one in `directory`.
  void Reopen(const std::string& directory);
  /// Closes all volumes, and the archive.
  void Close();
  coordinator::Archive& archive() { return *archive_; }
  const std::vector<RecordedCall>& calls() const { return calls_; }
  /// Of the ledger; also after Close().
  const std::string& public_key_hex() const { return public_key_hex_; }
  const std::string& checkpoint() const { return checkpoint_; }
  ManualClock& clock() { return clock_; }

  /// One more call, as one commit. `segments_stated` more than it has: as if the last ones were lost.
  void AddCall(const std::string& storage_class, std::vector<std::vector<MadeSegment>> streams, bool ends,
               uint64_t segments_missing = 0);

 private:
  void Open();
  void Submit(std::vector<v1::ReplicateRequest> items);
  v1::ReplicateRequest FactOf(const RecordedCall& call, v1::Fact fact);
  v1::ReplicateRequest Seal(const RecordedCall& call, RecordedStream& stream, const SecretKey& key,
                            MadeSegment made);
  std::vector<v1::ReplicateRequest> Begin(const RecordedCall& call);
  v1::ReplicateRequest End(const RecordedCall& call, uint64_t segments_missing);

  std::string directory_;
  PosixEnvironment environment_;
  // Before the calls: a line is whose it was enrolled for when the call began.
  ManualClock clock_{absl::FromUnixNanos(kAnchorUtcNs) - absl::Minutes(1)};
  SeededRandom random_;
  CoordinatorMetrics metrics_;
  std::unique_ptr<coordinator::Archive> archive_;
  NodeId node_;
  LineId line_;
  v1::Welcome welcome_;
  std::vector<RecordedCall> calls_;
  std::string public_key_hex_;
  std::string checkpoint_;
};

}  // namespace turret::test
