// A stream of RTP as a pcap file (Ethernet, IPv4, UDP), for SIPp to play.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tests/floor/truth.h"

namespace turret::floor {

/// Fills `stream.packets` with a stream without loss, from sequence 1 on, and writes it. Errors: Unavailable.
[[nodiscard]] absl::Status WritePcap(StreamTruth& stream, const std::string& path);

}  // namespace turret::floor
