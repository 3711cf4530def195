#include "tests/coordinator/ingest/fake_node.h"

#include "absl/synchronization/notification.h"
#include "storage/key/intake.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::test {

FakeCall FakeNode::NewCall() {
  return {.call = CallId::Make(random_),
          .unit = UnitId::Make(random_),
          .stream = StreamId::Make(random_),
          .unit_key = SecretKey::Make(random_)};
}

std::string FakeNode::Day() const { return UtcDay(absl::FromUnixNanos(welcome_.coordinator_utc_ns())); }

v1::IntakeKey FakeNode::IntakeKey() const {
  for (const v1::IntakeKey& key : welcome_.intake_keys())
    if (key.day() == Day()) return key;
  std::abort();
}

v1::ReplicateRequest FakeNode::Unit(const FakeCall& call) {
  v1::ReplicateRequest request;
  *request.mutable_unit() =
      *SealUnitKey({.unit = call.unit, .call = call.call, .storage_class = storage_class_, .day = Day()},
                   call.unit_key, IntakeKey(), random_);
  return request;
}

v1::ReplicateRequest FakeNode::Fact(const FakeCall* call, v1::Fact fact) {
  fact.set_fact_id(FactId::Make(random_).ToProto());
  if (call != nullptr) fact.set_call_id(call->call.ToProto());
  fact.set_utc_ns(welcome_.coordinator_utc_ns());
  v1::ReplicateRequest request;
  *request.mutable_fact() = std::move(fact);
  return request;
}

v1::ReplicateRequest FakeNode::Started(const FakeCall& call, const std::string& line_id) {
  v1::Fact fact;
  v1::CallStarted& started = *fact.mutable_call_started();
  started.set_answered_utc_ns(welcome_.coordinator_utc_ns());
  v1::Party& party = *started.add_parties();
  party.set_name("Clara Client");
  party.set_aor("sip:clara@client.example");
  if (!line_id.empty()) started.add_line_ids(line_id);
  started.set_storage_class(storage_class_);
  started.add_rules("mifid5");
  started.set_node_id(id_.ToProto());
  started.set_day(Day());
  return Fact(&call, fact);
}

v1::ReplicateRequest FakeNode::StreamOpened(const FakeCall& call, const std::string& line_id) {
  v1::Fact fact;
  v1::StreamOpened& opened = *fact.mutable_stream_opened();
  opened.set_stream_id(call.stream.ToProto());
  opened.set_unit_id(call.unit.ToProto());
  if (!line_id.empty()) {
    v1::ChannelOf& channel = *opened.add_channels();
    channel.set_line_id(line_id);
    channel.set_direction(v1::DIRECTION_OWN);
  }
  opened.set_codec("PCMA");
  opened.set_clock_rate_hz(8000);
  opened.set_storage_class(storage_class_);
  opened.set_day(Day());
  return Fact(&call, fact);
}

v1::ReplicateRequest FakeNode::Progress(const FakeCall& call, absl::Duration begin, absl::Duration end) {
  v1::Fact fact;
  v1::StreamProgress& progress = *fact.mutable_stream_progress();
  progress.set_stream_id(call.stream.ToProto());
  v1::Interval& recorded = *progress.add_recorded();
  recorded.set_begin_utc_ns(welcome_.coordinator_utc_ns() + absl::ToInt64Nanoseconds(begin));
  recorded.set_end_utc_ns(welcome_.coordinator_utc_ns() + absl::ToInt64Nanoseconds(end));
  return Fact(&call, fact);
}

v1::ReplicateRequest FakeNode::Segment(FakeCall& call) {
  constexpr int kPackets = 50;
  constexpr uint32_t kPayloadBytes = 160;
  std::vector<PacketRow> rows;
  for (int i = 0; i < kPackets; ++i, ++call.sequence)
    rows.push_back({.sequence = call.sequence,
                    .timestamp = call.sequence * kPayloadBytes,
                    .payload_bytes = kPayloadBytes});
  v1::SegmentBody body;
  body.set_media(v1::SegmentBody::PAYLOAD);
  body.set_codec("PCMA");
  body.set_clock_rate_hz(8000);
  body.set_call_id(call.call.ToProto());
  EncodePackets(rows, *body.mutable_packets());
  Buffer media(kPackets * kPayloadBytes);
  random_.Fill(media);
  Digest opening;
  random_.Fill(opening);
  body.set_payload_opening(ToString(opening));
  body.set_payload_digest(ToString(Sha256({opening, media})));
  body.set_anchor_timestamp(0);
  body.set_anchor_utc_ns(welcome_.coordinator_utc_ns());
  const Buffer sealed = *SealSegment({.ledger = *LedgerId::FromProto(welcome_.ledger_id()),
                                      .unit = call.unit,
                                      .stream = call.stream,
                                      .sequence = call.segments,
                                      .storage_class = storage_class_,
                                      .predecessor = call.last_hash},
                                     call.unit_key, BuildPlaintext(body, media, random_), random_);
  call.last_hash = SegmentHash(sealed);
  ++call.segments;
  v1::ReplicateRequest request;
  request.mutable_segment()->set_sealed(ToString(sealed));
  return request;
}

v1::ReplicateRequest FakeNode::GapOf(const FakeCall& call, v1::GapCause cause) {
  v1::Fact fact;
  v1::Gap& gap = *fact.mutable_gap();
  gap.set_gap_id(GapId::Make(random_).ToProto());
  gap.set_stream_id(call.stream.ToProto());
  gap.set_cause(cause);
  gap.mutable_interval()->set_begin_utc_ns(1'000'000'000);
  gap.mutable_interval()->set_end_utc_ns(1'100'000'000);
  return Fact(&call, fact);
}

v1::ReplicateRequest FakeNode::Ended(const FakeCall& call) {
  v1::Fact fact;
  v1::CallEnded& ended = *fact.mutable_call_ended();
  ended.set_ended_utc_ns(welcome_.coordinator_utc_ns() + 10'000'000'000);
  ended.set_reason(v1::CallEnded::BYE);
  v1::CallEnded::StreamEnd& stream = *ended.add_streams();
  stream.set_stream_id(call.stream.ToProto());
  stream.set_segments(call.segments);
  stream.set_last_segment_hash(ToString(call.last_hash));
  return Fact(&call, fact);
}

v1::ReplicateRequest FakeNode::Presence() {
  v1::Fact fact;
  v1::Presence& presence = *fact.mutable_presence();
  presence.set_node_id(id_.ToProto());
  presence.mutable_interval()->set_begin_utc_ns(welcome_.coordinator_utc_ns());
  presence.mutable_interval()->set_end_utc_ns(welcome_.coordinator_utc_ns() + 60'000'000'000);
  return Fact(nullptr, fact);
}

Answer SubmitAndWait(coordinator::Archive& archive, NodeId node, std::vector<v1::ReplicateRequest> items) {
  Answer answer;
  absl::Notification done;
  archive.Submit(node, std::move(items),
                 [&](const absl::Status& status, const std::vector<coordinator::ItemOutcome>& outcomes,
                     const v1::TreeHead& head) {
                   answer = {.status = status, .outcomes = outcomes, .head = head};
                   done.Notify();
                 });
  done.WaitForNotification();
  return answer;
}

}  // namespace turret::test
