// Receives RTP: epoll and recvmmsg on one thread, a round every few milliseconds (wake-ups, not bytes, cost);
// each datagram gets the kernel's own receive timestamp and goes to the spool as it is. No parsing here.
#pragma once

#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "monitoring/metrics.h"
#include "node/receive/media_ports.h"
#include "node/sockets/kept_sockets.h"
#include "node/spool/spool.h"
#include "storage/base/clock.h"

namespace turret::node {

struct ReceiverOptions {
  std::string bind_address = "127.0.0.1";
  uint16_t port_min = 20000;  // Outside the kernel's ephemeral range (32768–60999).
  uint16_t port_max = 31999;
  absl::Duration round = absl::Milliseconds(20);
  int socket_buffer_bytes = 1024 * 1024;  // More than net.core.rmem_max takes CAP_NET_ADMIN.
  absl::Duration port_rest = kPortRest;
  Clock* clock = nullptr;       // Null: the system's. Must outlive the receiver.
  KeptSockets* kept = nullptr;  // Null: sockets end with the process. Must outlive the receiver.
};

/// Receives, on a thread of its own, from Create to the end of its life; what is still in open sockets is
/// read then. What it borrows must outlive it.
class Receiver final : public MediaPorts {
 public:
  /// Errors: InvalidArgument for an address or range that is none.
  static absl::StatusOr<std::unique_ptr<Receiver>> Create(const ReceiverOptions& options,
                                                          Spool& spool ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          NodeMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND);
  ~Receiver() override;
  absl::StatusOr<uint16_t> Open(StreamId stream) override;
  absl::StatusOr<uint16_t> Hold(StreamId stream) override;
  using MediaPorts::Listen;
  absl::Status Listen(std::span<const StreamId> streams) override;
  absl::Status Reopen(StreamId stream, uint16_t port) override;
  uint64_t Datagrams(StreamId stream) const override;
  /// Reads what waits in all sockets that are listened to, into the spool's memory.
  void ReadWaiting();
  void Close(StreamId stream) override;
  /// A free port that an earlier process freed this long ago rests for what is left of port_rest.
  void Rest(uint16_t port, absl::Duration ago);
  /// Stops reading, for good: what comes from now on waits in the sockets that are kept, for the next
  /// process. What was read is in the spool on return. Close and the end of this object's life read nothing
  /// any more and leave what is kept alone.
  void Leave();
  /// Datagrams that reached a session's port, and those dropped before the spool (spool_full), since the
  /// start.
  uint64_t datagrams_received() const;
  uint64_t datagrams_dropped() const;
  /// What came to the RTCP ports: read, counted, not kept.
  uint64_t rtcp_received() const;
  /// What the kernel dropped because a socket's buffer was full (SO_RXQ_OVFL): never reached us, and is found
  /// as loss.
  uint64_t kernel_dropped() const;

 private:
  struct State;
  explicit Receiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
