// What a node has to send, what of it was acknowledged, and whether an archive holds it.
#pragma once

#include <deque>
#include <vector>

#include "coordinator/ingest/archive.h"
#include "tests/coordinator/ingest/fake_node.h"

namespace turret::test {

/// Calls of one node as they come and go, by `random`. Not thread-safe.
class Workload {
 public:
  Workload(FakeNode node, Random& random) : node_(std::move(node)), random_(random) {}

  NodeId node() const { return node_.id(); }
  uint64_t Pick(uint64_t below);
  /// A few items of new, running and ending calls. The node keeps them until they are acknowledged.
  void Make();
  /// The end of every call.
  void EndCalls();

  std::vector<v1::ReplicateRequest> waiting() const { return {waiting_.begin(), waiting_.end()}; }
  /// The first `items` of what waits.
  void Acknowledge(size_t items);
  const std::vector<v1::ReplicateRequest>& acknowledged() const { return acknowledged_; }

 private:
  FakeNode node_;
  Random& random_;
  std::vector<FakeCall> calls_;
  std::deque<v1::ReplicateRequest> waiting_;
  std::vector<v1::ReplicateRequest> acknowledged_;
};

/// Of what was acknowledged each fact is there as it was sent, and each segment, in its order, opens; and no
/// fact is there twice. (A segment that is there twice is a finding of the verifiers.)
void ExpectHeld(const coordinator::Archive& archive, const std::vector<v1::ReplicateRequest>& acknowledged);
/// The same, and there is nothing else: every fact and segment is one of `acknowledged`.
void ExpectHeldAndNothingElse(const coordinator::Archive& archive,
                              const std::vector<v1::ReplicateRequest>& acknowledged);

}  // namespace turret::test
