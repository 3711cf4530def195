#include "node/session/session.h"

#include <algorithm>

#include "absl/memory/memory.h"
#include "fmt/format.h"
#include "node/session/session_state.h"
#include "node/session/text.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

/// "10.0.0.1" of "10.0.0.1:5060", "2001:db8::1" of "[2001:db8::1]:5060".
std::string WithoutPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

CallTraits TraitsOf(const Offer& offer, const ReadOffer& read) {
  CallTraits traits;
  for (const v1::Party& party : read.metadata.parties)
    if (!party.aor().empty()) traits.aors.push_back(party.aor());
  if (read.sdp) {
    for (const SdpMedia& media : read.sdp->media)
      if (!media.label.empty()) traits.labels.push_back(media.label);
  } else {
    for (const RsStream& stream : read.metadata.streams)
      if (!stream.label.empty()) traits.labels.push_back(stream.label);
  }
  traits.device = offer.device;
  traits.source = WithoutPort(offer.source_address);
  return traits;
}

Offer WithoutParts(const Offer& offer) {
  Offer out = offer;
  out.parts.clear();
  out.sip_call_id = CleanText(offer.sip_call_id);
  out.source_address = CleanText(offer.source_address);
  return out;
}

}  // namespace

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() { state_->CloseStreams(0); }
const std::string& Session::answer_sdp() const { return state_->answer; }
uint64_t Session::journaled() const { return state_->journaled; }
CallId Session::call_id() const { return state_->call; }

absl::StatusOr<std::unique_ptr<Session>> Session::Create(const Offer& offer, const SessionParts& parts) {
  if (!parts.enrolment.ready())
    return absl::UnavailableError("no keys of the archive yet: no call can be sealed");
  TURRET_ASSIGN_OR_RETURN(ReadOffer read, ReadParts(offer));
  auto session = absl::WrapUnique(new Session(std::make_unique<State>(parts)));
  State& state = *session->state_;
  state.call = CallId::Make(parts.random);
  state.session = SessionId::Make(parts.random);
  state.unit = UnitId::Make(parts.random);
  state.first_offer = WithoutParts(offer);
  state.enrolment = parts.enrolment.enrolment();
  state.lines = MatchLines(*state.enrolment, TraitsOf(offer, read));
  for (const LineMatch& match : state.lines)
    if (const auto id = LineId::FromProto(match.line->line_id()); id.ok()) state.line_ids.push_back(*id);
  state.keeping = KeepingOf(*state.enrolment, state.lines);
  state.flags = std::move(read.flags);
  if (!read.has_metadata) state.flags.insert(v1::CALL_FLAG_NO_METADATA);
  if (state.lines.empty()) state.flags.insert(v1::CALL_FLAG_ORPHAN);
  state.metadata = std::move(read.metadata);
  state.verbatim = std::move(read.verbatim);
  state.last_sdp = SdpText(offer);
  if (!read.sdp) {
    TURRET_RETURN_IF_ERROR(state.HoldPorts());
    return session;
  }
  TURRET_RETURN_IF_ERROR(state.OpenStreams(*read.sdp));
  if (state.streams.empty()) return absl::InvalidArgumentError("no m-line with audio over RTP/AVP");
  state.answer = state.MakeAnswer(*std::move(read.sdp));
  return session;
}

absl::Status Session::Answered() {
  State& state = *state_;
  state.answered = state.parts.presence.Begin(state.line_ids);
  state.busy = true;
  state.day = UtcDay(state.answered);
  TURRET_RETURN_IF_ERROR(state.AppendUnitKey());
  TURRET_RETURN_IF_ERROR(state.Append(state.CallStartedFact()));
  state.started = true;
  for (const v1::CallFlag flag : state.flags) state.parts.metrics.CallFlagged(flag);
  state.verbatim.clear();
  return state.AppendOpened(0, state.answered);
}

absl::StatusOr<std::string> Session::Changed(const Offer& offer) {
  State& state = *state_;
  TURRET_ASSIGN_OR_RETURN(ReadOffer read, ReadParts(offer));
  if (read.sdp) {
    for (const SessionStream& stream : state.streams) {
      if (stream.media_index >= read.sdp->media.size()) continue;
      const SdpMedia& media = read.sdp->media[stream.media_index];
      if (media.recordable() && !Offers(media, stream.codec))
        return absl::InvalidArgumentError(
            fmt::format("m-line {}: its codec cannot change", stream.media_index));
    }
  }
  state.metadata.Merge(read.metadata);
  const absl::Time at = state.parts.presence.Now();
  TURRET_RETURN_IF_ERROR(state.AppendUpdate(read, SdpText(offer), at));
  if (!read.sdp) return std::string();
  const size_t known = state.streams.size();
  TURRET_RETURN_IF_ERROR(state.OpenStreams(*read.sdp));
  for (size_t index = 0; index < known; ++index)
    TURRET_RETURN_IF_ERROR(state.UpdatePause(state.streams[index], *read.sdp, at));
  TURRET_RETURN_IF_ERROR(state.AppendOpened(known, at));
  state.answer = state.MakeAnswer(*std::move(read.sdp));
  return state.answer;
}

absl::Status Session::End(v1::CallEnded::Reason reason) {
  State& state = *state_;
  if (!state.ending) {
    state.ending = true;
    // So that what waits in held sockets is recorded; when the spool is full it is counted as dropped.
    if (state.started) Acknowledged({}).IgnoreError();
    if (state.busy) state.ended = state.parts.presence.End(state.line_ids);
    state.CloseStreams(0);
    if (!state.started) return absl::OkStatus();
    state.AddUnfedChannels(state.unsaid);
    v1::Fact fact = state.MakeFact(state.ended);
    fact.mutable_call_ended()->set_ended_utc_ns(absl::ToUnixNanos(state.ended));
    fact.mutable_call_ended()->set_reason(reason);
    state.unsaid.push_back(std::move(fact));
  }
  while (!state.unsaid.empty()) {
    TURRET_RETURN_IF_ERROR(state.Append(state.unsaid.front()));
    state.unsaid.erase(state.unsaid.begin());
  }
  return absl::OkStatus();
}

}  // namespace turret::node
