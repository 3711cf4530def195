// A call whose INVITE made no offer: ours goes out with the 200, and the ACK answers it (RFC 3261, 13.2.1).
// The ports are bound from the 200 on; what overtakes the ACK waits in their sockets.
#include <algorithm>
#include <utility>

#include "node/session/session_state.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr size_t kStreamsDefault = 2;  // One for each voice of a call: what recording clients send.

/// What an answer would say that takes all we offered.
SdpMedia AsOffered() {
  SdpMedia media{
      .type = "audio", .protocol = "RTP/AVP", .format = "8", .port = 9, .mode = MediaMode::kSendOnly};
  media.codecs = {{8, "PCMA", 8000}, {0, "PCMU", 8000}};
  return media;
}

}  // namespace

absl::Status Session::State::HoldPorts() {
  const size_t streams_told = std::min(metadata.streams.size(), kSdpMediaMax);
  std::vector<SdpOwnMedia> media;
  for (size_t index = 0; index < (streams_told == 0 ? kStreamsDefault : streams_told); ++index) {
    const StreamId id = StreamId::Make(parts.random);
    const absl::StatusOr<uint16_t> port = parts.ports.Hold(id);
    if (!port.ok()) {
      CloseHeld();
      return port.status();
    }
    held.push_back({id, *port, index < streams_told ? metadata.streams[index].label : std::string()});
    media.push_back({*port, held.back().label});
  }
  answer = FormatOffer(NextDescription(), media);
  return absl::OkStatus();
}

void Session::State::CloseHeld() {
  for (const HeldPort& port : std::exchange(held, {})) parts.ports.Close(port.stream);
}

absl::Status Session::State::OpenHeld(SdpOffer sdp, absl::Time at) {
  const size_t first_new = streams.size();
  const std::vector<HeldPort> offered = std::exchange(held, {});
  for (size_t index = 0; index < offered.size(); ++index) {
    if (index >= sdp.media.size() || !sdp.media[index].recordable()) {
      parts.ports.Close(offered[index].stream);
      continue;
    }
    SdpMedia& media = sdp.media[index];
    if (media.label.empty()) media.label = offered[index].label;
    AddStream(offered[index].stream, offered[index].port, index, media);
  }
  AssignNewStreams(first_new);
  TURRET_RETURN_IF_ERROR(AppendOpened(first_new, at));
  for (size_t index = first_new; index < streams.size(); ++index)
    TURRET_RETURN_IF_ERROR(parts.ports.Listen(streams[index].id));
  answer = MakeAnswer(std::move(sdp));
  return absl::OkStatus();
}

bool Session::awaits_answer() const { return !state_->held.empty(); }

absl::Status Session::Acknowledged(const Offer& ack) {
  State& state = *state_;
  if (state.held.empty()) return absl::OkStatus();
  const absl::Time at = state.parts.presence.Now();
  absl::StatusOr<ReadOffer> read = ReadParts(ack);
  if (!read.ok()) read.emplace().flags.insert(v1::CALL_FLAG_ODD_SDP);
  read->flags.erase(v1::CALL_FLAG_ODD_CONTACT);  // An ACK needs none.
  state.metadata.Merge(read->metadata);
  if (!ack.parts.empty()) TURRET_RETURN_IF_ERROR(state.AppendUpdate(*read, SdpText(ack), at));
  if (read->sdp) return state.OpenHeld(*std::move(read->sdp), at);
  return state.OpenHeld({.media = std::vector<SdpMedia>(state.held.size(), AsOffered())}, at);
}

}  // namespace turret::node
