#include "node/sockets/kept_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>

#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace turret::node {
namespace {

// Short, because the names of all sockets must fit into one variable of the environment.
std::string NameOf(uint16_t port) { return fmt::format("{}", port); }

uint16_t PortNamed(const std::string& name) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), port);
  return error == std::errc() && end == name.data() + name.size() ? port : uint16_t{0};
}

// 0 unless it is a UDP socket that is bound.
uint16_t BoundTo(const Descriptor& descriptor) {
  int type = 0;
  socklen_t type_bytes = sizeof type;
  sockaddr_storage address{};
  socklen_t address_bytes = sizeof address;
  if (getsockopt(descriptor.get(), SOL_SOCKET, SO_TYPE, &type, &type_bytes) != 0 || type != SOCK_DGRAM ||
      getsockname(descriptor.get(), reinterpret_cast<sockaddr*>(&address), &address_bytes) != 0)
    return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return 0;
}

}  // namespace

KeptSockets::KeptSockets(ServiceManager manager, std::vector<NamedDescriptor> passed)
    : manager_(std::move(manager)) {
  absl::MutexLock lock(&mutex_);
  for (NamedDescriptor& each : passed) {
    const uint16_t port = PortNamed(each.name);
    const uint16_t bound = BoundTo(each.descriptor);
    if (port != 0 && bound == port) {
      unclaimed_[port].rtp = std::move(each.descriptor);
    } else if (port != 0 && bound == port + 1) {
      unclaimed_[port].rtcp = std::move(each.descriptor);
    } else {
      spdlog::warn("a descriptor that was passed is no media socket: closed");
    }
  }
}

MediaPair KeptSockets::Take(uint16_t port) {
  absl::MutexLock lock(&mutex_);
  const auto found = unclaimed_.find(port);
  if (found == unclaimed_.end()) return {};
  MediaPair pair = std::move(found->second);
  unclaimed_.erase(found);
  if (pair.rtp.valid() && pair.rtcp.valid()) return pair;
  Say({port, false});  // Half a pair: a whole one is stored anew.
  return {};
}

void KeptSockets::Store(uint16_t port, int rtp, int rtcp) {
  absl::MutexLock lock(&mutex_);
  Say({port, true, rtp, rtcp});
}

void KeptSockets::Remove(uint16_t port) {
  absl::MutexLock lock(&mutex_);
  // What it says of open descriptors must not be said once they are closed.
  std::erase_if(unsaid_, [port](const Message& message) { return message.port == port; });
  Say({port, false});
}

size_t KeptSockets::CloseUnclaimed() {
  absl::MutexLock lock(&mutex_);
  const size_t pairs = unclaimed_.size();
  for (const auto& [port, pair] : unclaimed_) Say({port, false});
  unclaimed_.clear();
  return pairs;
}

size_t KeptSockets::Flush() {
  absl::MutexLock lock(&mutex_);
  return SayAll();
}

// In order, so that what was stored last under a name is what is kept.
void KeptSockets::Say(Message message) {
  if (!manager_.present()) return;
  unsaid_.push_back(message);
  (void)SayAll();
}

size_t KeptSockets::SayAll() {
  for (; !unsaid_.empty(); unsaid_.pop_front()) {
    const Message& next = unsaid_.front();
    const std::string name = NameOf(next.port);
    const std::array<int, 2> pair{next.rtp, next.rtcp};
    // FDPOLL=0: an error that is pending on a socket is no reason to close it.
    const absl::Status said = next.store
                                  ? manager_.Send(fmt::format("FDSTORE=1\nFDPOLL=0\nFDNAME={}\n", name), pair)
                                  : manager_.Send(fmt::format("FDSTOREREMOVE=1\nFDNAME={}\n", name));
    if (said.ok()) continue;
    if (absl::IsUnavailable(said)) break;
    spdlog::error("a media socket is not kept over a restart: {}", said.ToString());
  }
  const bool behind = unsaid_.size() > kUnsaidMax;
  if (behind && !warned_)
    spdlog::error("the socket store does not answer: after a restart now, packets would be missing");
  warned_ = behind;
  return unsaid_.size();
}

}  // namespace turret::node
