#include "tests/node/encode/recorder_fixture.h"

#include "storage/base/digest.h"

namespace turret::node {

FakeKeys::FakeKeys(Random& random) : ledger_(LedgerId::Make(random)), pair_(MakeX25519Pair(random)) {
  key_.set_key_id(KeyId::Make(random).ToProto());
  key_.set_public_key(ToString(pair_.public_key));
  key_.set_pairing_key(ToString(SecretKey::Make(random).bytes()));
}

absl::StatusOr<v1::IntakeKey> FakeKeys::For(const std::string& day) const {
  v1::IntakeKey key = key_;
  key.set_day(day);
  return key;
}

Buffer RtpSource::Next(Bytes payload) {
  Buffer datagram{0x80, static_cast<uint8_t>(payload_type | (marker ? 0x80 : 0))};
  StoreU16(datagram, sequence++);
  StoreU32(datagram, timestamp);
  StoreU32(datagram, ssrc);
  Append(datagram, payload);
  timestamp += static_cast<uint32_t>(payload.size());
  marker = false;
  return datagram;
}

Buffer RecordedStream::AllMedia() const {
  Buffer all;
  for (const Buffer& part : media) Append(all, part);
  return all;
}

CallFixture::CallFixture() { Restart(); }

void CallFixture::Restart() {
  items_.clear();
  streams_.clear();
  position_ = 0;
  tally_ = {};
  recorder_ = std::make_unique<CallRecorder>(call_, RecorderParts{.items = *this,
                                                                  .tally = tally_,
                                                                  .metrics = metrics_,
                                                                  .keys = keys_,
                                                                  .random = random_,
                                                                  .reorder_window_ns = 200 * kMs});
}

v1::StreamOpened CallFixture::Opened(const StreamId& stream) const {
  v1::StreamOpened opened;
  opened.set_stream_id(stream.ToProto());
  opened.set_unit_id(unit_.ToProto());
  opened.set_payload_type(8);
  opened.set_codec("PCMA");
  opened.set_clock_rate_hz(8000);
  opened.set_ptime_ms(20);
  opened.set_policy(v1::POLICY_EXACT);
  opened.set_storage_class("mifid");
  opened.set_day("2026-09-21");
  opened.add_channels()->set_line_id(line_.ToProto());
  opened.mutable_channels(0)->set_direction(v1::DIRECTION_OWN);
  return opened;
}

void CallFixture::Begin(const v1::StreamOpened& opened) {
  v1::Fact fact;
  fact.set_call_id(call_.ToProto());
  fact.set_utc_ns(kAnswered);
  if (position_ == 0) {
    recorder_->OnUnitKey(++position_, {.unit = unit_,
                                       .call = call_,
                                       .storage_class = "mifid",
                                       .day = opened.day(),
                                       .key = unit_key_.Clone()});
    fact.mutable_call_started()->set_answered_utc_ns(kAnswered);
    recorder_->OnFact(++position_, fact);
  }
  *fact.mutable_stream_opened() = opened;
  StreamRecorder* const stream = recorder_->OnFact(++position_, fact);
  ASSERT_NE(stream, nullptr);
  streams_[*StreamId::FromProto(opened.stream_id())] = stream;
}

void CallFixture::Send(int64_t at_ms, Bytes datagram) {
  streams_.at(stream_)->OnDatagram(
      ++position_, {.stream = stream_, .arrival_utc_ns = kAnswered + at_ms * kMs, .bytes = datagram});
}

void CallFixture::Pause(int64_t at_ms, bool paused) {
  v1::Fact fact;
  fact.set_call_id(call_.ToProto());
  fact.set_utc_ns(kAnswered + at_ms * kMs);
  fact.mutable_stream_pause_changed()->set_stream_id(stream_.ToProto());
  fact.mutable_stream_pause_changed()->set_paused(paused);
  recorder_->OnFact(++position_, fact);
}

void CallFixture::End(int64_t at_ms) {
  v1::Fact fact;
  fact.set_call_id(call_.ToProto());
  fact.set_utc_ns(kAnswered + at_ms * kMs);
  fact.mutable_call_ended()->set_ended_utc_ns(kAnswered + at_ms * kMs);
  recorder_->OnFact(++position_, fact);
  EXPECT_TRUE(recorder_->ended());
}

void CallFixture::Emit(decltype(Item::what) what, uint64_t position, int64_t made_utc_ns) {
  items_.push_back({std::move(what), position, made_utc_ns});
}

std::vector<v1::Fact> CallFixture::FactsOf(v1::Fact::WhatCase kind) const {
  std::vector<v1::Fact> facts;
  for (const Item& item : items_)
    if (const auto* fact = std::get_if<v1::Fact>(&item.what); fact != nullptr && fact->what_case() == kind)
      facts.push_back(*fact);
  return facts;
}

std::vector<v1::Gap> CallFixture::Gaps() const {
  std::vector<v1::Gap> gaps;
  for (const v1::Fact& fact : FactsOf(v1::Fact::kGap)) gaps.push_back(fact.gap());
  return gaps;
}

Intervals CallFixture::Recorded(const StreamId& stream) const {
  Intervals recorded;
  for (const v1::Fact& fact : FactsOf(v1::Fact::kStreamProgress))
    if (fact.stream_progress().stream_id() == stream.ToProto())
      for (const v1::Interval& one : fact.stream_progress().recorded()) Add(recorded, FromProto(one));
  return recorded;
}

RecordedStream CallFixture::Open(const StreamId& stream) const {
  RecordedStream out;
  Digest predecessor{};
  for (const Item& item : items_) {
    const auto* segment = std::get_if<SealedSegment>(&item.what);
    if (segment == nullptr || segment->stream != stream) continue;
    const absl::StatusOr<SegmentHeader> header = ReadSegmentHeader(segment->sealed);
    EXPECT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->names.sequence, out.bodies.size());
    EXPECT_EQ(header->names.predecessor, predecessor);
    EXPECT_EQ(header->names.unit, unit_);
    EXPECT_EQ(header->names.ledger, keys_.ledger());
    predecessor = SegmentHash(segment->sealed);
    const absl::StatusOr<Buffer> plaintext = OpenSegment(segment->sealed, unit_key_);
    EXPECT_TRUE(plaintext.ok()) << plaintext.status();
    const absl::StatusOr<Plaintext> parsed = ParsePlaintext(*plaintext);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    out.bodies.push_back(parsed->body);
    out.media.push_back(ToBuffer(parsed->media));
    out.positions.push_back(item.spool_position);
  }
  out.last_hash = ToString(predecessor);
  return out;
}

void CallFixture::ExpectTiled(int64_t end_ms) const {
  Intervals all;
  int64_t sum_ns = 0;
  const auto take = [&](const v1::Interval& one) {
    EXPECT_LT(one.begin_utc_ns(), one.end_utc_ns());
    Add(all, FromProto(one));
    sum_ns += one.end_utc_ns() - one.begin_utc_ns();
  };
  v1::PacketCounts last;
  for (const v1::Fact& fact : FactsOf(v1::Fact::kStreamProgress)) {
    for (const v1::Interval& one : fact.stream_progress().recorded()) take(one);
    for (const v1::Interval& one : fact.stream_progress().edges()) take(one);
  }
  for (const v1::Gap& gap : Gaps()) take(gap.interval());
  for (const v1::Fact& fact : FactsOf(v1::Fact::kPaused)) take(fact.paused().interval());
  EXPECT_EQ(all, Intervals{Ms(0, end_ms)});
  EXPECT_EQ(sum_ns, end_ms * kMs);

  uint64_t accounted = tally_.recorded + tally_.duplicate + tally_.late;
  for (const uint64_t dropped : tally_.dropped) accounted += dropped;
  EXPECT_EQ(tally_.received, accounted);
}

Buffer CallFixture::Voice(size_t bytes) {
  Buffer voice(bytes);
  random_.Fill(voice);
  return voice;
}

}  // namespace turret::node
