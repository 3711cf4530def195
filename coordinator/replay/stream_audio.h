// A stream as samples on a time line; shared by replay and export.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/replay/segment_cursor.h"
#include "storage/segment/segment_plaintext.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// What whole calls in memory may hold, over all channels: 1 GiB. Play streams and has no such bound.
inline constexpr uint64_t kSamplesInMemoryMax = uint64_t{512} * 1024 * 1024;

/// Opens every segment of the stream, checking that sequences are whole and each names its predecessor's
/// hash.
[[nodiscard]] absl::Status ForEachSegment(const Archive& archive, const StreamId& stream,
                                          const std::function<absl::Status(const OpenedSegment&)>& visit);

/// Decoded audio: `samples[0]` is at `begin_utc_ns`; gaps are zeros.
struct StreamAudio {
  int64_t begin_utc_ns = 0;
  uint32_t rate_hz = 8000;
  std::vector<int16_t> samples;
};
/// Errors as ForEachSegment; ResourceExhausted beyond kSamplesInMemoryMax.
absl::StatusOr<StreamAudio> DecodeStream(const Archive& archive, const StreamId& stream);

/// Channels of a call: who, and the audio of all of the participant's streams on the call's time line, which
/// begins with the call, or with the first audio if that is earlier.
struct CallAudio {
  int64_t begin_utc_ns = 0;
  uint32_t rate_hz = 8000;
  std::vector<std::string> names;
  std::vector<std::vector<int16_t>> channels;  // Equal lengths.
};
absl::StatusOr<CallAudio> DecodeCall(const Archive& archive, const v1::CallSummary& call);

/// A canonical RIFF WAV file, 16-bit PCM, interleaved.
Buffer MakeWav(const CallAudio& audio);

}  // namespace turret::coordinator
