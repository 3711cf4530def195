// What a session says to the spool.
#include <algorithm>

#include "monitoring/metrics.h"
#include "node/session/session_state.h"
#include "storage/base/status.h"

namespace turret::node {

v1::Fact Session::State::MakeFact(absl::Time at) const {
  v1::Fact fact;
  fact.set_fact_id(FactId::Make(parts.random).ToProto());
  fact.set_call_id(call.ToProto());
  fact.set_utc_ns(absl::ToUnixNanos(at));
  return fact;
}

absl::Status Session::State::Append(const v1::Fact& fact) {
  const absl::StatusOr<uint64_t> position = parts.spool.AppendFact(fact);
  TURRET_RETURN_IF_ERROR(position.status());
  journaled = *position;
  return absl::OkStatus();
}

absl::Status Session::State::AppendUnitKey() {
  const absl::StatusOr<uint64_t> position =
      parts.spool.AppendUnitKey({unit, call, keeping.storage_class, day, SecretKey::Make(parts.random)});
  TURRET_RETURN_IF_ERROR(position.status());
  journaled = *position;
  return absl::OkStatus();
}

v1::Fact Session::State::CallStartedFact() const {
  v1::Fact fact = MakeFact(answered);
  v1::CallStarted& started_call = *fact.mutable_call_started();
  started_call.set_session_id(session.ToProto());
  started_call.set_sip_call_id(first_offer.sip_call_id);
  started_call.set_source_address(first_offer.source_address);
  started_call.set_transport(first_offer.transport);
  started_call.set_answered_utc_ns(absl::ToUnixNanos(answered));
  started_call.mutable_parties()->Add(metadata.parties.begin(), metadata.parties.end());
  for (const LineId& line : line_ids) started_call.add_line_ids(line.ToProto());
  started_call.set_storage_class(keeping.storage_class);
  started_call.mutable_rules()->Add(keeping.rules.begin(), keeping.rules.end());
  started_call.set_policy(keeping.policy);
  for (const v1::CallFlag flag : flags) started_call.add_flags(flag);
  started_call.mutable_verbatim()->Add(verbatim.begin(), verbatim.end());
  started_call.set_node_id(parts.node.ToProto());
  started_call.set_day(day);
  started_call.set_communication_session_id(metadata.communication_session_id);
  return fact;
}

absl::Status Session::State::AppendUpdate(const ReadOffer& read, const std::string& sdp_text, absl::Time at) {
  const bool refresh_only = !read.has_metadata && read.verbatim.size() <= 1 && sdp_text == last_sdp;
  if (refresh_only && read.flags.empty()) return absl::OkStatus();
  v1::Fact fact = MakeFact(at);
  v1::CallUpdated& updated = *fact.mutable_call_updated();
  updated.mutable_parties()->Add(metadata.parties.begin(), metadata.parties.end());
  for (const v1::CallFlag flag : read.flags) {
    updated.add_flags(flag);
    if (flags.insert(flag).second) parts.metrics.CallFlagged(flag);
  }
  updated.mutable_verbatim()->Add(read.verbatim.begin(), read.verbatim.end());
  TURRET_RETURN_IF_ERROR(Append(fact));
  if (!sdp_text.empty()) last_sdp = sdp_text;
  return absl::OkStatus();
}

v1::Fact Session::State::StreamOpenedFact(const SessionStream& stream, absl::Time at) const {
  v1::Fact fact = MakeFact(at);
  v1::StreamOpened& opened = *fact.mutable_stream_opened();
  opened.set_stream_id(stream.id.ToProto());
  opened.set_unit_id(unit.ToProto());
  opened.set_label(stream.label);
  opened.set_participant_id(stream.participant_id);
  opened.mutable_channels()->Add(stream.channels.begin(), stream.channels.end());
  opened.set_payload_type(stream.codec.payload_type);
  opened.set_codec(stream.codec.name);
  opened.set_clock_rate_hz(stream.codec.clock_rate_hz);
  opened.set_ptime_ms(stream.ptime_ms);
  opened.set_media_index(static_cast<uint32_t>(stream.media_index));
  opened.set_policy(IsKnownCodec(stream.codec) ? keeping.policy
                                               : v1::POLICY_EXACT);  // Else nothing could encode it.
  opened.set_opus_bitrate(keeping.opus_bitrate);
  opened.set_storage_class(keeping.storage_class);
  opened.set_day(day);
  return fact;
}

absl::Status Session::State::AppendOpened(size_t from, absl::Time at) {
  for (size_t index = from; index < streams.size(); ++index) {
    TURRET_RETURN_IF_ERROR(Append(StreamOpenedFact(streams[index], at)));
    if (streams[index].paused) TURRET_RETURN_IF_ERROR(Append(PauseFact(streams[index], at)));
  }
  return absl::OkStatus();
}

v1::Fact Session::State::PauseFact(const SessionStream& stream, absl::Time at) const {
  v1::Fact fact = MakeFact(at);
  fact.mutable_stream_pause_changed()->set_stream_id(stream.id.ToProto());
  fact.mutable_stream_pause_changed()->set_paused(stream.paused);
  return fact;
}

void Session::State::AddUnfedChannels(std::vector<v1::Fact>& facts) const {
  for (const LineId& line : line_ids) {
    std::set<v1::Direction> fed;
    for (const SessionStream& stream : streams)
      for (const v1::ChannelOf& channel : stream.channels)
        if (channel.line_id() == line.ToProto()) fed.insert(channel.direction());
    for (const v1::Direction direction : {v1::DIRECTION_OWN, v1::DIRECTION_FAR}) {
      if (fed.contains(direction) || ended <= answered) continue;
      v1::Fact fact = MakeFact(ended);
      v1::Gap& gap = *fact.mutable_gap();
      gap.set_gap_id(GapId::Make(parts.random).ToProto());
      gap.add_channels()->set_line_id(line.ToProto());
      gap.mutable_channels(0)->set_direction(direction);
      gap.set_cause(fed.empty() ? v1::GAP_CAUSE_NO_MEDIA : v1::GAP_CAUSE_ONE_WAY);
      gap.mutable_interval()->set_begin_utc_ns(absl::ToUnixNanos(answered));
      gap.mutable_interval()->set_end_utc_ns(absl::ToUnixNanos(ended));
      parts.metrics.GapSettled(line.ToHex(), gap.cause(), ended - answered);
      facts.push_back(std::move(fact));
    }
  }
}

}  // namespace turret::node
