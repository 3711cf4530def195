// Order, encode, seal: consumes the spool's log and makes segments and facts of it. One dispatcher reads
// blocks; each worker owns the streams whose id hashes to it, so that a stream is only ever touched by one
// thread.
#pragma once

#include <memory>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "monitoring/metrics.h"
#include "node/encode/item.h"
#include "node/spool/spool.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "turret/v1/replication.pb.h"

namespace turret::node {

/// Keys of the archive, as the coordinator told them; replaced when it tells new ones. Thread-safe.
class IntakeKeys {
 public:
  virtual ~IntakeKeys() = default;
  /// Intake key for a day; the newest known one when that day's is not. Errors: NotFound when there is none
  /// at all.
  virtual absl::StatusOr<v1::IntakeKey> For(const std::string& day) const = 0;
  virtual LedgerId ledger() const = 0;
};

struct PipelineOptions {
  int workers = 1;
  absl::Duration reorder_window = absl::Milliseconds(200);  // How long a missing packet is waited for.
  absl::Duration idle = absl::Milliseconds(200);  // Without a record: then the recorders are told the time.
  NodeId node;
};

class Pipeline {
 public:
  static absl::StatusOr<std::unique_ptr<Pipeline>> Create(const PipelineOptions& options,
                                                          Spool& spool ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          IntakeKeys& keys ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          ItemSink& sink ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          NodeMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);
  void Start();
  /// Finishes what is committed in the spool, then stops; calls that have not ended keep their last seconds
  /// in the spool. Waits up to `timeout`, false then: the sink is full, and stopping it lets go of the
  /// pipeline too. The destructor waits for the threads.
  bool Stop(absl::Duration timeout = absl::InfiniteDuration());
  /// Oldest spool position that is still needed to make items that were not pushed yet. An item is pushed
  /// before its position stops being counted here; so trim by min(pipeline, then replicator).
  uint64_t OldestNeeded() const;
  /// Counts over all streams since the start: received = recorded + duplicate + late + dropped.
  v1::PacketCounts Counts() const;
  ~Pipeline();

 private:
  struct State;
  explicit Pipeline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
