// RTP from outside: datagrams are checked, read, put in order and placed in time. Input: row of length (u8),
// arrival step in 4 ms (u8), datagram. Whatever comes, each is accounted for once, and time only goes on.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "node/order/gaps.h"
#include "node/order/reorder.h"
#include "node/order/rtp.h"

namespace turret::node {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

class OneSource {
 public:
  void Push(const RtpPacket& packet, int64_t arrival_ns) {
    ++pushed_;
    reorder_.Push(packet, arrival_ns, pushed_, [this](const OrderedPacket& ordered) { Place(ordered); });
    Require(pushed_ ==
            released_ + reorder_.duplicate() + reorder_.late() + reorder_.stray() + reorder_.held());
  }
  void Flush() {
    reorder_.Flush([this](const OrderedPacket& ordered) { Place(ordered); });
    Require(reorder_.held() == 0);
    Require(pushed_ == released_ + reorder_.duplicate() + reorder_.late() + reorder_.stray());
  }

 private:
  void Place(const OrderedPacket& packet) {
    Require(released_ == 0 || packet.sequence > sequence_);
    sequence_ = packet.sequence;
    const Placed placed =
        finder_.Add(packet, {.duration_ticks = static_cast<int64_t>(packet.payload.size())});
    Require(placed.interval.begin_ns <= placed.interval.end_ns);
    const int64_t begin_ns = placed.hole ? placed.hole->interval.begin_ns : placed.interval.begin_ns;
    Require(released_ == 0 || begin_ns == end_ns_);
    if (placed.hole) Require(placed.hole->interval.end_ns == placed.interval.begin_ns);
    end_ns_ = placed.interval.end_ns;
    ++released_;
  }

  Reorder reorder_{ReorderOptions{}};
  GapFinder finder_{GapFinderOptions{}};
  uint64_t pushed_ = 0;
  uint64_t released_ = 0;
  int64_t sequence_ = 0;
  int64_t end_ns_ = 0;
};

}  // namespace
}  // namespace turret::node

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace turret;
  node::OneSource source;
  int64_t now_ns = 1'790'000'000'000'000'000;
  for (Bytes rest(data, size); rest.size() >= 2;) {
    const size_t bytes = std::min<size_t>(rest[0], rest.size() - 2);
    now_ns += int64_t{rest[1]} * 4'000'000;
    const Bytes datagram = rest.subspan(2, bytes);
    if (!node::CheckRtp(datagram)) source.Push(node::ReadRtp(datagram), now_ns);
    rest = rest.subspan(2 + bytes);
  }
  source.Flush();
  return 0;
}
