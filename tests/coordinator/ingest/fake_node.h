// A node as the archive sees it: makes calls, units and sealed segments, and keeps what it made until
// acknowledged.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "coordinator/ingest/archive.h"
#include "storage/base/digest.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret::test {

/// One call with one stream and one unit.
struct FakeCall {
  CallId call;
  UnitId unit;
  StreamId stream;
  SecretKey unit_key;
  uint64_t segments = 0;  // Sealed so far.
  Digest last_hash{};
  int64_t sequence = 0;  // Of the next packet.
};

/// Not thread-safe.
class FakeNode {
 public:
  FakeNode(Random& random, const v1::Welcome& welcome, std::string storage_class = "mifid")
      : random_(random),
        welcome_(welcome),
        storage_class_(std::move(storage_class)),
        id_(NodeId::Make(random)) {}

  NodeId id() const { return id_; }
  FakeCall NewCall();

  v1::ReplicateRequest Unit(const FakeCall& call);
  v1::ReplicateRequest Started(const FakeCall& call, const std::string& trader_line_id = "");
  /// Of the line's own trader, if there is one.
  v1::ReplicateRequest StreamOpened(const FakeCall& call, const std::string& line_id = "");
  /// Recorded: from `begin` to `end` after the call's start.
  v1::ReplicateRequest Progress(const FakeCall& call, absl::Duration begin, absl::Duration end);
  /// The next segment of the call's stream: 50 packets of A-law.
  v1::ReplicateRequest Segment(FakeCall& call);
  v1::ReplicateRequest GapOf(const FakeCall& call, v1::GapCause cause);
  /// Hung up ten seconds after its start.
  v1::ReplicateRequest Ended(const FakeCall& call);
  v1::ReplicateRequest Presence();

 private:
  v1::ReplicateRequest Fact(const FakeCall* call, v1::Fact fact);
  v1::IntakeKey IntakeKey() const;
  std::string Day() const;

  Random& random_;
  const v1::Welcome welcome_;
  const std::string storage_class_;
  const NodeId id_;
};

/// What the archive answered to one batch.
struct Answer {
  absl::Status status;
  std::vector<coordinator::ItemOutcome> outcomes;
  v1::TreeHead head;
};
/// Submits and waits.
Answer SubmitAndWait(coordinator::Archive& archive, NodeId node, std::vector<v1::ReplicateRequest> items);

}  // namespace turret::test
