// What the simulator sent: the truth that recordings, books and metrics are compared with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/floor/g711_source.h"

namespace turret::floor {

struct SentPacket {
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  int64_t due_utc_ns = 0;  // When it was meant to go: the source's own clock.
  bool lost = false;       // Never sent, on purpose.
  int copies = 1;          // 2: a duplicate was sent as well.
};

struct StreamTruth {
  std::string label;
  std::string aor;  // Who speaks.
  std::string name;
  uint16_t port = 0;  // Where the node listens.
  uint32_t ssrc = 0;
  Law law = Law::kALaw;
  uint32_t packet_samples = 160;
  std::vector<uint8_t> payload;  // All of it, lost packets' parts too, in order.
  std::vector<SentPacket> packets;
  bool silent = false;  // A stream that never gets any RTP.

  /// The payload of the packets that were sent, in order: what `play --raw` must give.
  std::vector<uint8_t> SentPayload() const;
  uint64_t datagrams_sent() const;
  /// Lost intervals in the stream's own time, seconds from its first packet: [begin, end).
  struct Loss {
    uint32_t first_packet;
    uint32_t packets;
  };
  std::vector<Loss> Losses() const;
};

struct CallTruth {
  std::string sip_call_id;
  std::string transport;
  int64_t answered_utc_ns = 0;  // 200 OK seen.
  int64_t ended_utc_ns = 0;     // BYE sent.
  bool established = false;
  int final_status = 0;
  std::vector<StreamTruth> streams;
};

struct FloorTruth {
  std::vector<CallTruth> calls;
  uint64_t datagrams_sent = 0;
};

/// Writes truth.json and, for each stream, <call>-<label>.payload (what was sent) into `directory`.
[[nodiscard]] absl::Status WriteTruth(const FloorTruth& truth, const std::string& directory);

}  // namespace turret::floor
