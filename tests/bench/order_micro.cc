#include "node/order/reorder.h"
#include "node/order/rtp.h"
#include "tests/bench/micro.h"

namespace turret::bench {
namespace {

constexpr int kPackets = 5000;
constexpr size_t kDatagramBytes = 172;  // G.711, 20 ms.
constexpr int64_t kPacketTimeNs = 20'000'000;

// One stream, in order but for one packet in fifty, which comes 30 ms late.
std::vector<Buffer> Datagrams() {
  std::vector<Buffer> datagrams;
  for (int i = 0; i < kPackets; ++i) {
    const int index = i % 50 == 20 ? i + 1 : i % 50 == 21 ? i - 1 : i;
    Buffer datagram = {0x80, 8};
    StoreU16(datagram, static_cast<uint16_t>(index));
    StoreU32(datagram, static_cast<uint32_t>(index) * 160);
    StoreU32(datagram, 0x1234);
    datagram.resize(kDatagramBytes, 0xD5);
    datagrams.push_back(std::move(datagram));
  }
  return datagrams;
}

}  // namespace

void Order(benchmark::State& state) {
  const std::vector<Buffer> datagrams = Datagrams();
  uint64_t released = 0;
  for (auto _ : state) {
    node::Reorder reorder(node::ReorderOptions{});
    const auto release = [&](const node::OrderedPacket& packet) { released += packet.payload.size(); };
    int64_t arrival = 1'790'000'000'000'000'000;
    for (const Buffer& datagram : datagrams) {
      if (!node::CheckRtp(datagram))
        reorder.Push(node::ReadRtp(datagram), arrival += kPacketTimeNs, 0, release);
    }
    reorder.Flush(release);
    benchmark::DoNotOptimize(released);
  }
  state.SetBytesProcessed(state.iterations() * kPackets * static_cast<int64_t>(kDatagramBytes));
}

}  // namespace turret::bench
