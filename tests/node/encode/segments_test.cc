#include <algorithm>

#include "storage/base/digest.h"
#include "storage/key/intake.h"
#include "storage/segment/segment.h"
#include "tests/node/encode/recorder_fixture.h"

namespace turret::node {
namespace {

class SegmentsTest : public CallFixture {
 protected:
  /// Talks from `begin_ms` on; returns the payload.
  Buffer Talk(RtpSource& source, int64_t begin_ms, int packets) {
    Buffer sent;
    for (int i = 0; i < packets; ++i) {
      const Buffer payload = Voice(160);
      Append(sent, payload);
      Send(begin_ms + 20 * i, source.Next(payload));
    }
    return sent;
  }
  void ExpectDerived(Bytes sealed) {
    const SegmentHeader header = ReadSegmentHeader(sealed).value();
    const Buffer plaintext = OpenSegment(sealed, unit_key_).value();
    const Plaintext parsed = ParsePlaintext(plaintext).value();
    const Bytes body = Bytes(plaintext).subspan(36, LoadU32(Bytes(plaintext).subspan(32)));
    Digest key;
    HkdfSha256(unit_key_.bytes(), Digest{}, "turret segment randomness v1", key);
    Buffer place = ToBuffer(header.names.stream.bytes());
    StoreU64(place, header.names.sequence);
    Append(place, header.names.predecessor);
    const auto derive = [&](std::string_view use, Bytes content) {
      Buffer message = ToBuffer(AsBytes(use));
      Append(message, place);
      Append(message, content);
      return HmacSha256(key, message);
    };
    const Bytes frames = parsed.body.media() == v1::SegmentBody::OPUS ? parsed.media : Bytes();
    const Digest seed = derive("opening and salt", Sha256({body, frames}));
    Buffer counter(8);
    EXPECT_TRUE(std::ranges::equal(HmacSha256(seed, counter), Bytes(plaintext).first(32)));
    counter[7] = 1;
    EXPECT_EQ(HmacSha256(seed, counter), header.salt);
    EXPECT_EQ(parsed.body.payload_opening(), ToString(derive("payload opening", {})));
  }
  RtpSource source_;
};

TEST_F(SegmentsTest, ExactPolicyKeepsThePayloadBitForBitInSegmentsOfFiveSeconds) {  // C03
  Begin(Opened(stream_));
  const Buffer sent = Talk(source_, 10, 600);
  End(12'020);
  const RecordedStream recorded = Open(stream_);
  EXPECT_EQ(recorded.AllMedia(), sent);
  ASSERT_EQ(recorded.media.size(), 3U);
  EXPECT_EQ(recorded.media[0].size(), 5U * 8000);
  EXPECT_EQ(recorded.media[2].size(), 2U * 8000);
  EXPECT_EQ(recorded.bodies[0].codec(), "PCMA");
  EXPECT_EQ(recorded.bodies[0].media(), v1::SegmentBody::PAYLOAD);
  EXPECT_EQ(recorded.bodies[0].call_id(), call_.ToProto());
}

TEST_F(SegmentsTest, ItemsComeInTheOrderThatTheArchiveNeeds) {
  Begin(Opened(stream_));
  Talk(source_, 10, 600);
  End(12'020);
  EXPECT_TRUE(std::holds_alternative<v1::UnitOpened>(items_[0].what));
  EXPECT_TRUE(std::get<v1::Fact>(items_[1].what).has_call_started());
  EXPECT_TRUE(std::get<v1::Fact>(items_[2].what).has_stream_opened());
  const v1::CallEnded& ended = std::get<v1::Fact>(items_.back().what).call_ended();
  ASSERT_EQ(ended.streams_size(), 1);
  EXPECT_EQ(ended.streams(0).segments(), 3U);
  EXPECT_EQ(ended.streams(0).last_segment_hash(), Open(stream_).last_hash);
}

TEST_F(SegmentsTest, TheUnitKeyOpensWithTheIntakeKeyAlone) {
  Begin(Opened(stream_));
  const auto& opened = std::get<v1::UnitOpened>(items_[0].what);
  const absl::StatusOr<SecretKey> key = OpenUnitKey(opened, keys_.pair().private_key);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_TRUE(std::ranges::equal(key->bytes(), unit_key_.bytes()));
}

TEST_F(SegmentsTest, DigestsOfPayloadAndPacketsFit) {
  Begin(Opened(stream_));
  Talk(source_, 10, 100);
  End(2'020);
  const RecordedStream recorded = Open(stream_);
  const v1::SegmentBody& body = recorded.bodies[0];
  EXPECT_EQ(body.payload_digest(), ToString(Sha256({AsBytes(body.payload_opening()), recorded.media[0]})));
  const std::vector<PacketRow> rows = *DecodePackets(body.packets());
  ASSERT_EQ(rows.size(), 100U);
  const std::string pairing_key = keys_.For("")->pairing_key();
  for (size_t i = 0; i < rows.size(); ++i) {
    const Bytes payload = Bytes(recorded.media[0]).subspan(i * 160, 160);
    EXPECT_EQ(rows[i].payload_digest, LoadU32(HmacSha256(AsBytes(pairing_key), payload)));
    EXPECT_EQ(rows[i].arrival_utc_ns, kAnswered + (10 + 20 * static_cast<int64_t>(i)) * kMs);
  }
  EXPECT_EQ(TimeMapOf(body).ToUtc(rows[99].timestamp), rows[99].arrival_utc_ns);
}

// A spool that is read again after a crash makes the same items: the archive has them already.
TEST_F(SegmentsTest, TheSameRecordsMakeTheSameSegmentsAndFacts) {
  const auto record = [&] {
    Restart();
    source_ = {};
    v1::StreamOpened opened = Opened(stream_);
    opened.set_policy(v1::POLICY_OPUS);
    Begin(opened);
    for (int i = 0; i < 700; ++i) {
      const Buffer payload(160, static_cast<uint8_t>(i * 7));
      const Buffer datagram = source_.Next(payload);
      if (i % 50 != 13) Send(10 + 20 * i, datagram);
    }
    End(14'020);
    return std::move(items_);
  };
  const std::vector<Item> first = record(), second = record();
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    if (const auto* segment = std::get_if<SealedSegment>(&first[i].what))
      EXPECT_EQ(segment->sealed, std::get<SealedSegment>(second[i].what).sealed);
    if (const auto* fact = std::get_if<v1::Fact>(&first[i].what))
      EXPECT_EQ(fact->SerializeAsString(), std::get<v1::Fact>(second[i].what).SerializeAsString());
  }
}

// storage/FORMAT.md, "Salt and openings of a segment".
TEST_F(SegmentsTest, SaltAndOpeningsAreDerivedAsTheFormatPageSays) {
  for (const v1::Policy policy : {v1::POLICY_EXACT, v1::POLICY_OPUS}) {
    Restart();
    v1::StreamOpened opened = Opened(stream_);
    opened.set_policy(policy);
    Begin(opened);
    source_ = {};
    Talk(source_, 10, 600);
    End(12'020);
    size_t segments = 0;
    for (const Item& item : items_)
      if (const auto* segment = std::get_if<SealedSegment>(&item.what)) {
        ExpectDerived(segment->sealed);
        ++segments;
      }
    EXPECT_GE(segments, 2U);
  }
}

TEST_F(SegmentsTest, WhatIsRememberedOfAStreamHasLessThanThreeKibibytes) {
  v1::StreamOpened opened = Opened(stream_);
  opened.set_policy(v1::POLICY_OPUS);
  Begin(opened);
  RtpSource source;
  for (int i = 0; i < 3'001; ++i) {
    if (i % 100 == 99) source.Lose(1);
    Send(20 * i + 10, source.Next(Voice(160)));
  }
  EXPECT_LT(streams_.at(stream_)->Save().ByteSizeLong(), 3'072U);
}

TEST_F(SegmentsTest, AQuietStreamIsSealedSoThatTheSpoolCanBeTrimmed) {
  Begin(Opened(stream_));
  Talk(source_, 10, 50);
  EXPECT_EQ(streams_[stream_]->OldestNeeded(), 4U);
  recorder_->OnTime(kAnswered + 2'000 * kMs, position_);
  EXPECT_EQ(Open(stream_).media.size(), 0U);
  recorder_->OnTime(kAnswered + 4'000 * kMs, position_);
  EXPECT_EQ(Open(stream_).media.size(), 1U);
  EXPECT_EQ(streams_[stream_]->OldestNeeded(), UINT64_MAX);
  EXPECT_EQ(Open(stream_).positions[0], 4U);
}

TEST_F(SegmentsTest, UnknownCodecsAreKeptAsPayloadWhateverThePolicy) {
  v1::StreamOpened opened = Opened(stream_);
  opened.set_policy(v1::POLICY_OPUS);
  opened.set_payload_type(96);
  opened.set_codec("X-SECRET");
  source_.payload_type = 96;
  Begin(opened);
  Buffer sent;
  for (int i = 0; i < 100; ++i) {
    const Buffer payload = Voice(33 + static_cast<size_t>(i % 5));
    Append(sent, payload);
    Send(10 + 20 * i, source_.Next(payload));
    source_.timestamp += 160 - static_cast<uint32_t>(payload.size());
  }
  End(2'020);
  EXPECT_EQ(Open(stream_).AllMedia(), sent);
  EXPECT_TRUE(Gaps().empty());
  ExpectTiled(2'020);
}

TEST_F(SegmentsTest, TelephoneEventsAreKeptInSegmentsOfTheirOwn) {
  Begin(Opened(stream_));
  Talk(source_, 10, 50);
  const uint32_t event_timestamp = source_.timestamp;
  for (int i = 1; i <= 5; ++i) {  // RFC 4733: one timestamp, a growing duration.
    source_.timestamp = event_timestamp;
    source_.payload_type = 101;
    Buffer event{5, 10};
    StoreU16(event, static_cast<uint16_t>(160 * i));
    Send(1'010 + 20 * (i - 1), source_.Next(event));
  }
  source_.timestamp = event_timestamp + 800;
  source_.payload_type = 8;
  Talk(source_, 1'110, 50);
  End(2'115);
  const RecordedStream recorded = Open(stream_);
  ASSERT_EQ(recorded.bodies.size(), 3U);
  EXPECT_EQ(recorded.bodies[1].payload_type(), 101U);
  EXPECT_EQ(recorded.media[1].size(), 20U);
  EXPECT_TRUE(Gaps().empty());
  ExpectTiled(2'115);
}

TEST_F(SegmentsTest,
       ASecondSourceOnThePortIsAStreamOfItsOwn) {  // CAPTURE.md: never filter by the first SSRC.
  Begin(Opened(stream_));
  RtpSource other{.ssrc = 7, .sequence = 100, .timestamp = 5};
  const Buffer first = Talk(source_, 10, 100);
  const Buffer second = Talk(other, 1'010, 200);
  End(5'020);
  EXPECT_EQ(Open(stream_).AllMedia(), first);
  const std::vector<v1::Fact> opened = FactsOf(v1::Fact::kStreamOpened);
  ASSERT_EQ(opened.size(), 2U);
  const StreamId second_id = *StreamId::FromProto(opened[1].stream_opened().stream_id());
  EXPECT_EQ(Open(second_id).AllMedia(), second);
  EXPECT_EQ(opened[1].stream_opened().unit_id(), unit_.ToProto());
  ASSERT_EQ(FactsOf(v1::Fact::kCallUpdated).size(), 1U);
  EXPECT_EQ(FactsOf(v1::Fact::kCallUpdated)[0].call_updated().flags(0), v1::CALL_FLAG_SECOND_SSRC);
  EXPECT_EQ(Recorded(second_id), Intervals{Ms(2'010, 5'010)});  // What the first recorded is booked once.
  EXPECT_EQ(FactsOf(v1::Fact::kCallEnded)[0].call_ended().streams_size(), 2);
  ExpectTiled(5'020);
}

TEST_F(SegmentsTest, PortsFullOfSourcesDropFurtherOnes) {
  Begin(Opened(stream_));
  for (uint32_t i = 0; i < 12; ++i) {
    RtpSource source{.ssrc = i};
    Send(10 + 20 * i, source.Next(Voice(160)));
  }
  EXPECT_EQ(tally_.dropped[static_cast<size_t>(Discard::kTooManySources)], 4U);
}

TEST_F(SegmentsTest, MalformedDatagramsAreCountedAndHarmNothing) {  // Never-break rule 7.
  Begin(Opened(stream_));
  Buffer sent;
  for (int i = 0; i < 100; ++i) {
    const Buffer payload = Voice(160);
    Append(sent, payload);
    Send(10 + 20 * i, source_.Next(payload));
    Send(10 + 20 * i, Buffer{0x80, 8, 1});
    Send(10 + 20 * i, Buffer(40, 0x40));
    Send(10 + 20 * i, Buffer{0x80, 200, 0, 1, 0, 0, 0, 0});
  }
  End(2'020);
  EXPECT_EQ(Open(stream_).AllMedia(), sent);
  const v1::PacketCounts counts = FactsOf(v1::Fact::kStreamProgress).back().stream_progress().counts();
  EXPECT_EQ(counts.received(), 400U);
  EXPECT_EQ(counts.recorded(), 100U);
  EXPECT_EQ(counts.dropped().at("too_short"), 100U);
  EXPECT_EQ(counts.dropped().at("bad_version"), 100U);
  EXPECT_EQ(counts.dropped().at("rtcp"), 100U);
}

}  // namespace
}  // namespace turret::node
