// The streams of a session: ports, channels, pauses.
#include <algorithm>
#include <optional>

#include "fmt/format.h"
#include "node/session/session_state.h"
#include "node/session/text.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr uint32_t kPtimeMsDefault = 20;  // RFC 3551, 4.2.

SdpCodec Named(SdpCodec codec) {
  if (!IsKnownCodec(codec)) return codec;
  codec.name = LowerCase(codec.name) == "pcma" ? "PCMA" : "PCMU";
  return codec;
}

bool SameCodec(const SdpCodec& a, const SdpCodec& b) {
  return a.payload_type == b.payload_type && LowerCase(a.name) == LowerCase(b.name);
}

}  // namespace

bool Offers(const SdpMedia& media, const SdpCodec& codec) {
  return std::any_of(media.codecs.begin(), media.codecs.end(),
                     [&](const SdpCodec& offered) { return SameCodec(offered, codec); });
}

SessionStream* Session::State::StreamOf(size_t media_index) {
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const SessionStream& stream) {
    return stream.media_index == media_index;
  });
  return found == streams.end() ? nullptr : &*found;
}

absl::Status Session::State::OpenStreams(const SdpOffer& sdp) {
  const size_t first_new = streams.size();
  for (size_t index = 0; index < std::min(sdp.media.size(), kSdpMediaMax); ++index) {
    const SdpMedia& media = sdp.media[index];
    if (!media.recordable() || StreamOf(index) != nullptr) continue;
    const StreamId id = StreamId::Make(parts.random);
    const absl::StatusOr<uint16_t> port = parts.ports.Open(id);
    if (!port.ok()) {
      CloseStreams(first_new);
      streams.resize(first_new);
      return port.status();
    }
    AddStream(id, *port, index, media);
  }
  AssignNewStreams(first_new);
  return absl::OkStatus();
}

void Session::State::AddStream(StreamId id, uint16_t port, size_t media_index, const SdpMedia& media) {
  SessionStream stream;
  stream.id = id;
  stream.port = port;
  stream.media_index = media_index;
  stream.label = media.label;
  stream.codec = Named(media.chosen());
  stream.ptime_ms = media.ptime_ms == 0 ? kPtimeMsDefault : media.ptime_ms;
  stream.paused = media.paused();
  if (!IsKnownCodec(stream.codec)) flags.insert(v1::CALL_FLAG_UNKNOWN_CODEC);
  streams.push_back(std::move(stream));
}

void Session::State::AssignNewStreams(size_t first_new) {
  std::vector<StreamTraits> traits;
  for (const SessionStream& stream : streams)
    traits.push_back({stream.label, metadata.SendersOf(stream.label)});
  const std::vector<std::vector<v1::ChannelOf>> channels = AssignChannels(lines, metadata.parties, traits);
  for (size_t index = first_new; index < streams.size(); ++index) {
    streams[index].channels = channels[index];
    if (traits[index].senders.size() == 1) streams[index].participant_id = traits[index].senders.front();
  }
}

std::string Session::State::MakeAnswer(SdpOffer sdp) {
  std::vector<std::optional<uint16_t>> ports(sdp.media.size());
  for (size_t index = 0; index < sdp.media.size(); ++index) {
    const SessionStream* const stream = StreamOf(index);
    SdpMedia& media = sdp.media[index];
    if (stream == nullptr || !media.recordable()) continue;
    ports[index] = stream->port;
    std::stable_partition(media.codecs.begin(), media.codecs.end(),
                          [&](const SdpCodec& codec) { return SameCodec(codec, stream->codec); });
  }
  return FormatAnswer(NextDescription(), sdp, ports);
}

SdpAnswer Session::State::NextDescription() {
  ++answer_version;
  uint64_t session_number =
      0;  // RFC 4566, 5.2: unique for this session; of our own id, so that none repeats.
  for (size_t byte = 0; byte < 7; ++byte) session_number = session_number << 8 | session.random[byte];
  return {session_number, answer_version, parts.advertised_address};
}

absl::Status Session::State::UpdatePause(SessionStream& stream, const SdpOffer& sdp, absl::Time at) {
  const bool paused = stream.media_index >= sdp.media.size() || sdp.media[stream.media_index].paused();
  if (paused == stream.paused) return absl::OkStatus();
  SessionStream changed = stream;
  changed.paused = paused;
  TURRET_RETURN_IF_ERROR(Append(PauseFact(changed, at)));
  stream.paused = paused;
  return absl::OkStatus();
}

void Session::State::CloseStreams(size_t from) {
  if (closed) return;
  if (from == 0) CloseHeld();
  for (size_t index = from; index < streams.size(); ++index) parts.ports.Close(streams[index].id);
  closed = from == 0;
}

}  // namespace turret::node
