// The memory that datagrams are received into: headers and one arena, made once and used again each time.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "node/spool/block.h"

namespace turret::node {

/// Not thread-safe.
class ReceiveBatch {
 public:
  static constexpr size_t kDatagramsMax = 256;

  ReceiveBatch();
  ReceiveBatch(const ReceiveBatch&) = delete;
  ReceiveBatch& operator=(const ReceiveBatch&) = delete;

  struct Received {
    size_t datagrams = 0;
    size_t bytes = 0;
    bool drained = false;                  // Nothing more in the socket now.
    std::optional<uint32_t> kernel_drops;  // The socket's counter since it was made, if the kernel told.
  };
  /// Reads as many datagrams as there are and fit, for `stream`. A datagram without a kernel timestamp gets
  /// `fallback_utc_ns`.
  Received ReceiveFrom(int fd, StreamId stream, int64_t fallback_utc_ns);

  bool full() const { return datagrams_.size() == kDatagramsMax; }
  /// All since the last Clear. Their bytes are the arena's.
  std::span<const Datagram> datagrams() const { return datagrams_; }
  void Clear();

 private:
  void Reset(size_t index);

  struct Control {
    alignas(cmsghdr) std::array<uint8_t, 128> bytes;
  };
  std::unique_ptr<uint8_t[]> arena_;
  std::vector<mmsghdr> messages_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_in6> sources_;
  std::vector<Control> controls_;
  std::vector<Datagram> datagrams_;
};

}  // namespace turret::node
