// Facts on their way into the ledger: each is one entry, its body sealed under the key of its call, or under
// the body key of the coverage book.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/archive_parts.h"
#include "coordinator/ingest/call_keys.h"
#include "coordinator/ingest/entry_writer.h"

namespace turret::coordinator {

/// One group commit's facts. Not thread-safe. Usage: Prepare() each, books->Commit(), then Take() each.
class FactIntake {
 public:
  FactIntake(ArchiveParts& parts ABSL_ATTRIBUTE_LIFETIME_BOUND, std::string orphan_class)
      : parts_(parts), call_keys_(parts, std::move(orphan_class)) {}

  /// What refuses a fact by its form alone; kStored when nothing does.
  static ItemOutcome CheckForm(const v1::Fact& fact);
  /// Makes the key of the fact's call if this is its first sight.
  [[nodiscard]] absl::Status Prepare(const v1::Fact& fact, NodeId node);
  /// The call's key is made by a unit of it as well: often the first thing that is heard of a call.
  [[nodiscard]] absl::Status Prepare(const v1::UnitOpened& unit, NodeId node);

  /// Appends the fact to the ledger, unless it is there. `coverage`: the body key for presence.
  absl::StatusOr<ItemOutcome> Take(v1::Fact fact, NodeId node, const SealUnder& coverage,
                                   EntryWriter& writer);

  /// Tells the metrics of what was taken; after the commit.
  void Count() const;

 private:
  absl::StatusOr<std::optional<ItemOutcome>> Repetition(const v1::Fact& fact) const;
  absl::StatusOr<const SecretKey*> KeyOf(const CallId& call);

  ArchiveParts& parts_;
  CallKeys call_keys_;
  std::map<CallId, SecretKey> keys_;
  std::map<std::string, v1::Fact> taken_;  // By fact id.
};

}  // namespace turret::coordinator
