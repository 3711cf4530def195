// Sends items to the coordinator over mutual TLS, again and again until they are acknowledged; keeps the
// intake keys and the enrolment that it is told.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "monitoring/metrics.h"
#include "node/encode/item.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "turret/v1/replication.pb.h"

namespace turret::node {

struct ReplicatorOptions {
  std::string coordinator_address;  // host:port
  NodeId node;
  RunId run;
  uint64_t queue_bytes_max =
      uint64_t{64} * 1024 * 1024;  // Unacknowledged items in memory; over it, Push waits.
  absl::Duration reconnect_min = absl::Milliseconds(100);
  absl::Duration reconnect_max = absl::Seconds(5);
};

class Replicator final : public ItemSink {
 public:
  /// Called on every Welcome, on the replicator's thread. An error: this is not the node's archive; nothing
  /// is sent to it, since what it acknowledged would be trimmed here, and the node goes on asking.
  using OnWelcome = std::function<absl::Status(const v1::Welcome&)>;
  static absl::StatusOr<std::unique_ptr<Replicator>> Create(
      const ReplicatorOptions& options, std::shared_ptr<grpc::ChannelCredentials> credentials,
      NodeMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND, Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
      OnWelcome on_welcome);
  void Start();
  /// Waits up to `timeout` until everything pushed is acknowledged, then disconnects.
  void Stop(absl::Duration timeout);
  bool Push(Item item) override;
  /// Oldest spool position of an item that is not acknowledged; UINT64_MAX when all are.
  uint64_t OldestNeeded() const;
  /// Highest tree head seen in an acknowledgement: the node is a witness of what it was promised.
  std::string LastCheckpoint() const;
  ~Replicator() override;

 private:
  struct State;
  explicit Replicator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
