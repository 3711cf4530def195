#include "coordinator/replay/replay.h"

#include <algorithm>

#include "absl/time/time.h"
#include "coordinator/ingest/access_entry.h"
#include "coordinator/replay/call_channels.h"
#include "coordinator/replay/chunk_writer.h"
#include "coordinator/replay/kept_frames.h"
#include "coordinator/replay/opus_encode.h"
#include "coordinator/replay/segment_cursor.h"
#include "coordinator/replay/wav.h"
#include "coordinator/search/search.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

absl::Status SendHeader(v1::PlayHeader header, const ChunkSink& sink) {
  v1::PlayChunk chunk;
  *chunk.mutable_header() = std::move(header);
  return sink(chunk);
}

v1::PlayHeader HeaderOf(const CallPlan& plan, v1::PlayHeader header) {
  for (const CallChannel& channel : plan.channels) header.add_channels(channel.name);
  header.set_start_utc_ns(plan.begin_utc_ns);
  header.mutable_unsure()->Add(plan.unsure.begin(), plan.unsure.end());
  return header;
}

OggOpusOptions OggOptions(const CallPlan& plan, const v1::CallSummary& call) {
  OggOpusOptions options;
  options.channels = static_cast<uint8_t>(plan.channels.size());
  options.serial = LoadU32(AsBytes(call.call_id()));
  options.tags = {
      {"TURRET_CALL", ToHex(AsBytes(call.call_id()))},
      {"TURRET_START_UTC", absl::FormatTime(absl::FromUnixNanos(plan.begin_utc_ns), absl::UTCTimeZone())}};
  for (size_t i = 0; i < plan.channels.size(); ++i)
    options.tags.emplace_back(fmt::format("TURRET_CHANNEL_{}", i + 1), plan.channels[i].name);
  return options;
}

absl::Status PlayWav(const Archive& archive, v1::PlayHeader header, const ChunkSink& sink) {
  TURRET_ASSIGN_OR_RETURN(const CallPlan plan, PlanCall(archive, header.call()));
  const size_t channels = plan.channels.size();
  header.set_total_bytes(WavBytes(channels, static_cast<uint64_t>(plan.samples)));
  TURRET_RETURN_IF_ERROR(SendHeader(HeaderOf(plan, std::move(header)), sink));
  ChunkWriter out(sink);
  TURRET_RETURN_IF_ERROR(out.Write(WavHeader(kAudioRateHz, channels, static_cast<uint64_t>(plan.samples))));
  TURRET_RETURN_IF_ERROR(ForEachWindow(archive, plan, [&](std::span<const int16_t> samples) {
    Buffer pcm;
    AppendPcm(pcm, samples);
    return out.Write(pcm);
  }));
  return out.Flush();
}

// By its first segment.
absl::StatusOr<bool> IsKeptAsOpus(const Archive& archive, const StreamId& stream) {
  TURRET_ASSIGN_OR_RETURN(const SegmentCursor cursor, SegmentCursor::Create(archive, stream));
  if (cursor.segments() == 0) return false;
  TURRET_ASSIGN_OR_RETURN(const OpenedSegment first, cursor.At(0));
  TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(first.plaintext));
  return plaintext.body.media() == v1::SegmentBody::OPUS;
}

// The one stream of the call, when it was kept as Opus frames; nullopt: the call must be encoded.
absl::StatusOr<std::optional<CallChannel::Stream>> KeptStream(const Archive& archive, const CallPlan& plan) {
  if (plan.channels.size() != 1 || plan.channels[0].streams.size() != 1) return std::nullopt;
  const CallChannel::Stream& stream = plan.channels[0].streams[0];
  TURRET_ASSIGN_OR_RETURN(const bool kept, IsKeptAsOpus(archive, stream.id));
  return kept ? std::optional(stream) : std::nullopt;
}

absl::Status PlayKept(const Archive& archive, const CallPlan& plan, const CallChannel::Stream& stream,
                      const OggOpusOptions& options, ChunkWriter& out) {
  TURRET_ASSIGN_OR_RETURN(
      KeptFramesFile file,
      KeptFramesFile::Create(options, StreamPlacer(plan.times, stream.begin_utc_ns), plan.begin_utc_ns,
                             [&](Bytes written) { return out.Write(written); }));
  TURRET_RETURN_IF_ERROR(ForEachSegment(archive, stream.id, [&](uint64_t, const Plaintext& plaintext) {
    return file.Add(plaintext.body, plaintext.media);
  }));
  return file.Finish();
}

absl::Status PlayEncoded(const Archive& archive, const CallPlan& plan, const OggOpusOptions& options,
                         ChunkWriter& out) {
  TURRET_ASSIGN_OR_RETURN(OpusFileEncoder encoder, OpusFileEncoder::Create(options));
  TURRET_RETURN_IF_ERROR(ForEachWindow(archive, plan, [&](std::span<const int16_t> samples) -> absl::Status {
    TURRET_RETURN_IF_ERROR(encoder.Add(samples));
    return out.Write(encoder.Take());
  }));
  TURRET_RETURN_IF_ERROR(encoder.Finish());
  return out.Write(encoder.Take());
}

absl::Status PlayOgg(const Archive& archive, v1::PlayHeader header, const ChunkSink& sink) {
  TURRET_ASSIGN_OR_RETURN(const CallPlan plan, PlanCall(archive, header.call()));
  TURRET_ASSIGN_OR_RETURN(const std::optional<CallChannel::Stream> kept, KeptStream(archive, plan));
  if (plan.channels.size() > 255)
    return absl::InvalidArgumentError(
        fmt::format("{} channels do not fit into Ogg Opus: ask for WAV", plan.channels.size()));
  const OggOpusOptions options = OggOptions(plan, header.call());
  TURRET_RETURN_IF_ERROR(SendHeader(HeaderOf(plan, std::move(header)), sink));
  ChunkWriter out(sink);
  TURRET_RETURN_IF_ERROR(kept.has_value() ? PlayKept(archive, plan, *kept, options, out)
                                          : PlayEncoded(archive, plan, options, out));
  return out.Flush();
}

absl::Status KeptAsOpus() {
  return absl::FailedPreconditionError(
      "the stream was kept as Opus by its line's policy; of the payload as sent only the digest was kept: "
      "ask for WAV or "
      "Ogg Opus");
}

// Errors: InvalidArgument when the stream is not the call's, FailedPrecondition when its payload was not
// kept.
absl::StatusOr<StreamId> RawStream(const Archive& archive, const v1::CallSummary& call,
                                   const std::string& raw_id) {
  const auto is_it = [&](const v1::StreamSummary& stream) { return stream.stream_id() == raw_id; };
  if (std::none_of(call.streams().begin(), call.streams().end(), is_it))
    return absl::InvalidArgumentError(
        fmt::format("stream {} is not one of the call's {}", ToHex(AsBytes(raw_id)), call.streams_size()));
  TURRET_ASSIGN_OR_RETURN(const StreamId stream, StreamId::FromProto(raw_id));
  TURRET_ASSIGN_OR_RETURN(const bool kept_as_opus, IsKeptAsOpus(archive, stream));
  if (kept_as_opus) return KeptAsOpus();
  return stream;
}

absl::Status PlayRaw(const Archive& archive, const StreamId& stream, v1::PlayHeader header,
                     const ChunkSink& sink) {
  for (const v1::StreamSummary& summary : header.call().streams())
    if (summary.stream_id() == stream.ToProto())
      header.add_channels(summary.participant().empty() ? summary.label() : summary.participant());
  header.set_start_utc_ns(header.call().started_utc_ns());
  TURRET_RETURN_IF_ERROR(SendHeader(std::move(header), sink));
  ChunkWriter out(sink);
  TURRET_RETURN_IF_ERROR(ForEachSegment(archive, stream, [&](uint64_t, const Plaintext& plaintext) {
    return plaintext.body.media() == v1::SegmentBody::OPUS ? KeptAsOpus() : out.Write(plaintext.media);
  }));
  return out.Flush();
}

v1::Accessed AccessTo(const v1::PlayRequest& request) {
  v1::Accessed accessed;
  accessed.add_call_ids(request.call_id());
  accessed.set_reason(request.reason());
  accessed.set_detail(
      fmt::format("format={}{}{}", v1::PlayRequest::Format_Name(request.format()),
                  request.stream_id().empty() ? "" : " stream=", ToHex(AsBytes(request.stream_id()))));
  return accessed;
}

}  // namespace

absl::Status Play(Archive& archive, const v1::PlayRequest& asked, const std::string& who,
                  const std::string& certificate_digest, const ChunkSink& sink) {
  v1::PlayRequest request = asked;
  if (request.format() == v1::PlayRequest::FORMAT_UNSPECIFIED) request.set_format(v1::PlayRequest::WAV);
  TURRET_RETURN_IF_ERROR(CheckReason(request.reason(), "anything plays"));
  if (!v1::PlayRequest::Format_IsValid(request.format())) return absl::InvalidArgumentError("no such format");
  TURRET_ASSIGN_OR_RETURN(const CallId call_id, CallId::FromProto(request.call_id()));
  v1::PlayHeader header;
  TURRET_ASSIGN_OR_RETURN(*header.mutable_call(), Summarise(archive.index(), call_id));
  StreamId raw;
  if (request.format() == v1::PlayRequest::RAW) {
    TURRET_ASSIGN_OR_RETURN(raw, RawStream(archive, header.call(), request.stream_id()));
  }

  TURRET_ASSIGN_OR_RETURN(const uint64_t ledger_index, RecordAccess(archive, v1::Accessed::REPLAYED, who,
                                                                    certificate_digest, AccessTo(request)));
  header.set_ledger_index(ledger_index);
  switch (request.format()) {
    case v1::PlayRequest::OGG_OPUS:
      return PlayOgg(archive, std::move(header), sink);
    case v1::PlayRequest::RAW:
      return PlayRaw(archive, raw, std::move(header), sink);
    default:
      return PlayWav(archive, std::move(header), sink);
  }
}

}  // namespace turret::coordinator
