// The RocksDB index: finds calls by line, trader, party and time, and holds the evidence that coverage is
// computed from. A view of the ledger: every row follows from ledger entries alone, in order, so that a
// rebuilt index equals a running one key for key.
//
// Keys (column family: key → value; integers big endian; token = first 16 bytes of HMAC-SHA-256(token key,
// normalised name); times before 1970 count as 1970):
//   meta        "position"                             → u64 entries applied | root (32)
//   meta        "format"                               → u64
//   meta        "enrolment"                            → u64 newest version
//   calls       call id                                → CallRow
//   by_time     start utc ns (u64) | call id           → -
//   by_line     line id | start utc ns | call id       → -
//   by_trader   token | start utc ns | call id         → -
//   by_party    token | start utc ns | call id         → -
//   running     line id, zeros for any | call id       → -   started and not ended
//   streams     stream id                              → StreamRow   what was said of it
//   positions   stream id                              → StreamRow   what is held: segments, hash, ends
//   placements  stream id | volume id                  → PlacementRow
//   facts       fact id                                → ledger index (u64)
//   volumes     volume id                              → VolumeRow
//   presence    begin utc ns | node id | ledger index  → PresenceRow
//   longest     line id, zeros for presence            → u64 ns   longest ended call, longest presence
//   enrolment   version (u64)                          → EnrolmentChanged
//   lines       line id                                → LineRow   its history
//   line_names  token of the exact name                → line id   newest that had it
//
// On disk all of it is encrypted, file names apart; names and numbers stand in values only.
//
// Rows to which entries only ever add are protobuf messages written one behind the other, which parse as
// their sum. Nothing in a row depends on how entries were batched.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/base/digest.h"
#include "storage/base/ids.h"
#include "storage/base/secret.h"
#include "turret/v1/index.pb.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

/// One ledger entry with its body opened (nullopt: it has none, or its key is destroyed).
struct IndexedEntry {
  uint64_t index;
  v1::Leaf leaf;
  std::optional<v1::EntryBody> body;
};

struct CallQuery {
  std::string trader;  // Empty: any.
  std::optional<LineId> line;
  std::string party;
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();  // Calls that started in [from, until).
  size_t limit = 1000;
};

/// Threading: one writer calls Apply; reads from any thread.
class Index {
 public:
  struct Keys {
    SecretKey tokens;  // Of the name tokens.
    SecretKey files;   // What the files lie under. Another one: the index is built anew.
  };
  /// Opens or creates (its parent must exist). Errors: DataLoss when it cannot be read (delete the directory
  /// and rebuild), Unavailable when another process has it open or the disk fails.
  static absl::StatusOr<std::unique_ptr<Index>> Open(const std::string& directory, Keys keys);

  /// Applies entries in order, in one WriteBatch with the new position and `root`. Entries below Position()
  /// are skipped, and so is a fact whose id came before. A fact about a call or stream of which nothing is
  /// known yet makes its row. Ids that are malformed have no row: the ledger alone has them. Survives a
  /// killed process on return; what a power cut takes is applied again from the ledger. Errors:
  /// FailedPrecondition when an entry would be left out; Unavailable, DataLoss (nothing was applied).
  [[nodiscard]] absl::Status Apply(const std::vector<IndexedEntry>& entries, const Digest& root);
  /// Entries applied so far: the ledger index that comes next.
  uint64_t Position() const;

  absl::StatusOr<v1::CallRow> Call(const CallId& id) const;        // NotFound.
  absl::StatusOr<v1::StreamRow> Stream(const StreamId& id) const;  // NotFound.
  /// Ids of calls that fit, by start time.
  absl::StatusOr<std::vector<CallId>> Find(const CallQuery& query) const;
  /// Calls of a line that overlap [from, until), running ones included.
  absl::StatusOr<std::vector<v1::CallRow>> CallsOfLine(const LineId& line, absl::Time from,
                                                       absl::Time until) const;
  /// Last call of the line that started before `at`; nullopt: none.
  absl::StatusOr<std::optional<v1::CallRow>> LastCallBefore(const LineId& line, absl::Time at) const;
  /// Placements of a stream by sequence, each with the ledger index of the entry that covers it.
  struct Placed {
    v1::Placement placement;
    VolumeId volume;
    uint64_t entry;
  };
  absl::StatusOr<std::vector<Placed>> Placements(const StreamId& stream) const;
  /// Ledger index of a fact that was taken before; nullopt: never seen.
  absl::StatusOr<std::optional<uint64_t>> FactEntry(const FactId& id) const;
  absl::StatusOr<v1::VolumeRow> Volume(const VolumeId& id) const;  // NotFound.
  /// Presence records that overlap [from, until), by begin.
  absl::StatusOr<std::vector<v1::PresenceRow>> Presences(absl::Time from, absl::Time until) const;
  /// Versions of the enrolment, oldest first: each holds every line, so this is for few callers.
  absl::StatusOr<std::vector<v1::EnrolmentChanged>> Enrolments() const;
  /// The newest version of the enrolment; nullopt: none yet.
  absl::StatusOr<std::optional<v1::EnrolmentChanged>> LatestEnrolment() const;
  /// History of one line. Empty: it was never enrolled.
  absl::StatusOr<v1::LineRow> LineHistory(const LineId& line) const;
  /// The line that has this exact name in the newest enrolment that lists it. NotFound.
  absl::StatusOr<LineId> LineNamed(std::string_view name) const;
  /// Running calls (CallStarted, no CallEnded), for recovery.
  absl::StatusOr<std::vector<v1::CallRow>> RunningCalls() const;

  /// Every row as (column family, key, value), in order: to compare two indexes.
  [[nodiscard]] absl::Status ForEachRow(
      const std::function<absl::Status(std::string_view family, Bytes key, Bytes value)>& visit) const;

  ~Index();

 private:
  struct State;
  explicit Index(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// What names and numbers are compared by: lower case, letters and digits only (Unicode letters kept as they
/// are).
std::string NormaliseName(std::string_view name);

/// The line as it was enrolled at `at`: by the last version in effect by then, else by the first that lists
/// it. Nullptr: never enrolled.
const v1::Line* LineAsOf(const v1::LineRow& history, int64_t at_utc_ns);

}  // namespace turret
