// The coordinator's end of replication: what a node sends becomes batches for the archive, what the archive
// made durable becomes acknowledgements.
#pragma once

#include <memory>
#include <set>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/ingest/access_refusals.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/attendance.h"
#include "monitoring/metrics.h"
#include "turret/v1/replication.grpc.pb.h"

namespace turret::coordinator {

/// Set as the server's limit: the largest segment, or a fact with oversized metadata, and room to spare.
inline constexpr int kReplicationMessageBytesMax = 4 * 1024 * 1024;
/// A connection is read no further while it has so much that is not acknowledged.
inline constexpr size_t kConnectionBytesMax = size_t{16} * 1024 * 1024;

class ReplicationConnection;

/// Thread-safe. The archive must outlive it, and the gRPC server must be shut down before it goes.
class ReplicationService final : public v1::Replication::CallbackService {
 public:
  ReplicationService(Archive& archive ABSL_ATTRIBUTE_LIFETIME_BOUND,
                     AccessRefusals& refusals ABSL_ATTRIBUTE_LIFETIME_BOUND,
                     CoordinatorMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND);
  ~ReplicationService() override;

  grpc::ServerBidiReactor<v1::ReplicateRequest, v1::ReplicateResponse>* Replicate(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* OpenNodeKey(grpc::CallbackServerContext* context,
                                        const v1::SealedNodeKey* request, v1::NodeKey* response) override;
  const Attendance& attendance() const { return attendance_; }

 private:
  friend class ReplicationConnection;
  grpc::Status Admit(const absl::StatusOr<Peer>& peer, std::string_view method);
  grpc::Status TryOpenNodeKey(const grpc::CallbackServerContext& context, const v1::SealedNodeKey& request,
                              v1::NodeKey& response);
  void Add(const std::shared_ptr<ReplicationConnection>& connection) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const std::shared_ptr<ReplicationConnection>& connection) ABSL_LOCKS_EXCLUDED(mutex_);
  void WelcomeAll() ABSL_LOCKS_EXCLUDED(mutex_);

  Archive& archive_;
  AccessRefusals& refusals_;
  CoordinatorMetrics& metrics_;
  Attendance attendance_;
  absl::Mutex mutex_;
  std::set<std::shared_ptr<ReplicationConnection>> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::coordinator
