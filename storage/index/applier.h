// What each ledger entry means for the index: the only place where rows are derived.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "storage/base/bytes.h"
#include "storage/index/index.h"
#include "storage/index/row_batch.h"

namespace turret::index {

/// Turns entries into rows of one batch. Not thread-safe; made anew for each batch. What is passed in must
/// outlive it.
class Applier {
 public:
  Applier(RowBatch& batch, Bytes token_key) : batch_(batch), token_key_(token_key) {}

  absl::Status Apply(const IndexedEntry& entry);

 private:
  absl::Status ApplyFact(const v1::Fact& fact, uint64_t entry);
  absl::Status ApplyCallFact(const v1::Fact& fact, uint64_t entry);

  absl::Status NodeIsBack(const std::string& call);
  absl::Status Started(const std::string& call, const v1::CallStarted& started);
  absl::Status MarkRunning(const std::string& call, const v1::CallStarted& started);
  absl::Status Updated(const std::string& call, const v1::CallUpdated& updated);
  absl::Status Ended(const std::string& call, const v1::CallEnded& ended);
  absl::Status MarkParties(const google::protobuf::RepeatedPtrField<v1::Party>& parties,
                           const std::string& when);
  absl::Status MarkTraders(const v1::CallStarted& started, const std::string& when);
  absl::Status RaiseLongest(std::string_view id, int64_t begin_ns, int64_t end_ns);

  absl::Status StreamOpened(const std::string& call, const v1::StreamOpened& opened);
  absl::Status StreamProgress(const std::string& call, const v1::StreamProgress& progress);
  absl::Status Presence(const v1::Presence& presence, uint64_t entry);

  absl::Status VolumeChanged(const IndexedEntry& entry);
  absl::Status Placed(const v1::VolumeContents& contents, uint64_t entry);
  absl::Status Enrolled(const v1::EnrolmentChanged& enrolment);

  RowBatch& batch_;
  std::set<std::string> closed_;  // By the coordinator, in this batch: `running` does not show it yet.
  const Bytes token_key_;
};

}  // namespace turret::index
