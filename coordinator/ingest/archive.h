// The archive as the coordinator holds it: key tree, books, volumes, ledger and index, opened in the order
// that recovery needs, and written by one committer thread. Everybody else reads, or asks the committer to
// record a fact.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "coordinator/enrolment/enrolment_file.h"
#include "monitoring/metrics.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/index/index.h"
#include "storage/key/key_book.h"
#include "storage/key/key_tree.h"
#include "storage/ledger/ledger.h"
#include "storage/volume/volume_store.h"
#include "turret/v1/access.pb.h"
#include "turret/v1/replication.pb.h"

namespace turret::coordinator {

/// Layout under `directory`: keys/ books/ volumes/ ledger/ index/.
struct ArchiveOptions {
  std::string directory;
  std::string passphrase;  // Of the root key file keys/root.key, made when the archive is new.
  absl::Duration commit_interval = absl::Milliseconds(50);
};

struct ItemOutcome {
  enum Kind { kStored, kRepeated, kRefused } kind = kStored;
  v1::Refusal::Reason reason = v1::Refusal::REASON_UNSPECIFIED;
  std::string message;
};

/// Threading: every method from any thread.
class Archive {
 public:
  static absl::StatusOr<std::unique_ptr<Archive>> Open(
      const ArchiveOptions& options, Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
      Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND, Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND,
      CoordinatorMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND);

  /// Stores a batch of one node's items (units, facts, segments), in order, in one of the next group commits:
  /// keys, then volumes, then ledger, then index. `done` is called on the committer's thread when all of it
  /// is durable and each segment was opened with its key read back from the book; one outcome an item, and
  /// the head that covers them. When storage fails (the status), nothing is acknowledged and the node sends
  /// again.
  /// Facts of no node (NodeId{}) are the coordinator's own.
  using Done = std::function<void(const absl::Status&, const std::vector<ItemOutcome>&, const v1::TreeHead&)>;
  /// On an archive that failed or is being closed, `done` is called at once, on the caller's thread.
  void Submit(NodeId node, std::vector<v1::ReplicateRequest> items, Done done);

  /// Records one body of a book class that outlives calls ("access", "coverage"); durable on return. Returns
  /// its ledger index. This is what must succeed before a first byte plays.
  absl::StatusOr<uint64_t> Record(v1::EntryKind kind, const std::string& book_class,
                                  const v1::EntryBody& body);

  /// Takes up a new enrolment document, if it differs: one ledger entry. Returns the version in force.
  absl::StatusOr<v1::EnrolmentChanged> Enrol(const v1::EnrolmentChanged& document);
  v1::EnrolmentChanged enrolment() const;

  /// Positions of streams, for a node that goes on after a break.
  absl::StatusOr<v1::ResumeAnswer> Resume(const v1::ResumeQuery& query) const;
  /// Yesterday's to next week's intake keys, ledger id, enrolment.
  absl::StatusOr<v1::Welcome> MakeWelcome();
  /// Calls `changed` whenever MakeWelcome() would answer anew: a new enrolment, a new day's keys. From any of
  /// our threads; of the archive it may ask for the new Welcome, and nothing else. One listener; nullptr ends
  /// it, and no call is running on return.
  void OnWelcomeChanged(std::function<void()> changed);

  /// Opens the body of an entry with its key from the books; nullopt when the entry has none or the key is
  /// gone.
  absl::StatusOr<IndexedEntry> ReadEntry(uint64_t index) const;
  /// The same body as bytes, opening first: what an export shows. Empty when the entry has none or the key is
  /// gone.
  absl::StatusOr<Buffer> ReadBodyBytes(uint64_t index) const;
  /// The verified plaintext of a segment: read from the volume, header checked, opened.
  absl::StatusOr<Buffer> OpenSegmentAt(const Index::Placed& placed) const;

  /// Rebuilds an index in `directory` from ledger and books alone.
  absl::StatusOr<std::unique_ptr<Index>> RebuildIndex(const std::string& directory) const;
  /// Compares the running index with one rebuilt in `directory` (which must not exist): the last entries and
  /// the comparison itself run between two group commits.
  absl::StatusOr<v1::CheckIndexReport> CheckIndex(const std::string& directory);
  /// Not OK once storage has failed: nothing more is taken until the archive is opened again.
  absl::Status health() const;

  const Ledger& ledger() const;
  const Index& index() const;
  const VolumeStore& volumes() const;
  KeyTree& key_tree();
  Clock& clock() const;
  Random& random() const;
  /// Closes open volumes and stops the committer.
  [[nodiscard]] absl::Status Close();
  ~Archive();

 private:
  struct State;
  explicit Archive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::coordinator
