// RTP datagrams (RFC 3550 5.1): checked, then read, then accounted for to the last byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/base/bytes.h"

namespace turret::node {

inline constexpr size_t kRtpDatagramBytesMax = 16 * 1024;

/// Why a datagram is not recorded. Each is a label of turret_rtp_packets_dropped_total.
enum class Discard {
  kTooShort,
  kBadVersion,
  kRtcp,  // On the RTP port (RFC 5761 4).
  kCsrcOverrun,
  kExtensionOverrun,
  kPaddingOverrun,
  kOversized,
  kBadSequence,     // A lone packet far from the sequence that goes on.
  kTooManySources,  // More synchronisation sources on one port than kSourcesMax.
  kNoStream,        // No stream is open under this id.
};
inline constexpr int kDiscardCount = static_cast<int>(Discard::kNoStream) + 1;
std::string_view DiscardName(Discard reason);

/// A datagram's fields; `payload` lies in the datagram, without padding.
struct RtpPacket {
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  uint8_t payload_type = 0;
  bool marker = false;
  Bytes payload;
};

/// Nullopt: ReadRtp may read it.
std::optional<Discard> CheckRtp(Bytes datagram);
/// Only for what CheckRtp passed.
RtpPacket ReadRtp(Bytes datagram);

}  // namespace turret::node
