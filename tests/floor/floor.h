// A trading floor: N traders call and are called, over SIPREC and RTP, overlapping, both voices of each call.
// The recorder is told; the truth of what was sent comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/floor/rtp_player.h"
#include "tests/floor/sip_client.h"
#include "tests/floor/truth.h"

namespace turret::floor {

struct FloorOptions {
  std::string server = "127.0.0.1:5060";
  bool tcp = false;
  int traders = 4;
  int calls = 4;  // Each with two streams: the trader's voice and the party's.
  absl::Duration call_length = absl::Seconds(10);
  absl::Duration stagger = absl::Milliseconds(500);  // Between the starts of two calls.
  bool speech = true;                                // espeak-ng; else murmur, for load.
  int silent_calls = 0;                              // The first of them get no RTP at all.
  Impairments impairments;
  absl::Duration tail = absl::Milliseconds(100);  // Last packet to BYE.
  uint64_t seed = 1;
  std::function<void(const std::string&)> progress;  // A line for people, when something happens.
};

struct Trader {
  std::string name;
  std::string aor;
  std::string line;
};
Trader TraderOf(int index);
std::string PartyAor(int call);
std::string PartyName(int call);

/// The enrolment document of this floor's lines.
std::string EnrolmentYaml(int traders, const std::string& policy);

/// Places the calls, plays, hangs up. Errors: Unavailable when the recorder does not answer. Calls that were
/// refused come back with `established` false and their status.
absl::StatusOr<FloorTruth> RunFloor(const FloorOptions& options);

}  // namespace turret::floor
