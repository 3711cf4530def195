#include "node/sockets/socket_store.h"

#include <algorithm>

#include "fmt/format.h"

namespace turret::node {

absl::Status SocketStore::Apply(NotifySocket::Received received) {
  const Notification& what = received.what;
  if (what.store_remove) {
    if (!what.name.empty())
      std::erase_if(kept_, [&](const NamedDescriptor& each) { return each.name == what.name; });
    return absl::OkStatus();
  }
  if (!what.store) return absl::OkStatus();
  const std::string name = what.name.empty() ? "stored" : what.name;
  const size_t names_bytes = PassedNamesBytes(kept_) + received.descriptors.size() * (name.size() + 1);
  if (names_bytes > kPassedNamesBytesMax)
    return absl::ResourceExhaustedError(
        fmt::format("{} sockets are kept, and the names of more fit into no environment", kept_.size()));
  for (Descriptor& descriptor : received.descriptors) kept_.push_back({name, std::move(descriptor)});
  return absl::OkStatus();
}

}  // namespace turret::node
