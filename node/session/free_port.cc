#include "node/session/free_port.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "fmt/format.h"

namespace turret::node {
namespace {

constexpr int kAttempts = 50;

struct Address {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
};

std::optional<Address> AddressOf(const HostPort& at) {
  Address out;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, at.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(at.port);
    out.bytes = sizeof *v4;
    return out;
  }
  if (inet_pton(AF_INET6, at.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(at.port);
    out.bytes = sizeof *v6;
    return out;
  }
  return std::nullopt;
}

/// Binds and lets go again; the port that it got.
std::optional<uint16_t> TryBind(const HostPort& at, int type) {
  const std::optional<Address> address = AddressOf(at);
  const int fd = socket(address->storage.ss_family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  const int on = 1;
  if (type == SOCK_STREAM)
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // TIME_WAIT is no use.
  sockaddr_storage bound{};
  socklen_t bytes = sizeof bound;
  const bool ok = bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->bytes) == 0 &&
                  (type != SOCK_STREAM || listen(fd, 1) == 0) &&
                  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bytes) == 0;
  close(fd);
  if (!ok) return std::nullopt;
  return ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                          : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  const auto wrong = [&] {
    return absl::InvalidArgumentError(fmt::format("\"{}\": want address:port, as in 10.0.0.1:5060", text));
  };
  if (colon == std::string::npos) return wrong();
  HostPort out;
  out.host = text.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.port);
  if (error != std::errc() || end != text.data() + text.size() || !AddressOf(out)) return wrong();
  return out;
}

absl::StatusOr<uint16_t> FindFreePort(const HostPort& at, bool udp, bool tcp) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HostPort candidate = at;
    if (at.port == 0) {
      const std::optional<uint16_t> any = TryBind(at, udp ? SOCK_DGRAM : SOCK_STREAM);
      if (!any) break;
      candidate.port = *any;
    }
    if ((!udp || TryBind(candidate, SOCK_DGRAM)) && (!tcp || TryBind(candidate, SOCK_STREAM)))
      return candidate.port;
    if (at.port != 0) break;
  }
  return absl::UnavailableError(
      fmt::format("{} port {}: taken, or not an address of this host", at.host, at.port));
}

}  // namespace turret::node
