// Where the audio of one stream lies on the UTC line: by its time map, as far as that can be true. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/replay/opus_decode.h"
#include "storage/segment/segment_plaintext.h"
#include "turret/v1/access.pb.h"
#include "turret/v1/archive.pb.h"

namespace turret::coordinator {

/// Audio outside of its call by more than this cannot be where its map puts it.
inline constexpr absl::Duration kOutsideCallMax = absl::Minutes(10);
/// A call that would be longer has a wrong start or end.
inline constexpr absl::Duration kCallLengthMax = absl::Hours(24 * 31);

/// Half-open.
struct UtcRange {
  int64_t begin_utc_ns = 0;
  int64_t end_utc_ns = 0;
};

/// When a call was, by its entries.
struct CallTimes {
  std::optional<int64_t> begin_utc_ns;  // Nullopt: nothing says it.
  std::optional<int64_t> end_utc_ns;    // Nullopt: running, or what is said cannot be.
  UtcRange credible;                    // No audio of the call is placed outside of it by a map.
};
/// `now_utc_ns` bounds a call that runs.
CallTimes TimesOf(const v1::CallSummary& call, int64_t now_utc_ns);

/// Packets of one segment that follow each other without a hole.
struct PlacedRun {
  int64_t begin_timestamp = 0;  // Extended, half-open.
  int64_t end_timestamp = 0;
  int64_t begin_utc_ns = 0;
  bool sure = true;  // False: the map was not believed.

  int64_t UtcOf(int64_t timestamp) const;
  int64_t end_utc_ns() const { return UtcOf(end_timestamp); }
};

/// Within one SSRC, audio lies where RTP ticks put it, so that nothing is stretched, cut or repeated while
/// the fitted drift of the map moves; where ticks and map disagree by more than 5 ms behind a hole (10 ms
/// without one), the map counts again. A map is not believed when it leads out of `times.credible`, or more
/// than a second back behind audio that came before: then ticks count alone, else the audio lies right behind
/// the one before, the first at `begin_utc_ns`. Not thread-safe.
class StreamPlacer {
 public:
  StreamPlacer(const CallTimes& times, int64_t begin_utc_ns)
      : credible_(times.credible), end_utc_ns_(begin_utc_ns) {}

  /// Runs of the stream's next segment, in the order of its table. None where the codec is not known here.
  /// Errors: InvalidArgument for timestamps beyond all that RTP can count.
  absl::StatusOr<std::vector<PlacedRun>> Place(const v1::SegmentBody& body,
                                               const std::vector<PacketRow>& packets);

 private:
  void PlaceRun(const TimeMapPiece& map, PlacedRun& run);
  bool IsCredible(int64_t utc_ns) const;

  UtcRange credible_;
  int64_t end_utc_ns_;  // Of the audio so far.
  bool any_ = false;
  std::optional<uint32_t> ssrc_;
  std::optional<PlacedRun> base_;  // Ticks count from its beginning.
  int64_t end_timestamp_ = 0;
};

/// G.711 at 8,000 Hz: what is decoded here.
bool IsDecodable(const v1::SegmentBody& body);

}  // namespace turret::coordinator
