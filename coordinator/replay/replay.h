// Replay: verified segments in, audio out, one channel per participant, silence where a gap is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// Gets the output piece by piece; an error stops the replay.
using ChunkSink = std::function<absl::Status(const v1::PlayChunk&)>;

/// Writes the ledger entry (who, what, why), then the header, then the audio. Memory does not grow with the
/// call's length, nor with its silences. Audio whose time map cannot be right plays all the same, and the
/// header says where (StreamPlacer).
///  * WAV: 8 kHz, 16 bit, all streams of one participant in one channel, placed by their time maps on the
///    call's time line; silence where nothing was recorded, also up to the call's end.
///  * Ogg Opus: the kept frames when the call is one stream kept as Opus, else encoded anew, each channel
///    apart.
///  * RAW: payloads of one stream in sequence, as sent, nothing else.
/// Errors: InvalidArgument without a reason or with a stream that is not the call's; FailedPrecondition for
/// RAW of a stream kept as Opus; NotFound; DataLoss when a segment does not verify. No entry, no audio: an
/// error of the ledger is returned before any byte (A09).
[[nodiscard]] absl::Status Play(Archive& archive, const v1::PlayRequest& request, const std::string& who,
                                const std::string& certificate_digest, const ChunkSink& sink);

}  // namespace turret::coordinator
