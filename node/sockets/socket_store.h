// What a socket store holds: descriptors by name, each kept open by being there.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "node/sockets/notify_socket.h"
#include "node/sockets/passed_descriptors.h"

namespace turret::node {

/// Not thread-safe.
class SocketStore {
 public:
  /// Begins with what an earlier image of this program kept.
  explicit SocketStore(std::vector<NamedDescriptor> kept) : kept_(std::move(kept)) {}

  /// Keeps or removes, as systemd's does: all descriptors of a message under one name ("stored" without one);
  /// several under the same name are kept, and go together; with both asked for it only removes. Errors:
  /// ResourceExhausted when there is no room for more: those of this message are closed.
  [[nodiscard]] absl::Status Apply(NotifySocket::Received received);
  const std::vector<NamedDescriptor>& kept() const { return kept_; }
  /// Leaves it empty.
  std::vector<NamedDescriptor> TakeAll() { return std::exchange(kept_, {}); }

 private:
  std::vector<NamedDescriptor> kept_;  // In the order in which they came.
};

}  // namespace turret::node
