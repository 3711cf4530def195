#include "node/replicate/node_key.h"

#include <utility>

#include "fmt/format.h"
#include "node/spool/spool.h"
#include "proto/rpc/status_codes.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"
#include "storage/key/intake.h"
#include "turret/v1/replication.grpc.pb.h"

namespace turret::node {
namespace {

constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
constexpr absl::Duration kAskInterval = absl::Milliseconds(500);

bool IsFinal(const absl::Status& refused) {
  return absl::IsNotFound(refused) || absl::IsDataLoss(refused) || absl::IsInvalidArgument(refused) ||
         absl::IsUnimplemented(refused);
}

absl::StatusOr<SecretKey> Ask(v1::Replication::Stub& stub, const v1::SealedNodeKey& sealed,
                              absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  context.set_wait_for_ready(true);  // Only a call that waits drives the handshake on.
  v1::NodeKey opened;
  const grpc::Status status = stub.OpenNodeKey(&context, sealed, &opened);
  if (!status.ok()) return absl::Status(CodeOf(status), status.error_message());
  absl::StatusOr<SecretKey> key = SecretKey::From(AsBytes(opened.key()));
  Wipe(*opened.mutable_key());
  return key;
}

absl::StatusOr<SecretKey> AskUntilAnswered(const NodeKeyOptions& options, const v1::SealedNodeKey& sealed,
                                           const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                                           Clock& clock, const StopWithin& stop) {
  grpc::ChannelArguments arguments;
  for (const char* const backoff : {GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS})
    arguments.SetInt(backoff, static_cast<int>(absl::ToInt64Milliseconds(kAskInterval)));
  const auto stub =
      v1::Replication::NewStub(grpc::CreateCustomChannel(options.coordinator, credentials, arguments));
  spdlog::warn(
      "the node key {} is gone, as after a reboot: calls, spool and enrolment wait until coordinator {} "
      "opens it",
      options.path, options.coordinator);
  std::string told;
  do {
    absl::StatusOr<SecretKey> key = Ask(*stub, sealed, clock.Utc() + kAnswerTimeout);
    if (key.ok() || IsFinal(key.status())) return key;
    if (const std::string why(key.status().message()); std::exchange(told, why) != why)
      spdlog::warn("coordinator {}: {}", options.coordinator, why);
  } while (!stop(kAskInterval));
  return absl::CancelledError("stopped while the coordinator was asked to open the node key");
}

}  // namespace

absl::StatusOr<SecretKey> ObtainNodeKey(const NodeKeyOptions& options, Environment& environment,
                                        const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                                        Clock& clock, Random& random, const StopWithin& stop) {
  const absl::StatusOr<Buffer> stored = environment.ReadAll(options.sealed_path);
  if (environment.Exists(options.path) || absl::IsNotFound(stored.status()))
    return LoadOrMakeNodeKey(environment, options.path, random);
  TURRET_RETURN_IF_ERROR(stored.status());
  v1::SealedNodeKey sealed;
  absl::StatusOr<SecretKey> key = absl::DataLossError(options.sealed_path + " holds no sealed key");
  if (sealed.ParseFromArray(stored->data(), static_cast<int>(stored->size())))
    key = AskUntilAnswered(options, sealed, credentials, clock, stop);
  if (key.ok()) {
    TURRET_RETURN_IF_ERROR(environment.CreateDirectories(DirectoryOf(options.path)));
    TURRET_RETURN_IF_ERROR(environment.WriteAtomically(options.path, key->bytes()));
    spdlog::info("the coordinator opened the node key: calls and spool go on");
    return key;
  }
  if (!IsFinal(key.status())) return key.status();
  spdlog::critical("the node key cannot be opened, going on under a new one: {}", key.status().ToString());
  TURRET_RETURN_IF_ERROR(environment.Rename(options.sealed_path, options.sealed_path + ".unopened"));
  return LoadOrMakeNodeKey(environment, options.path, random);
}

absl::Status SealedNodeKeyFile::Renew(const SecretKey& key, const v1::IntakeKey& intake) {
  if (sealed_to_ == intake.key_id()) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const v1::SealedNodeKey sealed,
                          SealNodeKey(options_.node, options_.common_name, key, intake, random_));
  TURRET_RETURN_IF_ERROR(
      environment_.WriteAtomically(options_.sealed_path, AsBytes(sealed.SerializeAsString())));
  sealed_to_ = intake.key_id();
  return absl::OkStatus();
}

}  // namespace turret::node
