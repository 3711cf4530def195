// One node's connection. gRPC calls the On… methods, the committer calls Committed; both at any time.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/ingest/replication_service.h"
#include "storage/base/ids.h"

namespace turret::coordinator {

/// Lives until gRPC is done with it and no batch of it is with the committer.
class ReplicationConnection final
    : public grpc::ServerBidiReactor<v1::ReplicateRequest, v1::ReplicateResponse>,
      public std::enable_shared_from_this<ReplicationConnection> {
 public:
  ReplicationConnection(ReplicationService& service, Peer peer) : service_(service), peer_(std::move(peer)) {}
  void Start() ABSL_LOCKS_EXCLUDED(mutex_);
  /// Sends a Welcome again, if the node has said hello.
  void WelcomeAgain() ABSL_LOCKS_EXCLUDED(mutex_);

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;

 private:
  grpc::Status Take(v1::ReplicateRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status TakeHello(const v1::Hello& hello) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status TakeResume(const v1::ResumeQuery& query) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status TakeItem(v1::ReplicateRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status QueueWelcome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Submit() ABSL_LOCKS_EXCLUDED(mutex_);
  void Committed(uint64_t first_item, const absl::Status& status, const std::vector<ItemOutcome>& outcomes,
                 const v1::TreeHead& head) ABSL_LOCKS_EXCLUDED(mutex_);

  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Queue(v1::ReplicateResponse response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishOnce(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishWhenQuiet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ReplicationService& service_;
  const Peer peer_;

  absl::Mutex mutex_;
  std::optional<NodeId> node_ ABSL_GUARDED_BY(mutex_);  // Known after hello.
  v1::ReplicateRequest incoming_;                       // gRPC's while reading_.
  v1::ReplicateResponse outgoing_;                      // gRPC's while writing_.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;  // The node sends no more.
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<v1::ReplicateResponse> responses_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ReplicateRequest> items_ ABSL_GUARDED_BY(mutex_);  // Not yet submitted.
  uint64_t items_last_ ABSL_GUARDED_BY(mutex_) = 0;                  // Number of the last item taken.
  size_t bytes_waiting_ ABSL_GUARDED_BY(mutex_) = 0;                 // Of items_.
  size_t bytes_submitted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool batch_running_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace turret::coordinator
