// The service manager's end of sd_notify(3): what a program says about itself, and descriptors that it wants
// kept.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node/sockets/descriptor.h"

namespace turret::node {

/// What a datagram asks for. Keys that are not ours (STATUS, MAINPID, WATCHDOG …) are passed over, as systemd
/// does.
struct Notification {
  bool ready = false;         // READY=1
  bool store = false;         // FDSTORE=1
  bool store_remove = false;  // FDSTOREREMOVE=1
  std::string name;           // FDNAME; empty: none, or one that sd_pid_notify_with_fds(3) forbids.
};
Notification ParseNotification(std::string_view text);

/// A name for descriptors: 1 to 255 printable characters of ASCII, no colon.
bool IsDescriptorName(std::string_view name);

/// Not thread-safe.
class NotifySocket {
 public:
  struct Received {
    pid_t sender = 0;  // As the kernel says.
    Notification what;
    std::vector<Descriptor> descriptors;
  };
  /// On an abstract address that the kernel chooses. Errors: ResourceExhausted.
  static absl::StatusOr<NotifySocket> Create();
  /// For NOTIFY_SOCKET.
  const std::string& address() const { return address_; }
  int fd() const { return socket_.get(); }
  /// The next datagram; nullopt when there is none now.
  std::optional<Received> Receive();

 private:
  NotifySocket(Descriptor socket, std::string address)
      : socket_(std::move(socket)), address_(std::move(address)) {}
  Descriptor socket_;
  std::string address_;
};

}  // namespace turret::node
