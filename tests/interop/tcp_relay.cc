#include "tests/interop/tcp_relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace turret::test {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A reset, not an orderly end: as when a cable is pulled and the peer comes back without memory of us.
void Reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

// Passes what is there; false at the end of the stream. Returns the bytes in `passed`.
bool Pass(int from, int to, uint64_t& passed) {
  std::array<char, 65536> chunk;
  const ssize_t n = recv(from, chunk.data(), chunk.size(), 0);
  if (n <= 0) return false;
  for (ssize_t sent = 0; sent < n;) {
    const ssize_t m = send(to, chunk.data() + sent, static_cast<size_t>(n - sent), MSG_NOSIGNAL);
    if (m <= 0) return false;
    sent += m;
  }
  passed += static_cast<uint64_t>(n);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpRelay>> TcpRelay::Start(uint16_t target_port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return absl::UnavailableError("relay: no port");
  auto relay = std::unique_ptr<TcpRelay>(new TcpRelay(listener, ntohs(address.sin_port), target_port));
  relay->thread_ = std::thread([raw = relay.get()] { raw->Serve(); });
  return relay;
}

TcpRelay::~TcpRelay() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

void TcpRelay::Cut() { cut_ = true; }
void TcpRelay::Mend() { cut_ = false; }

void TcpRelay::Accept() {
  const int near = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (near < 0) return;
  const int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in target = Loopback(target_port_);
  if (cut_ || connect(far, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    Reset(near);
    close(far);
    return;
  }
  pairs_.push_back({near, far});
}

void TcpRelay::Serve() {
  while (!stop_) {
    if (cut_) {
      for (const Pair& pair : pairs_) Reset(pair.near), Reset(pair.far);
      pairs_.clear();
    }
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      waiting.push_back({pair.near, POLLIN, 0});
      waiting.push_back({pair.far, POLLIN, 0});
    }
    poll(waiting.data(), waiting.size(), 10);
    std::vector<Pair> alive;
    for (size_t i = 0; i < pairs_.size(); ++i) {
      uint64_t forward = 0;
      uint64_t back = 0;
      const bool ok = (waiting[1 + 2 * i].revents == 0 || Pass(pairs_[i].near, pairs_[i].far, forward)) &&
                      (waiting[2 + 2 * i].revents == 0 || Pass(pairs_[i].far, pairs_[i].near, back));
      bytes_passed_ += forward;
      if (ok) {
        alive.push_back(pairs_[i]);
      } else {
        close(pairs_[i].near);
        close(pairs_[i].far);
      }
    }
    pairs_ = std::move(alive);
    if (waiting[0].revents != 0) Accept();
  }
  for (const Pair& pair : pairs_) close(pair.near), close(pair.far);
}

}  // namespace turret::test
