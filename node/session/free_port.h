// Ports for SIP: the library would share one that is taken, or choose one for each transport.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace turret::node {

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

/// Errors: InvalidArgument unless `text` is "address:port" or "[v6]:port" with a numeric address.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

/// The port if it is free on UDP and TCP as asked for; for port 0, one that is. Errors: Unavailable.
absl::StatusOr<uint16_t> FindFreePort(const HostPort& at, bool udp, bool tcp);

}  // namespace turret::node
