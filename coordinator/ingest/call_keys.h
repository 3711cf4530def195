// Keys on their way into the books: unit keys as nodes send them, and one key a call for the bodies of its
// entries.
#pragma once

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/archive_parts.h"
#include "turret/v1/replication.pb.h"

namespace turret::coordinator {

/// An outcome of kind kRefused.
ItemOutcome Refused(v1::Refusal::Reason reason, std::string message);

/// Opens a unit's key and adds it to the book of its class and day; not durable before books->Commit(). A
/// refusal is an outcome, a failing disk is a status.
absl::StatusOr<ItemOutcome> TakeUnit(ArchiveParts& parts, NodeId node, const v1::UnitOpened& unit);

/// Makes the key of a call at first sight, in the book of its class and day.
class CallKeys {
 public:
  CallKeys(ArchiveParts& parts ABSL_ATTRIBUTE_LIFETIME_BOUND, std::string orphan_class)
      : parts_(parts), orphan_class_(std::move(orphan_class)) {}
  /// What is no class becomes the orphans' class, what is no day becomes today: recorded first, argued later
  /// (C09).
  [[nodiscard]] absl::Status Ensure(CallId call, std::string_view storage_class, std::string_view day,
                                    NodeId node);

 private:
  ArchiveParts& parts_;
  const std::string orphan_class_;
};

}  // namespace turret::coordinator
