#include "coordinator/ingest/replication_service.h"

#include <vector>

#include "coordinator/ingest/replication_connection.h"
#include "fmt/format.h"

namespace turret::coordinator {
namespace {

constexpr std::string_view kMethod = "turret.v1.Replication/Replicate";

// Answers one status and goes.
class RefusedConnection final : public grpc::ServerBidiReactor<v1::ReplicateRequest, v1::ReplicateResponse> {
 public:
  explicit RefusedConnection(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

ReplicationService::ReplicationService(Archive& archive, AccessRefusals& refusals,
                                       CoordinatorMetrics& metrics)
    : archive_(archive), refusals_(refusals), metrics_(metrics) {
  archive_.OnWelcomeChanged([this] { WelcomeAll(); });
}

ReplicationService::~ReplicationService() { archive_.OnWelcomeChanged(nullptr); }

grpc::ServerBidiReactor<v1::ReplicateRequest, v1::ReplicateResponse>* ReplicationService::Replicate(
    grpc::CallbackServerContext* context) {
  absl::StatusOr<Peer> peer = PeerOf(*context);
  if (!peer.ok()) {
    metrics_.AccessRefused("no_certificate");
    return new RefusedConnection({grpc::StatusCode::UNAUTHENTICATED, std::string(peer.status().message())});
  }
  if (peer->role != "node") {
    const std::string why =
        fmt::format("replication needs a certificate with the role (OU) node, not '{}'", peer->role);
    refusals_.Refused(*peer, std::string(kMethod), "role", why);
    return new RefusedConnection({grpc::StatusCode::PERMISSION_DENIED, why});
  }
  const auto connection = std::make_shared<ReplicationConnection>(*this, *std::move(peer));
  Add(connection);
  connection->Start();
  return connection.get();
}

void ReplicationService::Add(const std::shared_ptr<ReplicationConnection>& connection) {
  absl::MutexLock lock(&mutex_);
  connections_.insert(connection);
  metrics_.NodesConnected(static_cast<int64_t>(connections_.size()));
}

void ReplicationService::Remove(const std::shared_ptr<ReplicationConnection>& connection) {
  absl::MutexLock lock(&mutex_);
  connections_.erase(connection);
  metrics_.NodesConnected(static_cast<int64_t>(connections_.size()));
}

void ReplicationService::WelcomeAll() {
  std::vector<std::shared_ptr<ReplicationConnection>> all;
  {
    absl::MutexLock lock(&mutex_);
    all.assign(connections_.begin(), connections_.end());
  }
  for (const auto& connection : all) connection->WelcomeAgain();
}

}  // namespace turret::coordinator
