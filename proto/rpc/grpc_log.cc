#include "proto/rpc/grpc_log.h"

#include <memory>
#include <mutex>

#include "grpc/support/log.h"

namespace turret {
namespace {

using Sink = std::function<void(GrpcLogLevel, std::string_view)>;

// gRPC takes a bare function: the sink is a global of this file, and never goes.
std::mutex sink_mutex;
std::shared_ptr<const Sink>& TheSink() {
  static auto& sink = *new std::shared_ptr<const Sink>;
  return sink;
}

void Forward(gpr_log_func_args* args) {
  std::shared_ptr<const Sink> sink;
  {
    std::lock_guard lock(sink_mutex);
    sink = TheSink();
  }
  const GrpcLogLevel level = args->severity == GPR_LOG_SEVERITY_ERROR  ? GrpcLogLevel::kError
                             : args->severity == GPR_LOG_SEVERITY_INFO ? GrpcLogLevel::kInfo
                                                                       : GrpcLogLevel::kDebug;
  if (sink != nullptr) (*sink)(level, args->message);
}

}  // namespace

void SendGrpcLogTo(Sink sink) {
  {
    std::lock_guard lock(sink_mutex);
    TheSink() = std::make_shared<const Sink>(std::move(sink));
  }
  gpr_set_log_function(&Forward);
  gpr_set_log_verbosity(
      GPR_LOG_SEVERITY_ERROR);  // Whatever the environment says: refused handshakes are told here.
}

std::string_view RefusedHandshakeReason(std::string_view line) {
  if (line.find("Handshake failed") == std::string_view::npos) return "";
  if (line.find("did not return a certificate") != std::string_view::npos) return "no_certificate";
  if (line.find("certificate") != std::string_view::npos) return "bad_certificate";
  return "no_tls";
}

}  // namespace turret
