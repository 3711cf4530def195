// A socket store within the test's own process: what one KeptSockets says to it comes back to the next.
#pragma once

#include <fcntl.h>

#include <vector>

#include "gtest/gtest.h"
#include "monitoring/service_manager.h"
#include "node/sockets/notify_socket.h"
#include "node/sockets/socket_store.h"

namespace turret::node::test {

class LocalStore {
 public:
  LocalStore() : notify_(NotifySocket::Create().value()) {}
  ServiceManager manager() const { return ServiceManager(notify_.address()); }
  /// Takes in what was said; returns how many messages that were.
  int Deliver() {
    int messages = 0;
    while (auto received = notify_.Receive()) {
      EXPECT_TRUE(store_.Apply(*std::move(received)).ok());
      ++messages;
    }
    return messages;
  }
  const std::vector<NamedDescriptor>& kept() const { return store_.kept(); }
  /// As they are passed to the next process.
  std::vector<NamedDescriptor> Pass() {
    Deliver();
    std::vector<NamedDescriptor> copies;
    for (const NamedDescriptor& each : store_.kept())
      copies.push_back({each.name, Descriptor(fcntl(each.descriptor.get(), F_DUPFD_CLOEXEC, 3))});
    return copies;
  }

 private:
  NotifySocket notify_;
  SocketStore store_{{}};
};

}  // namespace turret::node::test
