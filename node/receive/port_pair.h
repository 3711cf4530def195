// The two sockets of a stream, for RTP and RTCP, and what is known of them.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "node/receive/byte_budget.h"
#include "node/receive/media_socket.h"
#include "storage/base/ids.h"

namespace turret::node {

struct Port {
  Port(MediaSocket opened, StreamId of, bool is_rtcp)
      : socket(std::move(opened)), stream(of), rtcp(is_rtcp) {}
  MediaSocket socket;
  StreamId stream;
  bool rtcp;
  uint32_t kernel_drops = 0;
  uint64_t datagrams = 0;
  ByteBudget budget;
  bool flood_told = false;
};

/// The ports stay where they are: the kernel's set of sockets points at them.
struct PortPair {
  uint16_t port;
  bool of_pool;
  std::unique_ptr<Port> rtp;
  std::unique_ptr<Port> rtcp;
};

inline PortPair MakePair(StreamId stream, uint16_t port, MediaSocket rtp, MediaSocket rtcp) {
  return {port, true, std::make_unique<Port>(std::move(rtp), stream, false),
          std::make_unique<Port>(std::move(rtcp), stream, true)};
}

}  // namespace turret::node
