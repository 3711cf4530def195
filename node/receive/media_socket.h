// A UDP socket for media: bound, non-blocking, with the kernel's receive timestamp and drop counter switched
// on.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace turret::node {

/// An address to bind to, IPv4 or IPv6.
struct BindAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  /// Errors: InvalidArgument. "::" takes IPv4 too.
  static absl::StatusOr<BindAddress> Parse(const std::string& text);
};

/// Owns its descriptor. Not thread-safe.
class MediaSocket {
 public:
  /// Errors: AlreadyExists when the port is somebody else's; ResourceExhausted without descriptors; Internal.
  static absl::StatusOr<MediaSocket> Bind(const BindAddress& address, uint16_t port, int buffer_bytes);
  /// One that is bound and set up already, by Bind in an earlier process. Owns `fd` from now on.
  static MediaSocket Adopt(int fd) { return MediaSocket(fd); }
  MediaSocket(MediaSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MediaSocket& operator=(MediaSocket&&) = delete;
  ~MediaSocket();
  int fd() const { return fd_; }

 private:
  explicit MediaSocket(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace turret::node
