// The node's local log: each datagram as it arrived, encrypted, group-committed. From a commit on, a killed process, a
// dead network or a slow coordinator lose nothing. Everything behind the spool consumes it as a log, from memory
// when it keeps up and from disk when it is behind: capture never waits for it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "node/spool/block.h"
#include "node/spool/snapshot.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret::node {

inline constexpr absl::Duration kCommitInterval = absl::Milliseconds(100);
inline constexpr uint64_t kExtentBytes = uint64_t{64} * 1024 * 1024;

struct SpoolOptions {
  std::string directory;
  uint64_t bytes_max = uint64_t{8} * 1024 * 1024 * 1024;    // Quota on disk; over it, Append fails.
  uint64_t memory_bytes_max = uint64_t{256} * 1024 * 1024;  // Blocks kept: for readers that keep up, and while the
                                                            // disk fails; over it, Append fails.
  uint64_t extent_bytes = kExtentBytes;
};

struct SpoolStats {
  uint64_t bytes_used = 0;       // On disk, without the room set aside for what comes next.
  uint64_t bytes_max = 0;
  uint64_t position_end = 0;     // Of the last record appended.
  uint64_t position_durable = 0;
  uint64_t position_trimmed = 0;
  absl::Duration last_commit;    // How long the last commit took.
  uint64_t commits = 0;
  uint64_t commits_failed = 0;    // By the disk; also where a new extent made it good at once, and trims.
  uint64_t bytes_uncommitted = 0;
  uint64_t bytes_unreadable = 0;  // Of blocks on disk that were altered or lost since they were committed.
  uint64_t extents_unopened = 0;  // Moved aside by Open.
};

/// Threading: every method from any thread. `environment`, `clock` and `random` must outlive it.
class Spool {
 public:
  /// Opens the directory. If there was a process before, a run-started record is the first that this one appends.
  /// Extents of an earlier process are kept untouched and read first: a reader begins at the
  /// oldest record not yet trimmed. `key` opens and seals; the new process writes new extents only, each under a
  /// fresh extent key that is wrapped under `key`. An old extent that does not open with `key` is moved aside as
  /// *.unopened, never deleted, and counted in Stats(): the caller alarms, and records on. A torn tail ends its
  /// extent. Errors: as Environment.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(const SpoolOptions& options,
                                                     Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                     SecretKey key, Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                     Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  /// Each returns the record's position: in memory, NOT on disk; a Commit makes it durable. A batch is appended as a
  /// whole or not at all. Never waits for the disk. Errors: ResourceExhausted when the quota is full, or the disk
  /// fails and the memory is full (the caller counts a drop, `spool_full`; facts and keys have a small reserve that
  /// datagrams have not); InvalidArgument when one record is larger than a quarter of an extent.
  [[nodiscard]] absl::Status AppendDatagrams(std::span<const Datagram> datagrams);
  absl::StatusOr<uint64_t> AppendFact(const v1::Fact& fact);
  absl::StatusOr<uint64_t> AppendUnitKey(const UnitKeyRecord& unit);

  /// Writes and syncs all that was appended before the call, then hands it to the readers. The spool's own thread
  /// calls it every kCommitInterval once Start() was called; tests call it themselves. Errors: as Environment; what
  /// could not be written stays in memory, and the next Commit writes it into a new extent.
  [[nodiscard]] absl::Status Commit();
  /// Waits until everything below `position`, and the record at it if there is one, is durable. Errors:
  /// DeadlineExceeded.
  [[nodiscard]] absl::Status WaitDurable(uint64_t position, absl::Duration timeout);
  /// Starts the committing thread; Stop ends it after a last commit.
  void Start();
  void Stop();

  /// From now on `source` says what is to be remembered: each new extent begins with a snapshot, and only what the last
  /// durable one does not need is trimmed. Null pointer: nobody does, the last one goes on to count; on return the one
  /// before is not called any more.
  void SetSnapshotSource(SnapshotSource* source);
  /// The last durable one; after Open, what an earlier process left. Null pointer: none.
  std::shared_ptr<const Snapshot> snapshot() const;

  /// The committed block that `position` lies in, or the next one behind it; waits up to `timeout`, null pointer
  /// then. A reader goes on at the block's end_position(). One reader at a time. Errors: DataLoss, once for each block
  /// on disk that does not open: calling again goes on behind it.
  absl::StatusOr<std::shared_ptr<const Block>> Read(uint64_t position, absl::Duration timeout);
  /// First position that a new reader starts at.
  uint64_t Oldest() const;
  /// Everything below `position` is acknowledged by the coordinator: extents that hold nothing else are removed, as far
  /// as a snapshot allows, which is taken if it helps. After a restart reading begins where the snapshot says, else at
  /// an extent's start; so also with some records that were trimmed.
  [[nodiscard]] absl::Status Trim(uint64_t position);

  SpoolStats Stats() const;
  ~Spool();

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The key that seals the spool and the node's other local files: 32 bytes in a root-only file, which belongs on a
/// tmpfs (it survives kill -9, not a reboot). Made when missing.
absl::StatusOr<SecretKey> LoadOrMakeNodeKey(Environment& environment, const std::string& path, Random& random);

}  // namespace turret::node
