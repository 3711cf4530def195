// An Ogg Opus file made of the Opus frames of a stream as they were kept and proven: nothing is decoded or
// encoded again. Holes are filled with silent packets of our own, so that the file's time line is the
// stream's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/replay/call_mixer.h"
#include "coordinator/replay/ogg_opus.h"
#include "coordinator/replay/stream_placer.h"
#include "turret/v1/archive.pb.h"

namespace turret::coordinator {

/// Gets the file piece by piece; an error stops the writing.
using FileSink = std::function<absl::Status(Bytes)>;

/// Not thread-safe. Usage: Add the segments of one stream in sequence, then Finish.
class KeptFramesFile {
 public:
  /// `pre_skip_48k` is filled in from the first segment's. The file's time line begins at `begin_utc_ns`, or
  /// with the first frame (nullopt). What is written goes to `sink` at once: a hole of hours takes no memory.
  static absl::StatusOr<KeptFramesFile> Create(OggOpusOptions options, StreamPlacer placer,
                                               std::optional<int64_t> begin_utc_ns, FileSink sink);

  /// A segment that holds payload (events, another codec) adds nothing. Errors: InvalidArgument (tables), or
  /// the sink's.
  [[nodiscard]] absl::Status Add(const v1::SegmentBody& body, Bytes media);
  /// Errors: FailedPrecondition when no frame was added: there is no file then.
  [[nodiscard]] absl::Status Finish();

  /// Where the kept frames lie: one after another they are the media bytes of all segments that hold Opus.
  /// Whole after Finish.
  std::vector<FileRun> kept_runs() const;

 private:
  using Silences = std::map<uint32_t, Buffer, std::greater<>>;
  KeptFramesFile(OggOpusOptions options, StreamPlacer placer, std::optional<int64_t> begin_utc_ns,
                 FileSink sink, Silences silent)
      : options_(std::move(options)),
        placer_(std::move(placer)),
        begin_utc_ns_(begin_utc_ns),
        sink_(std::move(sink)),
        silent_(std::move(silent)) {}
  [[nodiscard]] absl::Status FillUntil(int64_t target);
  [[nodiscard]] absl::Status Drain();
  int64_t PositionOf(int64_t utc_ns);  // The first one asked for may begin the line.

  OggOpusOptions options_;
  StreamPlacer placer_;
  std::optional<int64_t> begin_utc_ns_;
  FileSink sink_;
  std::optional<OggOpusWriter> writer_;  // Made at the first segment.
  Silences silent_;                      // By length in samples, longest first.
  std::optional<PlacedRun> run_;         // That the last frame began in.
  int64_t position_ = 0;                 // Samples (8 kHz) written.
  int64_t late_samples_ = 0;             // How far behind its place the last frame began.
  int64_t end_position_ = 0;             // Of the last packet's audio, where it ought to lie.
};

}  // namespace turret::coordinator
