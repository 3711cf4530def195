// gRPC's own log, brought into ours. It is also the only place where gRPC tells of a refused TLS handshake.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace turret {

enum class GrpcLogLevel { kDebug, kInfo, kError };

/// From now on gRPC's lines go to `sink`, which is called from any thread and must not call gRPC. For the
/// life of the process; the last one set counts.
void SendGrpcLogTo(std::function<void(GrpcLogLevel, std::string_view line)> sink);

/// Why a TLS handshake with a client was refused: "no_certificate", "bad_certificate", "no_tls"; empty when
/// the line tells of no such thing.
std::string_view RefusedHandshakeReason(std::string_view line);

}  // namespace turret
