#include "coordinator/turretctl/connection.h"

#include <filesystem>

#include "fmt/format.h"
#include "proto/rpc/credentials.h"
#include "proto/rpc/status_codes.h"
#include "storage/base/config.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

constexpr int kMessageBytesMax = 16 * 1024 * 1024;

void Default(std::string& value, const std::optional<std::string>& fallback) {
  if (value.empty() && fallback.has_value()) value = *fallback;
}

// A path in the file counts from the file's folder.
std::string Beside(const std::filesystem::path& file, const std::string& path) {
  return path.empty() ? path : (file.parent_path() / path).lexically_normal().string();
}

absl::Status ReadConfig(const std::string& path, ConnectionOptions& options) {
  TURRET_ASSIGN_OR_RETURN(ConfigReader reader, ConfigReader::Load(path));
  const std::string coordinator = reader.String("coordinator", "");
  const std::string ca = reader.String("ca", "");
  const std::string certificate = reader.String("cert", "");
  const std::string key = reader.String("key", "");
  TURRET_RETURN_IF_ERROR(reader.Finish());
  Default(options.coordinator, coordinator);
  Default(options.ca, Beside(path, ca));
  Default(options.certificate, Beside(path, certificate));
  Default(options.key, Beside(path, key));
  return absl::OkStatus();
}

absl::Status CheckComplete(const ConnectionOptions& options) {
  struct Needed {
    const std::string& value;
    const char* option;
    const char* variable;
    const char* key;
    const char* what;
  };
  for (const Needed& needed :
       {Needed{options.coordinator, "--coordinator", "TURRET_COORDINATOR", "coordinator",
               "the coordinator's host:port"},
        Needed{options.ca, "--ca", "TURRET_CA", "ca", "the authority's certificate"},
        Needed{options.certificate, "--cert", "TURRET_CERT", "cert", "your client certificate"},
        Needed{options.key, "--key", "TURRET_KEY", "key", "the private key of your certificate"}})
    if (needed.value.empty())
      return absl::InvalidArgumentError(
          fmt::format("{} is missing: give {}, set {}, or write \"{}: …\" into ~/.config/turretctl.yaml",
                      needed.what, needed.option, needed.variable, needed.key));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ConnectionOptions> Complete(ConnectionOptions given, const std::string& config_file,
                                           const Environ& environ) {
  Default(given.coordinator, environ("TURRET_COORDINATOR"));
  Default(given.ca, environ("TURRET_CA"));
  Default(given.certificate, environ("TURRET_CERT"));
  Default(given.key, environ("TURRET_KEY"));
  if (!config_file.empty()) {
    TURRET_RETURN_IF_ERROR(ReadConfig(config_file, given));
  } else if (const auto home = environ("HOME"); home.has_value()) {
    const std::string usual = *home + "/.config/turretctl.yaml";
    std::error_code ignored;  // A home that is not ours to look into has no file for us.
    if (std::filesystem::exists(usual, ignored)) TURRET_RETURN_IF_ERROR(ReadConfig(usual, given));
  }
  TURRET_RETURN_IF_ERROR(CheckComplete(given));
  return given;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const ConnectionOptions& options) {
  TURRET_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                          MakeChannelCredentials({options.ca, options.certificate, options.key}));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  return grpc::CreateCustomChannel(options.coordinator, credentials, arguments);
}

absl::Status Explain(const grpc::Status& status, const ConnectionOptions& options) {
  if (status.ok()) return absl::OkStatus();
  const std::string& message = status.error_message();
  std::string text = message;
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED: {
      const bool tls = message.find("handshake") != std::string::npos ||
                       message.find("SSL") != std::string::npos ||
                       message.find("certificate") != std::string::npos;
      text = fmt::format(
          "no connection to the coordinator at {} ({}). {}", options.coordinator, message,
          tls ? "Was the certificate of the coordinator made by the authority in --ca, and for this host "
                "name? Is yours of the same authority, and not expired?"
              : "Is turret-coordinator running there, and is this the port of its access service?");
      break;
    }
    case grpc::StatusCode::UNAUTHENTICATED:
      text = fmt::format("the coordinator does not know you: {}. Your certificate is {}.", message,
                         options.certificate);
      break;
    case grpc::StatusCode::PERMISSION_DENIED:
      text = fmt::format(
          "not allowed: {}. Your certificate is {}; its OU is your role (\"compliance\" hears and exports, "
          "\"it\" sees coverage, lines and heads).",
          message, options.certificate);
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      text = fmt::format("the coordinator at {} cannot do this: is it older than this turretctl?",
                         options.coordinator);
      break;
    default:
      if (message.empty())
        text = fmt::format("the coordinator failed with code {}", static_cast<int>(status.error_code()));
  }
  return {CodeOf(status), text};
}

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return 2;
    case absl::StatusCode::kNotFound:
      return 3;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return 4;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 5;
    case absl::StatusCode::kDataLoss:
      return 6;
    default:
      return 1;
  }
}

}  // namespace turret::turretctl
