#include "monitoring/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "fmt/format.h"

namespace turret {
namespace {

absl::Status Failed(int error) {
  char text[128];
  const std::string message = fmt::format("service manager: {}", strerror_r(error, text, sizeof text));
  return error == EMSGSIZE || error == EBADF ? absl::InvalidArgumentError(message)
                                             : absl::UnavailableError(message);
}

struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * ServiceManager::kDescriptorsMax)> bytes{};
};

void Attach(std::span<const int> descriptors, Control& control, msghdr& message) {
  const size_t bytes = descriptors.size() * sizeof(int);
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(bytes);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
}

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  const char* const address = std::getenv("NOTIFY_SOCKET");
  return ServiceManager(address == nullptr ? "" : address);
}

absl::Status ServiceManager::Send(std::string_view text, std::span<const int> descriptors) const {
  if (!present()) return absl::OkStatus();
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address_.size() >= sizeof to.sun_path || descriptors.size() > kDescriptorsMax)
    return absl::InvalidArgumentError("service manager: its address, or the message, is too long");
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';

  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Failed(errno);
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  Control control;
  if (!descriptors.empty()) Attach(descriptors, control, message);
  const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  const int error = errno;
  close(fd);
  return sent < 0 ? Failed(error) : absl::OkStatus();
}

}  // namespace turret
