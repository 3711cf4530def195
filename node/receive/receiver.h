// Receives RTP: epoll and recvmmsg on one thread, a round every few milliseconds (wake-ups, not bytes, cost); each
// datagram gets the kernel's own receive timestamp and goes to the spool as it is. No parsing here.
#pragma once

#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "monitoring/metrics.h"
#include "node/receive/media_ports.h"
#include "node/spool/spool.h"

namespace turret::node {

struct ReceiverOptions {
  std::string bind_address = "127.0.0.1";
  uint16_t port_min = 20000;  // Outside the kernel's ephemeral range (32768–60999).
  uint16_t port_max = 31999;
  absl::Duration round = absl::Milliseconds(20);
  int socket_buffer_bytes = 1024 * 1024;
};

class Receiver final : public MediaPorts {
 public:
  static absl::StatusOr<std::unique_ptr<Receiver>> Create(const ReceiverOptions& options,
                                                          Spool& spool ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          NodeMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND);
  ~Receiver() override;
  absl::StatusOr<uint16_t> Open(StreamId stream) override;
  void Close(StreamId stream) override;
  /// Datagrams that reached a session's port, and those dropped before the spool (spool_full), since the start.
  uint64_t datagrams_received() const;
  uint64_t datagrams_dropped() const;

 private:
  struct State;
  explicit Receiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
