// Offers and answers (RFC 4566, RFC 3264) as a recording server needs them. One adapter over the SIP
// library's parser: nothing of that library shows here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace turret::node {

inline constexpr size_t kSdpBytesMax = size_t{64} * 1024;
inline constexpr size_t kSdpMediaMax = 32;  // Further m-lines are refused in the answer.

enum class MediaMode { kInactive, kSendOnly, kRecvOnly, kSendRecv };

struct SdpCodec {
  uint8_t payload_type = 0;
  std::string name;  // "PCMA", "PCMU", or as the rtpmap says; empty: it does not.
  uint32_t clock_rate_hz = 8000;
};

/// One m-line of an offer.
struct SdpMedia {
  std::string type;      // "audio"
  std::string protocol;  // "RTP/AVP"
  std::string format;    // The first one, as it stands: a refusal echoes it.
  uint16_t port = 0;
  MediaMode mode = MediaMode::kSendRecv;
  bool zero_address = false;
  std::string label;
  uint32_t ptime_ms = 0;  // 0: not given.
  std::vector<SdpCodec> codecs;

  /// Audio over plain RTP, offered with a port. SRTP is not: without our key nobody would send.
  bool recordable() const;
  /// The source says that it sends nothing: inactive, the zero address (RFC 2543), or it wants only to
  /// receive.
  bool paused() const;
  /// What the answer takes: the first of PCMA and PCMU in the offer's order, else the first that is a codec
  /// at all.
  const SdpCodec& chosen() const;
};

struct SdpOffer {
  std::vector<SdpMedia> media;
  bool odd = false;  // Read all the same: lines are missing or broken.
};

bool IsKnownCodec(const SdpCodec& codec);

/// Errors: InvalidArgument when not even the m-lines can be read.
absl::StatusOr<SdpOffer> ParseSdp(std::string_view text);

struct SdpAnswer {       // What a description of ours says of itself.
  uint64_t session = 0;  // Of the o-line.
  uint64_t version = 0;
  std::string address;  // Of our media ports.
};

/// An offer of our own: G.711, which we receive; a label when it is known whose voice we expect.
struct SdpOwnMedia {
  uint16_t port = 0;
  std::string label;
};
std::string FormatOffer(const SdpAnswer& own, const std::vector<SdpOwnMedia>& media);

/// One m-line for each offered one; `ports` holds our RTP port, nullopt where the line is refused.
std::string FormatAnswer(const SdpAnswer& answer, const SdpOffer& offer,
                         const std::vector<std::optional<uint16_t>>& ports);

}  // namespace turret::node
