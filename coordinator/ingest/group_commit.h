// One group commit: keys, then volumes, then ledger, then index, each durable before the next begins.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/archive_parts.h"
#include "coordinator/ingest/entry_writer.h"
#include "coordinator/ingest/fact_intake.h"
#include "coordinator/ingest/segment_intake.h"

namespace turret::coordinator {

/// What one node sent, and what became of each item.
struct Batch {
  NodeId node;
  std::vector<v1::ReplicateRequest> items;
  std::vector<ItemOutcome> outcomes;
};

/// One body to be kept in a book that outlives calls.
struct RecordRequest {
  v1::EntryKind kind;
  std::string book_class;
  const v1::EntryBody* body;
  uint64_t ledger_index = 0;  // Filled in.
};

struct GroupWork {
  std::vector<Batch*> batches;
  std::vector<RecordRequest*> records;
  std::vector<std::string> intake_keys;  // Public keys that have no entry yet.
  std::string orphan_class;
};

/// Stores all of `work`. Durable on return: every batch has its outcomes, every record its index. Also closes
/// volumes that are due. Returns the head that covers it all; nullopt when there was nothing to write. Any
/// error leaves the archive in doubt: it must be opened again, and nothing may be acknowledged.
absl::StatusOr<std::optional<v1::TreeHead>> CommitGroup(ArchiveParts& parts, GroupWork& work);

/// Entries for volumes; `segments` completes what they contain.
[[nodiscard]] absl::Status AppendVolumes(std::vector<VolumeStore::Extended> volumes,
                                         const SegmentIntake& segments, const SealUnder& coverage,
                                         EntryWriter& writer);

/// The body key of today's book of a class, and how to seal under it. Not durable before books->Commit().
struct BookSeal {
  KeyBooks::BodyKey key;
  SealUnder under() const { return {.book = key.book, .key_id = key.id, .key = &key.key}; }
};
absl::StatusOr<BookSeal> SealOfToday(ArchiveParts& parts, const std::string& book_class);

}  // namespace turret::coordinator
