#include "node/order/rtp.h"

namespace turret::node {
namespace {

constexpr size_t kFixedHeaderBytes = 12;

// Bytes of header, CSRC list and extension; only with the checks behind us.
size_t HeaderBytes(Bytes datagram) {
  size_t bytes = kFixedHeaderBytes + size_t{4} * (datagram[0] & 0x0FU);
  if ((datagram[0] & 0x10U) != 0) bytes += 4 + size_t{4} * LoadU16(datagram.subspan(bytes + 2));
  return bytes;
}

}  // namespace

std::string_view DiscardName(Discard reason) {
  static constexpr std::array<std::string_view, kDiscardCount> kNames = {
      "too_short",       "bad_version", "rtcp",         "csrc_overrun",     "extension_overrun",
      "padding_overrun", "oversized",   "bad_sequence", "too_many_sources", "no_stream"};
  return kNames[static_cast<size_t>(reason)];
}

std::optional<Discard> CheckRtp(Bytes datagram) {
  if (datagram.size() > kRtpDatagramBytesMax) return Discard::kOversized;
  if (datagram.size() >= 2 && (datagram[0] >> 6) == 2 && datagram[1] >= 192 && datagram[1] <= 223)
    return Discard::kRtcp;
  if (datagram.size() < kFixedHeaderBytes) return Discard::kTooShort;
  if ((datagram[0] >> 6) != 2) return Discard::kBadVersion;
  const size_t csrc_end = kFixedHeaderBytes + size_t{4} * (datagram[0] & 0x0FU);
  if (datagram.size() < csrc_end) return Discard::kCsrcOverrun;
  if ((datagram[0] & 0x10U) != 0 &&
      (datagram.size() < csrc_end + 4 || datagram.size() < HeaderBytes(datagram)))
    return Discard::kExtensionOverrun;
  if ((datagram[0] & 0x20U) != 0) {
    const size_t rest = datagram.size() - HeaderBytes(datagram);
    if (rest == 0 || datagram.back() == 0 || datagram.back() > rest) return Discard::kPaddingOverrun;
  }
  return std::nullopt;
}

RtpPacket ReadRtp(Bytes datagram) {
  RtpPacket packet;
  packet.marker = (datagram[1] & 0x80U) != 0;
  packet.payload_type = datagram[1] & 0x7FU;
  packet.sequence = LoadU16(datagram.subspan(2));
  packet.timestamp = LoadU32(datagram.subspan(4));
  packet.ssrc = LoadU32(datagram.subspan(8));
  packet.payload = datagram.subspan(HeaderBytes(datagram));
  if ((datagram[0] & 0x20U) != 0)
    packet.payload = packet.payload.first(packet.payload.size() - datagram.back());
  return packet;
}

}  // namespace turret::node
