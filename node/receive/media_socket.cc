#include "node/receive/media_socket.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace turret::node {
namespace {

// What the kernel charges for a small datagram that a driver put into a buffer of 2 KiB.
constexpr int kDatagramCharge = 2304;
constexpr int kDatagramsASecond = 50;
constexpr int kDatagramsMin = 5 * kDatagramsASecond;

absl::Status Failed(std::string_view what, uint16_t port) {
  const int error = errno;
  char text[128];
  const std::string message =
      fmt::format("{} UDP port {}: {}", what, port, strerror_r(error, text, sizeof text));
  switch (error) {
    case EADDRINUSE:
    case EACCES:
      return absl::AlreadyExistsError(message);
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InternalError(message);
  }
}

bool SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

}  // namespace

absl::StatusOr<BindAddress> BindAddress::Parse(const std::string& text) {
  BindAddress address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    address.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    address.length = sizeof *v6;
  } else {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is neither an IPv4 nor an IPv6 address", text));
  }
  return address;
}

absl::StatusOr<MediaSocket> MediaSocket::Bind(const BindAddress& address, uint16_t port, int buffer_bytes) {
  const int family = address.storage.ss_family;
  MediaSocket opened(Descriptor(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
  const int fd = opened.fd();
  if (fd < 0) return Failed("open", port);
  if (family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  // Before bind, so that the first datagram has them too.
  if (!SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) || !SetOption(fd, SOL_SOCKET, SO_RXQ_OVFL, 1))
    return Failed("set up", port);
  if (!SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes))
    SetOption(fd, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
  BindAddress with_port = address;
  if (family == AF_INET6)
    reinterpret_cast<sockaddr_in6*>(&with_port.storage)->sin6_port = htons(port);
  else
    reinterpret_cast<sockaddr_in*>(&with_port.storage)->sin_port = htons(port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&with_port.storage), with_port.length) != 0)
    return Failed("bind", port);
  return opened;
}

int MediaSocket::buffer_bytes() const {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  return getsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, &length) == 0 ? bytes : 0;
}

std::string WarnOfSmallBuffer(int buffer_bytes) {
  const int datagrams = buffer_bytes / kDatagramCharge;
  if (datagrams >= kDatagramsMin) return {};
  return fmt::format(
      "a media socket holds {:.1f} s of G.711, not 5: packets will be missing when the node is away longer "
      "than that. "
      "Set net.core.rmem_max to {} or more (deploy/systemd/60-turret-node.conf)",
      static_cast<double>(datagrams) / kDatagramsASecond, kDatagramCharge * kDatagramsMin);
}

}  // namespace turret::node
