// Which streams of a call make which channel, and how long the call's time line is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/replay/call_mixer.h"
#include "storage/base/ids.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

struct CallChannel {
  std::string name;  // Participant, or the stream's label; what cannot be decoded here is named too.
  std::vector<StreamId> streams;
};

/// One channel a participant, in the order of the call's streams; a stream whose participant is not known is
/// a channel of its own. A call without streams has one, silent.
absl::StatusOr<std::vector<CallChannel>> ChannelsOf(const Archive& archive, const v1::CallSummary& call);

/// The time line of a call. Built by looking at the first and last segment of each stream.
struct CallPlan {
  int64_t begin_utc_ns = 0;  // The call's start, or the first audio if that is earlier.
  int64_t samples =
      0;  // A channel, at kAudioRateHz; up to the call's end, or the last audio if that is later.
  std::vector<CallChannel> channels;
};
absl::StatusOr<CallPlan> PlanCall(const Archive& archive, const v1::CallSummary& call);

/// Decodes as it goes. `archive` must outlive it.
absl::StatusOr<CallMixer> MakeMixer(const Archive& archive, const CallPlan& plan);

}  // namespace turret::coordinator
