// What the session layer needs of the receive path: ports for streams.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/base/ids.h"

namespace turret::node {

/// How long a freed port is given to nobody: what was on its way to the call before must not come to the
/// next.
inline constexpr absl::Duration kPortRest = absl::Seconds(60);

/// Threading: every method from any thread.
class MediaPorts {
 public:
  virtual ~MediaPorts() = default;
  /// Binds an even UDP port for RTP (and its odd neighbour for RTCP) and begins to receive for `stream`;
  /// returns the RTP port. Errors: ResourceExhausted when no port is free.
  virtual absl::StatusOr<uint16_t> Open(StreamId stream) = 0;
  /// As Open, but what comes waits in the sockets (G.711: some seconds fit) until Listen.
  virtual absl::StatusOr<uint16_t> Hold(StreamId stream) = 0;
  /// Begins to receive for streams whose ports are held, all at once: nothing that comes for the first delays
  /// the last. Errors: NotFound, ResourceExhausted; of one stream, the others are listened to all the same.
  [[nodiscard]] virtual absl::Status Listen(std::span<const StreamId> streams) = 0;
  [[nodiscard]] absl::Status Listen(StreamId stream) { return Listen(std::span(&stream, 1)); }
  /// As Hold, on the port that `stream` had in an earlier process; if its sockets were kept open, on them,
  /// with what came meanwhile. Errors: AlreadyExists when the port is somebody else's, or not free yet: for a
  /// second after a process was killed that passes.
  [[nodiscard]] virtual absl::Status Reopen(StreamId stream, uint16_t port) = 0;
  /// Datagrams that came for `stream` since its port was opened here; 0 when it is not.
  virtual uint64_t Datagrams(StreamId stream) const = 0;
  /// Reads what is still in the socket's buffer into the spool, then closes it. On return no further datagram
  /// of this stream is appended. The freed port rests for kPortRest.
  virtual void Close(StreamId stream) = 0;
};

}  // namespace turret::node
