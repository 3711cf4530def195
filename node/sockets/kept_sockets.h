// The media sockets that a socket store (systemd, or turret-socket-store) keeps for this node: each pair
// under the number of its RTP port.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "monitoring/service_manager.h"
#include "node/sockets/passed_descriptors.h"

namespace turret::node {

struct MediaPair {
  Descriptor rtp;
  Descriptor rtcp;
};

/// Threading: every method from any thread; none waits. Without a service manager all of it does nothing.
class KeptSockets {
 public:
  /// `passed` is what came back; what is no media socket of ours is closed here.
  KeptSockets(ServiceManager manager, std::vector<NamedDescriptor> passed);

  /// The pair of an earlier process on `port`, which the store goes on keeping; nothing valid when there is
  /// none.
  MediaPair Take(uint16_t port);
  /// Has both kept under `port` from now on. They must stay open until Remove.
  void Store(uint16_t port, int rtp, int rtcp);
  /// The store closes its copies.
  void Remove(uint16_t port);
  /// Those of an earlier process that nobody took: closed here and in the store. Returns how many pairs.
  size_t CloseUnclaimed();
  /// Says again what the store did not take at once; to be called now and then. Returns how much is still
  /// unsaid.
  size_t Flush();

 private:
  struct Message {
    uint16_t port;
    bool store;  // Else: remove.
    int rtp = -1;
    int rtcp = -1;
  };
  void Say(Message message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t SayAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static constexpr size_t kUnsaidMax = 64;  // More, and the store does not answer.

  const ServiceManager manager_;
  absl::Mutex mutex_;
  std::map<uint16_t, MediaPair> unclaimed_ ABSL_GUARDED_BY(mutex_);
  std::deque<Message> unsaid_ ABSL_GUARDED_BY(mutex_);
  bool warned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace turret::node
