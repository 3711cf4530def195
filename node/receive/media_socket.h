// A UDP socket for media: bound, non-blocking, with the kernel's receive timestamp and drop counter switched
// on.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "node/sockets/descriptor.h"

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
  /// One that is bound and set up already, by Bind in an earlier process.
  explicit MediaSocket(Descriptor bound) : descriptor_(std::move(bound)) {}
  int fd() const { return descriptor_.get(); }
  /// How much the kernel really lets wait in it.
  int buffer_bytes() const;

 private:
  Descriptor descriptor_;
};

/// What is wrong with sockets that hold so much, and what to do; empty: nothing. 5 s of G.711 must fit, so
/// that a restart loses none.
std::string WarnOfSmallBuffer(int buffer_bytes);

}  // namespace turret::node
