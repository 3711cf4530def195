// Which streams of a call make which channel, and how long the call's time line is.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/replay/stream_placer.h"
#include "storage/base/ids.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

struct CallChannel {
  struct Stream {
    StreamId id;
    int64_t begin_utc_ns = 0;  // Of its audio, where its time map cannot be believed.
  };
  std::string name;  // Participant, or the stream's label; what cannot be decoded here is named too.
  std::vector<Stream> streams;
};

/// One channel a participant, in the order of the call's streams; a stream whose participant is not known is
/// a channel of its own. A call without streams has one, silent.
absl::StatusOr<std::vector<CallChannel>> ChannelsOf(const Archive& archive, const v1::CallSummary& call,
                                                    const CallTimes& times);

/// The time line of a call.
struct CallPlan {
  int64_t begin_utc_ns = 0;  // The call's start, or the first audio if that is earlier.
  int64_t samples =
      0;  // A channel, at kAudioRateHz; up to the call's end, or the last audio if that is later.
  CallTimes times;
  std::vector<CallChannel> channels;
  std::vector<v1::UnsurePlace>
      unsure;  // Segments in a row are one; at most kUnsureMax, the last takes the rest.
};
inline constexpr size_t kUnsureMax = 1000;

/// Opens every segment of the call, so that what does not verify shows before anything plays. Errors: as
/// SegmentCursor; InvalidArgument when a segment's tables do not parse.
absl::StatusOr<CallPlan> PlanCall(const Archive& archive, const v1::CallSummary& call);

/// Decodes as it goes: `write` gets the plan's samples, interleaved, a second at a time.
[[nodiscard]] absl::Status ForEachWindow(
    const Archive& archive, const CallPlan& plan,
    const std::function<absl::Status(std::span<const int16_t> interleaved)>& write);

}  // namespace turret::coordinator
