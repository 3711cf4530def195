#include "node/sockets/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "fmt/format.h"

namespace turret::node {
namespace {

constexpr size_t kTextBytesMax = 4096;
constexpr size_t kDescriptorsMax = 253;  // The kernel's SCM_MAX_FD.
constexpr size_t kNameBytesMax = 255;
constexpr int kBufferBytes = 8 * 1024 * 1024;  // As systemd's.

struct Control {
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax) + CMSG_SPACE(sizeof(ucred))> bytes{};
};

void ReadControl(msghdr& message, NotifySocket::Received& received) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred sender;
      std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
      received.sender = sender.pid;
    } else if (header->cmsg_type == SCM_RIGHTS) {
      const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        received.descriptors.emplace_back(fd);
      }
    }
  }
}

}  // namespace

bool IsDescriptorName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < 0x7F && c != ':'; });
}

Notification ParseNotification(std::string_view text) {
  Notification what;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line == "READY=1") what.ready = true;
    if (line == "FDSTORE=1") what.store = true;
    if (line == "FDSTOREREMOVE=1") what.store_remove = true;
    if (line.starts_with("FDNAME=") && IsDescriptorName(line.substr(7))) what.name = line.substr(7);
  }
  return what;
}

absl::StatusOr<NotifySocket> NotifySocket::Create() {
  Descriptor made(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int on = 1;
  // Nothing but the family: the kernel chooses an abstract name.
  if (!made.valid() || setsockopt(made.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
      bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) != 0)
    return absl::ResourceExhaustedError(fmt::format("socket for notifications: errno {}", errno));
  setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  socklen_t length = sizeof address;
  if (getsockname(made.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return absl::ResourceExhaustedError(fmt::format("socket for notifications: errno {}", errno));
  const size_t bytes = length - offsetof(sockaddr_un, sun_path);
  return NotifySocket(std::move(made), "@" + std::string(address.sun_path + 1, bytes - 1));
}

std::optional<NotifySocket::Received> NotifySocket::Receive() {
  std::array<char, kTextBytesMax> text;
  Control control;
  iovec piece{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t bytes;
  do bytes = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (bytes < 0 && errno == EINTR);
  if (bytes < 0) return std::nullopt;
  Received received;
  ReadControl(message, received);
  received.what = ParseNotification({text.data(), static_cast<size_t>(bytes)});
  return received;
}

}  // namespace turret::node
