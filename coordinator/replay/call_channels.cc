#include "coordinator/replay/call_channels.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "coordinator/replay/g711_decode.h"
#include "coordinator/replay/segment_cursor.h"
#include "coordinator/replay/stream_decoder.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kSampleNs = 1'000'000'000 / kAudioRateHz;
// How far audio may lie from the last segment's own map, when the drift was fitted anew on the way
// (StreamDecoder).
constexpr int64_t kPlacementSlackNs = 100'000'000;

// A stream that is read and decoded as the mixer asks.
struct StreamSource {
  SegmentCursor cursor;
  StreamDecoder decoder;
};

absl::StatusOr<std::optional<std::vector<AudioPiece>>> NextPieces(StreamSource& source) {
  TURRET_ASSIGN_OR_RETURN(const std::optional<OpenedSegment> segment, source.cursor.Next());
  if (!segment.has_value()) return std::nullopt;
  TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(segment->plaintext));
  TURRET_ASSIGN_OR_RETURN(std::vector<AudioPiece> pieces,
                          source.decoder.Decode(plaintext.body, plaintext.media));
  return std::optional(std::move(pieces));
}

// Extends `range` by what the first and the last segment of the stream say.
absl::Status Extend(const Archive& archive, const StreamId& stream, UtcRange& range) {
  TURRET_ASSIGN_OR_RETURN(const SegmentCursor cursor, SegmentCursor::Create(archive, stream));
  if (cursor.segments() == 0) return absl::OkStatus();
  std::vector<int64_t> drifts;
  for (const size_t sequence : {size_t{0}, cursor.segments() - 1}) {
    TURRET_ASSIGN_OR_RETURN(const OpenedSegment segment, cursor.At(sequence));
    TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(segment.plaintext));
    TURRET_ASSIGN_OR_RETURN(const std::optional<UtcRange> held, RangeOf(plaintext.body));
    drifts.push_back(plaintext.body.drift_ppb());
    if (!held.has_value()) continue;
    range.begin_utc_ns = std::min(range.begin_utc_ns, held->begin_utc_ns);
    range.end_utc_ns = std::max(range.end_utc_ns,
                                held->end_utc_ns + (drifts.front() == drifts.back() ? 0 : kPlacementSlackNs));
  }
  return absl::OkStatus();
}

bool IsDecodable(const v1::StreamSummary& stream) { return stream.codec().empty() || IsG711(stream.codec()); }

}  // namespace

absl::StatusOr<std::vector<CallChannel>> ChannelsOf(const v1::CallSummary& call) {
  std::vector<CallChannel> channels;
  std::vector<std::string> participants;  // Of channels[i]; empty: not known.
  for (const v1::StreamSummary& stream : call.streams()) {
    TURRET_ASSIGN_OR_RETURN(const StreamId id, StreamId::FromProto(stream.stream_id()));
    auto found = stream.participant().empty()
                     ? participants.end()
                     : std::find(participants.begin(), participants.end(), stream.participant());
    if (found == participants.end()) {
      participants.push_back(stream.participant());
      channels.push_back({!stream.participant().empty() ? stream.participant()
                          : stream.label().empty()      ? fmt::format("stream {}", channels.size() + 1)
                                                        : fmt::format("stream {}", stream.label()),
                          {}});
      found = participants.end() - 1;
    }
    CallChannel& channel = channels[static_cast<size_t>(found - participants.begin())];
    channel.streams.push_back(id);
    if (!IsDecodable(stream))
      channel.name += fmt::format(" ({} is kept as sent and silent here: take it with RAW)", stream.codec());
  }
  if (channels.empty()) channels.push_back({"no media", {}});
  return channels;
}

absl::StatusOr<CallPlan> PlanCall(const Archive& archive, const v1::CallSummary& call) {
  CallPlan plan;
  TURRET_ASSIGN_OR_RETURN(plan.channels, ChannelsOf(call));
  UtcRange range{call.started_utc_ns(), std::max(call.started_utc_ns(), call.ended_utc_ns())};
  for (const CallChannel& channel : plan.channels)
    for (const StreamId& stream : channel.streams) TURRET_RETURN_IF_ERROR(Extend(archive, stream, range));
  plan.begin_utc_ns = range.begin_utc_ns;
  plan.samples = (range.end_utc_ns - range.begin_utc_ns + kSampleNs - 1) / kSampleNs;
  return plan;
}

absl::StatusOr<CallMixer> MakeMixer(const Archive& archive, const CallPlan& plan) {
  std::vector<MixerSource> sources;
  for (size_t channel = 0; channel < plan.channels.size(); ++channel)
    for (const StreamId& stream : plan.channels[channel].streams) {
      TURRET_ASSIGN_OR_RETURN(SegmentCursor cursor, SegmentCursor::Create(archive, stream));
      TURRET_ASSIGN_OR_RETURN(StreamDecoder decoder, StreamDecoder::Create());
      auto source = std::make_shared<StreamSource>(StreamSource{std::move(cursor), std::move(decoder)});
      sources.push_back({channel, [source] { return NextPieces(*source); }});
    }
  return CallMixer(plan.begin_utc_ns, plan.channels.size(), std::move(sources));
}

}  // namespace turret::coordinator
