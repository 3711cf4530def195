#include "coordinator/replay/call_channels.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "coordinator/replay/call_mixer.h"
#include "coordinator/replay/segment_cursor.h"
#include "coordinator/replay/stream_decoder.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/g711.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kSampleNs = 1'000'000'000 / kAudioRateHz;
constexpr size_t kWindowSamples = kAudioRateHz;

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

void AddUnsure(const StreamId& stream, uint64_t sequence, const PlacedRun& run,
               std::vector<v1::UnsurePlace>& unsure) {
  const bool goes_on = !unsure.empty() && unsure.back().stream_id() == stream.ToProto() &&
                       unsure.back().end_segment() >= sequence;
  if (!goes_on && unsure.size() < kUnsureMax) {
    v1::UnsurePlace& place = unsure.emplace_back();
    place.set_stream_id(stream.ToProto());
    place.set_first_segment(sequence);
    place.mutable_placed()->set_begin_utc_ns(run.begin_utc_ns);
  }
  v1::UnsurePlace& place = unsure.back();
  place.set_end_segment(sequence + 1);
  place.mutable_placed()->set_end_utc_ns(std::max(place.placed().end_utc_ns(), run.end_utc_ns()));
}

// Extends `range` by where the stream's audio will lie.
absl::Status Survey(const Archive& archive, const CallChannel::Stream& stream, CallPlan& plan,
                    std::optional<UtcRange>& range) {
  StreamPlacer placer(plan.times, stream.begin_utc_ns);
  return ForEachSegment(
      archive, stream.id, [&](uint64_t sequence, const Plaintext& plaintext) -> absl::Status {
        TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets,
                                DecodePackets(plaintext.body.packets()));
        TURRET_ASSIGN_OR_RETURN(const std::vector<PlacedRun> runs, placer.Place(plaintext.body, packets));
        for (const PlacedRun& run : runs) {
          if (!range.has_value()) range = UtcRange{run.begin_utc_ns, run.end_utc_ns()};
          range->begin_utc_ns = std::min(range->begin_utc_ns, run.begin_utc_ns);
          range->end_utc_ns = std::max(range->end_utc_ns, run.end_utc_ns());
          if (!run.sure) AddUnsure(stream.id, sequence, run, plan.unsure);
        }
        return absl::OkStatus();
      });
}

// By the call's entries.
int64_t BeginOf(const v1::StreamSummary& stream, const CallTimes& times) {
  const int64_t begin = times.begin_utc_ns.value_or(times.credible.begin_utc_ns);
  if (stream.recorded().empty()) return begin;
  const int64_t recorded = stream.recorded(0).begin_utc_ns();
  const UtcRange& credible = times.credible;
  return recorded >= credible.begin_utc_ns && recorded < credible.end_utc_ns ? recorded : begin;
}

std::string NameOf(const v1::StreamSummary& stream, size_t number) {
  if (!stream.participant().empty()) return stream.participant();
  return stream.label().empty() ? fmt::format("stream {}", number) : fmt::format("stream {}", stream.label());
}

bool IsDecodable(const v1::StreamSummary& stream) {
  G711Law law;
  return stream.codec().empty() || IsG711(stream.codec(), law);
}

absl::StatusOr<CallMixer> MakeMixer(const Archive& archive, const CallPlan& plan) {
  std::vector<MixerSource> sources;
  for (size_t channel = 0; channel < plan.channels.size(); ++channel)
    for (const CallChannel::Stream& stream : plan.channels[channel].streams) {
      TURRET_ASSIGN_OR_RETURN(SegmentCursor cursor, SegmentCursor::Create(archive, stream.id));
      TURRET_ASSIGN_OR_RETURN(StreamDecoder decoder,
                              StreamDecoder::Create(StreamPlacer(plan.times, stream.begin_utc_ns)));
      auto source = std::make_shared<StreamSource>(StreamSource{std::move(cursor), std::move(decoder)});
      sources.push_back({channel, [source] { return NextPieces(*source); }});
    }
  return CallMixer(plan.begin_utc_ns, plan.channels.size(), std::move(sources));
}

}  // namespace

absl::StatusOr<std::vector<CallChannel>> ChannelsOf(const Archive& archive, const v1::CallSummary& call,
                                                    const CallTimes& times) {
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
    channel.streams.push_back({id, BeginOf(stream, times)});
    if (!IsDecodable(stream))
      channel.name += fmt::format(" ({} is kept as sent and silent here: take it with RAW)", stream.codec());
  }
  if (channels.empty()) channels.push_back({"no media", {}});
  return channels;
}

absl::StatusOr<CallPlan> PlanCall(const Archive& archive, const v1::CallSummary& call) {
  CallPlan plan;
  plan.times = TimesOf(call, absl::ToUnixNanos(archive.clock().Utc()));
  TURRET_ASSIGN_OR_RETURN(plan.channels, ChannelsOf(archive, call, plan.times));
  std::optional<UtcRange> range;
  if (plan.times.begin_utc_ns.has_value())
    range = UtcRange{*plan.times.begin_utc_ns, plan.times.end_utc_ns.value_or(*plan.times.begin_utc_ns)};
  for (const CallChannel& channel : plan.channels)
    for (const CallChannel::Stream& stream : channel.streams)
      TURRET_RETURN_IF_ERROR(Survey(archive, stream, plan, range));
  if (!range.has_value()) return plan;
  plan.begin_utc_ns = range->begin_utc_ns;
  plan.samples = (range->end_utc_ns - range->begin_utc_ns + kSampleNs - 1) / kSampleNs;
  return plan;
}

absl::Status ForEachWindow(const Archive& archive, const CallPlan& plan,
                           const std::function<absl::Status(std::span<const int16_t> interleaved)>& write) {
  TURRET_ASSIGN_OR_RETURN(CallMixer mixer, MakeMixer(archive, plan));
  for (auto left = static_cast<size_t>(plan.samples); left > 0;) {
    const size_t window = std::min(left, kWindowSamples);
    TURRET_ASSIGN_OR_RETURN(const std::vector<int16_t> interleaved, mixer.Next(window));
    TURRET_RETURN_IF_ERROR(write(interleaved));
    left -= window;
  }
  return absl::OkStatus();
}

}  // namespace turret::coordinator
