// A session as the journal keeps it, and back.
#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "node/session/session_state.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

using Associations = google::protobuf::RepeatedPtrField<v1::JournaledMetadata::Association>;

void WriteAssociations(const std::multimap<std::string, std::string>& from, Associations& to) {
  for (const auto& [stream, participant] : from) {
    v1::JournaledMetadata::Association& association = *to.Add();
    association.set_stream_id(stream);
    association.set_participant_id(participant);
  }
}

std::multimap<std::string, std::string> ReadAssociations(const Associations& from) {
  std::multimap<std::string, std::string> to;
  for (const v1::JournaledMetadata::Association& association : from)
    to.emplace(association.stream_id(), association.participant_id());
  return to;
}

void WriteMetadata(const RsMetadata& from, v1::JournaledMetadata& to) {
  to.set_complete(from.complete);
  to.set_communication_session_id(from.communication_session_id);
  to.mutable_parties()->Add(from.parties.begin(), from.parties.end());
  for (const RsStream& stream : from.streams) {
    v1::JournaledMetadata::Stream& written = *to.add_streams();
    written.set_stream_id(stream.stream_id);
    written.set_label(stream.label);
  }
  WriteAssociations(from.senders, *to.mutable_senders());
  WriteAssociations(from.receivers, *to.mutable_receivers());
}

RsMetadata ReadMetadata(const v1::JournaledMetadata& from) {
  RsMetadata to;
  to.complete = from.complete();
  to.communication_session_id = from.communication_session_id();
  to.parties.assign(from.parties().begin(), from.parties().end());
  for (const v1::JournaledMetadata::Stream& stream : from.streams())
    to.streams.push_back({stream.stream_id(), stream.label()});
  to.senders = ReadAssociations(from.senders());
  to.receivers = ReadAssociations(from.receivers());
  return to;
}

void WriteStream(const SessionStream& from, v1::JournaledStream& to) {
  to.set_stream_id(from.id.ToProto());
  to.set_media_index(static_cast<uint32_t>(from.media_index));
  to.set_port(from.port);
  to.set_label(from.label);
  to.set_payload_type(from.codec.payload_type);
  to.set_codec(from.codec.name);
  to.set_clock_rate_hz(from.codec.clock_rate_hz);
  to.set_ptime_ms(from.ptime_ms);
  to.set_paused(from.paused);
  to.mutable_channels()->Add(from.channels.begin(), from.channels.end());
  to.set_participant_id(from.participant_id);
}

absl::StatusOr<SessionStream> ReadStream(const v1::JournaledStream& from) {
  SessionStream to;
  TURRET_ASSIGN_OR_RETURN(to.id, StreamId::FromProto(from.stream_id()));
  to.media_index = from.media_index();
  to.port = static_cast<uint16_t>(from.port());
  to.label = from.label();
  to.open = false;
  to.codec = {static_cast<uint8_t>(from.payload_type()), from.codec(), from.clock_rate_hz()};
  to.ptime_ms = from.ptime_ms();
  to.paused = from.paused();
  to.channels.assign(from.channels().begin(), from.channels().end());
  to.participant_id = from.participant_id();
  return to;
}

/// Lines that the enrolment still has; of the others the call keeps the ids.
std::vector<LineMatch> ReadMatches(const v1::JournaledSession& from, const v1::Enrolment& enrolment) {
  std::vector<LineMatch> to;
  for (const v1::JournaledSession::Match& match : from.matches()) {
    const auto line = std::find_if(enrolment.lines().begin(), enrolment.lines().end(),
                                   [&](const v1::Line& known) { return known.line_id() == match.line_id(); });
    if (line != enrolment.lines().end()) to.push_back({&*line, match.by(), match.value()});
  }
  return to;
}

}  // namespace

v1::JournaledSession Session::Journaled() const {
  const State& state = *state_;
  v1::JournaledSession to;
  to.set_call_id(state.call.ToProto());
  to.set_session_id(state.session.ToProto());
  to.set_unit_id(state.unit.ToProto());
  to.set_sip_id(state.first_offer.sip_call_id);
  to.set_source_address(state.first_offer.source_address);
  to.set_transport(state.first_offer.transport);
  to.set_device(state.first_offer.device);
  for (const LineMatch& match : state.lines) {
    v1::JournaledSession::Match& written = *to.add_matches();
    written.set_line_id(match.line->line_id());
    written.set_by(match.by);
    written.set_value(match.value);
  }
  for (const LineId& line : state.line_ids) to.add_line_ids(line.ToProto());
  to.set_storage_class(state.keeping.storage_class);
  to.mutable_rules()->Add(state.keeping.rules.begin(), state.keeping.rules.end());
  to.set_policy(state.keeping.policy);
  to.set_opus_bitrate(state.keeping.opus_bitrate);
  WriteMetadata(state.metadata, *to.mutable_metadata());
  for (const v1::CallFlag flag : state.flags) to.add_flags(flag);
  to.set_last_sdp(state.last_sdp);
  to.set_answer_sdp(state.answer);
  to.set_answer_version(state.answer_version);
  to.set_day(state.day);
  to.set_answered_utc_ns(absl::ToUnixNanos(state.answered));
  for (const SessionStream& stream : state.streams) WriteStream(stream, *to.add_streams());
  for (const HeldPort& port : state.held) {
    v1::JournaledSession::HeldPort& written = *to.add_held();
    written.set_stream_id(port.stream.ToProto());
    written.set_port(port.port);
    written.set_label(port.label);
  }
  return to;
}

absl::StatusOr<std::unique_ptr<Session>> Session::Restore(const v1::JournaledSession& from,
                                                          const SessionParts& parts) {
  auto session = absl::WrapUnique(new Session(std::make_unique<State>(parts)));
  State& state = *session->state_;
  TURRET_ASSIGN_OR_RETURN(state.call, CallId::FromProto(from.call_id()));
  TURRET_ASSIGN_OR_RETURN(state.session, SessionId::FromProto(from.session_id()));
  TURRET_ASSIGN_OR_RETURN(state.unit, UnitId::FromProto(from.unit_id()));
  state.first_offer.sip_call_id = from.sip_id();
  state.first_offer.source_address = from.source_address();
  state.first_offer.transport = from.transport();
  state.first_offer.device = from.device();
  state.enrolment = parts.enrolment.enrolment();
  state.lines = ReadMatches(from, *state.enrolment);
  for (const std::string& id : from.line_ids()) {
    TURRET_ASSIGN_OR_RETURN(const LineId line, LineId::FromProto(id));
    state.line_ids.push_back(line);
  }
  state.keeping = {
      from.storage_class(), {from.rules().begin(), from.rules().end()}, from.policy(), from.opus_bitrate()};
  state.metadata = ReadMetadata(from.metadata());
  for (const int flag : from.flags()) state.flags.insert(static_cast<v1::CallFlag>(flag));
  state.last_sdp = from.last_sdp();
  state.answer = from.answer_sdp();
  state.answer_version = from.answer_version();
  state.day = from.day();
  state.answered = absl::FromUnixNanos(from.answered_utc_ns());
  for (const v1::JournaledStream& journaled : from.streams()) {
    TURRET_ASSIGN_OR_RETURN(SessionStream stream, ReadStream(journaled));
    state.streams.push_back(std::move(stream));
  }
  for (const v1::JournaledSession::HeldPort& port : from.held()) {
    TURRET_ASSIGN_OR_RETURN(const StreamId stream, StreamId::FromProto(port.stream_id()));
    state.held.push_back({stream, static_cast<uint16_t>(port.port()), port.label(), false});
  }
  (void)parts.presence.Begin(state.line_ids);  // In the books of this run; the call's own time goes on.
  state.busy = true;
  state.started = true;
  return session;
}

bool Session::ReopenPorts(std::vector<StreamId>& reopened) {
  State& state = *state_;
  if (state.closed) return true;
  MediaPorts& ports = state.parts.ports;
  bool all = true;
  for (SessionStream& stream : state.streams) {
    if (!stream.open && ports.Reopen(stream.id, stream.port).ok()) {
      stream.open = true;
      reopened.push_back(stream.id);
    }
    all = all && stream.open;
  }
  for (HeldPort& port : state.held) {
    if (!port.open) port.open = ports.Reopen(port.stream, port.port).ok();
    all = all && port.open;
  }
  return all;
}

bool Session::LacksMetadata() const {
  return !state_->metadata.complete && !state_->flags.contains(v1::CALL_FLAG_NO_METADATA);
}

uint64_t Session::datagrams() const {
  uint64_t all = 0;
  for (const SessionStream& stream : state_->streams) all += state_->parts.ports.Datagrams(stream.id);
  return all;
}

}  // namespace turret::node
