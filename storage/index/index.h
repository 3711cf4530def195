// The RocksDB index: finds calls by line, trader, party and time, and holds the evidence that coverage is computed
// from. A view of the ledger: every row follows from ledger entries alone, in order, so that a rebuilt index equals a
// running one key for key.
//
// Keys (column family: key → value; integers big endian; token = first 16 bytes of HMAC-SHA-256(token key, normalised
// name)):
//   meta       "position"                                → u64 entries applied | root (32)
//   calls      call id                                   → CallRow
//   by_time    start utc ns (u64) | call id              → -
//   by_line    line id | start utc ns | call id          → -
//   by_trader  token | start utc ns | call id            → -
//   by_party   token | start utc ns | call id            → -
//   streams    stream id                                 → StreamRow
//   placements stream id | volume id                     → PlacementRow
//   facts      fact id                                   → ledger index (u64)
//   volumes    volume id                                 → VolumeRow
//   presence   begin utc ns | node id                    → PresenceRow
//   enrolment  version (u64)                             → EnrolmentChanged
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
  /// Opens or creates. `token_key` keys the name tokens. Errors: as RocksDB; DataLoss when it cannot be read (delete
  /// the directory and rebuild).
  static absl::StatusOr<std::unique_ptr<Index>> Open(const std::string& directory, SecretKey token_key);

  /// Applies entries in order, in one WriteBatch with the new position and `root`. Entries below Position() are
  /// skipped. Errors: FailedPrecondition when an index would be left out.
  [[nodiscard]] absl::Status Apply(const std::vector<IndexedEntry>& entries, const Digest& root);
  /// Entries applied so far: the ledger index that comes next.
  uint64_t Position() const;

  absl::StatusOr<v1::CallRow> Call(const CallId& id) const;      // NotFound.
  absl::StatusOr<v1::StreamRow> Stream(const StreamId& id) const;  // NotFound.
  /// Ids of calls that fit, by start time.
  absl::StatusOr<std::vector<CallId>> Find(const CallQuery& query) const;
  /// Calls of a line that overlap [from, until), running ones included.
  absl::StatusOr<std::vector<v1::CallRow>> CallsOfLine(const LineId& line, absl::Time from, absl::Time until) const;
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
  /// Versions of the enrolment, oldest first.
  absl::StatusOr<std::vector<v1::EnrolmentChanged>> Enrolments() const;
  /// Running calls (no CallEnded), for recovery.
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

/// What names and numbers are compared by: lower case, letters and digits only (Unicode letters kept as they are).
std::string NormaliseName(std::string_view name);

}  // namespace turret
