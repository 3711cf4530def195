// An Ogg Opus file made of the Opus frames of a stream as they were kept and proven: nothing is decoded or
// encoded again. Holes are filled with silent packets of our own, so that the file's time line is the
// stream's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/replay/ogg_opus.h"
#include "turret/v1/archive.pb.h"

namespace turret::coordinator {

/// Not thread-safe. Usage: Add the segments of one stream in sequence, then Finish.
class KeptFramesFile {
 public:
  /// `pre_skip_48k` is filled in from the first segment's. `lead_in_samples` (8 kHz) of silence come first.
  static absl::StatusOr<KeptFramesFile> Create(OggOpusOptions options, uint64_t lead_in_samples);

  /// A segment that holds payload (events, another codec) adds nothing. Errors: InvalidArgument (tables).
  [[nodiscard]] absl::Status Add(const v1::SegmentBody& body, Bytes media);
  /// Errors: FailedPrecondition when no frame was added: there is no file then.
  [[nodiscard]] absl::Status Finish();

  Buffer Take();
  /// Where the kept frames lie: one after another they are the media bytes of all segments that hold Opus.
  /// Whole after Finish.
  std::vector<FileRun> kept_runs() const;

 private:
  KeptFramesFile(OggOpusOptions options, uint64_t lead_in_samples,
                 std::map<uint32_t, Buffer, std::greater<>> silent)
      : options_(std::move(options)),
        position_(0),
        lead_in_samples_(lead_in_samples),
        silent_(std::move(silent)) {}
  void FillUntil(int64_t target);

  OggOpusOptions options_;
  std::optional<OggOpusWriter> writer_;  // Made at the first segment.
  int64_t position_;                     // Samples (8 kHz) written.
  uint64_t lead_in_samples_;
  std::map<uint32_t, Buffer, std::greater<>> silent_;  // By length in samples, longest first.
  std::optional<uint32_t> ssrc_;
  int64_t first_timestamp_ = 0;  // Lies at first_position_.
  int64_t first_position_ = 0;
  int64_t end_position_ = 0;  // Of the last packet's audio.
};

}  // namespace turret::coordinator
