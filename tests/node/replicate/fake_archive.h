// The other end of replication, in this process: keeps what it is sent, acknowledges in groups, and breaks
// the connection where a test says.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "turret/v1/replication.grpc.pb.h"

namespace turret::node {

/// Thread-safe.
class FakeArchive final : public v1::Replication::Service {
 public:
  FakeArchive() = default;
  ~FakeArchive() override;
  /// Listens; on the same port again after a Shutdown.
  void Listen();
  void Shutdown();
  std::string address() const;

  // Set before Listen.
  size_t group = 5;               // Items per acknowledgement.
  std::set<size_t> breaks;        // Ends the connection at these items, counted over all connections …
  bool breaks_before_ack = true;  // … before or after they are acknowledged.
  std::set<uint64_t> refused_segments;  // Sequences that are never taken.
  bool says_welcome = true;
  bool acknowledges = true;

  /// Bodies of the items in the order of their first arrival, and how often each came.
  std::vector<std::string> stored() const;
  size_t received() const;
  int connections() const;
  std::vector<v1::Hello> hellos() const;
  size_t resume_queries() const;
  bool WaitForReceived(size_t count, absl::Duration timeout) const;
  /// What a ResumeQuery is answered with.
  void SetPosition(const v1::StreamPosition& position);

  grpc::Status Replicate(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::ReplicateResponse, v1::ReplicateRequest>* stream) override;

 private:
  using Stream = grpc::ServerReaderWriter<v1::ReplicateResponse, v1::ReplicateRequest>;
  void Answer(Stream& stream, const v1::ResumeQuery& query);
  bool Take(Stream& stream, const v1::ReplicateRequest& request, uint64_t& unacknowledged);
  void Acknowledge(Stream& stream, uint64_t item);

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  mutable absl::Mutex mutex_;
  std::vector<std::string> stored_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> known_ ABSL_GUARDED_BY(mutex_);
  size_t received_ ABSL_GUARDED_BY(mutex_) = 0;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t resume_queries_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::Hello> hellos_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::StreamPosition> positions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::node
