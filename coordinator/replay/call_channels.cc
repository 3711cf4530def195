#include "coordinator/replay/call_channels.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "coordinator/replay/segment_cursor.h"
#include "coordinator/replay/stream_decoder.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/g711.h"
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

struct Held {
  UtcRange range;
  int64_t drift_ppb = 0;
};

// Nullopt: no audio in that segment (an encoder's last frame can be alone in one).
absl::StatusOr<std::optional<Held>> HeldIn(const SegmentCursor& cursor, size_t sequence) {
  TURRET_ASSIGN_OR_RETURN(const OpenedSegment segment, cursor.At(sequence));
  TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(segment.plaintext));
  TURRET_ASSIGN_OR_RETURN(const std::optional<UtcRange> range, RangeOf(plaintext.body));
  if (!range.has_value()) return std::nullopt;
  return Held{*range, plaintext.body.drift_ppb()};
}

// Extends `range` by what the first and the last segment with audio of the stream say.
absl::Status Extend(const Archive& archive, const StreamId& stream, UtcRange& range) {
  TURRET_ASSIGN_OR_RETURN(const SegmentCursor cursor, SegmentCursor::Create(archive, stream));
  std::optional<Held> first;
  std::optional<Held> last;
  for (size_t i = 0; i < cursor.segments() && !first.has_value(); ++i) {
    TURRET_ASSIGN_OR_RETURN(first, HeldIn(cursor, i));
  }
  for (size_t i = cursor.segments(); i-- > 0 && !last.has_value();) {
    TURRET_ASSIGN_OR_RETURN(last, HeldIn(cursor, i));
  }
  if (!first.has_value() || !last.has_value()) return absl::OkStatus();
  const int64_t slack_ns = first->drift_ppb == last->drift_ppb ? 0 : kPlacementSlackNs;
  range.begin_utc_ns = std::min(range.begin_utc_ns, first->range.begin_utc_ns);
  range.end_utc_ns = std::max(range.end_utc_ns, last->range.end_utc_ns + slack_ns);
  return absl::OkStatus();
}

std::string NameOf(const v1::StreamSummary& stream, size_t number) {
  if (!stream.participant().empty()) return stream.participant();
  return stream.label().empty() ? fmt::format("stream {}", number) : fmt::format("stream {}", stream.label());
}

bool IsDecodable(const v1::StreamSummary& stream) {
  G711Law law;
  return stream.codec().empty() || IsG711(stream.codec(), law);
}

}  // namespace

absl::StatusOr<std::vector<CallChannel>> ChannelsOf(const Archive& archive, const v1::CallSummary& call) {
  std::vector<CallChannel> channels;
  std::vector<std::string> participants;  // Of channels[i], by id: two people may have one name.
  for (const v1::StreamSummary& stream : call.streams()) {
    TURRET_ASSIGN_OR_RETURN(const StreamId id, StreamId::FromProto(stream.stream_id()));
    TURRET_ASSIGN_OR_RETURN(const v1::StreamRow row, archive.index().Stream(id));
    const std::string& participant = row.opened().participant_id();
    auto found = participant.empty() ? participants.end()
                                     : std::find(participants.begin(), participants.end(), participant);
    if (found == participants.end()) {
      channels.push_back({NameOf(stream, channels.size() + 1), {}});
      found = participants.insert(participants.end(), participant);
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
  TURRET_ASSIGN_OR_RETURN(plan.channels, ChannelsOf(archive, call));
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
