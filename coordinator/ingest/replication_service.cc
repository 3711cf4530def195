#include "coordinator/ingest/replication_service.h"

#include <vector>

#include "coordinator/ingest/access_entry.h"
#include "coordinator/ingest/replication_connection.h"
#include "fmt/format.h"
#include "proto/rpc/status_codes.h"
#include "spdlog/spdlog.h"
#include "storage/key/intake.h"

namespace turret::coordinator {
namespace {

constexpr std::string_view kMethod = "turret.v1.Replication/Replicate";
constexpr std::string_view kKeyMethod = "turret.v1.Replication/OpenNodeKey";

// Answers one status and goes.
class RefusedConnection final : public grpc::ServerBidiReactor<v1::ReplicateRequest, v1::ReplicateResponse> {
 public:
  explicit RefusedConnection(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

ReplicationService::ReplicationService(Archive& archive, AccessRefusals& refusals,
                                       CoordinatorMetrics& metrics)
    : archive_(archive), refusals_(refusals), metrics_(metrics), attendance_(archive.clock().Elapsed()) {
  archive_.OnWelcomeChanged([this] { WelcomeAll(); });
}

ReplicationService::~ReplicationService() { archive_.OnWelcomeChanged(nullptr); }

grpc::Status ReplicationService::Admit(const absl::StatusOr<Peer>& peer, std::string_view method) {
  if (!peer.ok()) {
    metrics_.AccessRefused("no_certificate");
    return {grpc::StatusCode::UNAUTHENTICATED, std::string(peer.status().message())};
  }
  if (peer->role == "node") return grpc::Status::OK;
  const std::string why =
      fmt::format("replication needs a certificate with the role (OU) node, not '{}'", peer->role);
  refusals_.Refused(*peer, std::string(method), "role", why);
  return {grpc::StatusCode::PERMISSION_DENIED, why};
}

grpc::ServerBidiReactor<v1::ReplicateRequest, v1::ReplicateResponse>* ReplicationService::Replicate(
    grpc::CallbackServerContext* context) {
  absl::StatusOr<Peer> peer = PeerOf(*context);
  if (const grpc::Status admitted = Admit(peer, kMethod); !admitted.ok())
    return new RefusedConnection(admitted);
  const auto connection = std::make_shared<ReplicationConnection>(*this, *std::move(peer));
  Add(connection);
  connection->Start();
  return connection.get();
}

grpc::ServerUnaryReactor* ReplicationService::OpenNodeKey(grpc::CallbackServerContext* context,
                                                          const v1::SealedNodeKey* request,
                                                          v1::NodeKey* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(TryOpenNodeKey(*context, *request, *response));
  return reactor;
}

// A node gets its own key back, and no other's: the name that it was sealed for stands in its certificate.
grpc::Status ReplicationService::TryOpenNodeKey(const grpc::CallbackServerContext& context,
                                                const v1::SealedNodeKey& request, v1::NodeKey& response) {
  const absl::StatusOr<Peer> peer = PeerOf(context);
  if (grpc::Status admitted = Admit(peer, kKeyMethod); !admitted.ok()) return admitted;
  if (peer->common_name != request.common_name()) {
    const std::string why = "a node key is opened for the node alone that it was sealed by";
    refusals_.Refused(*peer, std::string(kKeyMethod), "other_node", why);
    return {grpc::StatusCode::PERMISSION_DENIED, why};
  }
  const absl::StatusOr<SecretKey> intake = archive_.key_tree().IntakePrivate(request.intake_key_id());
  const absl::StatusOr<SecretKey> key = intake.ok() ? turret::OpenNodeKey(request, *intake) : intake.status();
  if (!key.ok()) return ToGrpc(key.status());
  v1::Accessed accessed;
  accessed.set_detail(ToHex(AsBytes(request.node_id())));
  const auto recorded = RecordAccess(archive_, v1::Accessed::NODE_KEY_OPENED, peer->common_name,
                                     peer->certificate_digest, std::move(accessed));
  if (!recorded.ok()) return ToGrpc(recorded.status());
  response.set_key(ToString(key->bytes()));
  spdlog::warn("node {} lost its key, in a reboot: opened for it", peer->common_name);
  return grpc::Status::OK;
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
