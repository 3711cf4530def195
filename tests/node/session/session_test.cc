#include "node/session/session.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/session/session_fixture.h"

namespace turret::node {
namespace {

using test::MakeMetadata;
using test::MakeOffer;
using test::MakeSdp;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

class SessionTest : public test::SessionFixture {
 protected:
  std::unique_ptr<Session> Open(const Offer& offer) {
    auto session = Session::Create(offer, *parts_);
    EXPECT_TRUE(session.ok()) << session.status();
    if (!session.ok()) return nullptr;
    EXPECT_TRUE((*session)->Answered().ok());
    return *std::move(session);
  }
  /// "own:ada" and so on, of each stream.
  std::vector<std::vector<std::string>> Channels() {
    std::vector<std::vector<std::string>> out;
    for (const v1::Fact& fact : Facts(v1::Fact::kStreamOpened)) {
      std::vector<std::string>& names = out.emplace_back();
      for (const v1::ChannelOf& channel : fact.stream_opened().channels())
        names.push_back(std::string(channel.direction() == v1::DIRECTION_OWN ? "own" : "far") +
                        (channel.line_id() == ada_.ToProto() ? ":ada" : ":carl"));
    }
    return out;
  }
  v1::CallStarted Started() { return Facts(v1::Fact::kCallStarted).at(0).call_started(); }
};

TEST_F(SessionTest, WritesUnitCallAndStreamsInThisOrderThenTheEnd) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}, {"2"}}),
                                      MakeMetadata({"sip:ada@bank.example", "sip:marlow@client.example"})));
  EXPECT_EQ(ports_.open(), 2u);
  clock_.Advance(absl::Seconds(30));
  ASSERT_TRUE(session->End(v1::CallEnded::BYE).ok());
  EXPECT_EQ(ports_.open(), 0u);
  const auto spooled = ReadSpool();
  EXPECT_THAT(spooled.order,
              ElementsAre("unit", "call_started", "stream_opened", "stream_opened", "call_ended"));
  EXPECT_EQ(spooled.units[0].call, session->call_id());
  EXPECT_EQ(spooled.facts[1].stream_opened().unit_id(), spooled.units[0].unit.ToProto());
  EXPECT_EQ(spooled.facts[3].call_ended().ended_utc_ns() - spooled.facts[0].call_started().answered_utc_ns(),
            30'000'000'000);
  EXPECT_EQ(spooled.facts[3].call_ended().reason(), v1::CallEnded::BYE);
}

TEST_F(SessionTest, TheMetadataTellsWhoSendsWhatWhateverTheOrder) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}, {"2"}}),
                                      MakeMetadata({"sip:marlow@client.example", "sip:ada@bank.example"})));
  EXPECT_THAT(Channels(), ElementsAre(ElementsAre("far:ada"), ElementsAre("own:ada")));
  const v1::CallStarted started = Started();
  EXPECT_EQ(started.parties_size(), 2);
  EXPECT_EQ(started.policy(), v1::POLICY_EXACT);
  EXPECT_EQ(started.verbatim_size(), 2);
  EXPECT_TRUE(started.flags().empty());
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened)[1].stream_opened().participant_id(), "p2");
}

// C02: one call, both traders' lines.
TEST_F(SessionTest, AnInternalCallIsOnBothLinesUnderTheUnionOfTheirRules) {
  const auto session = Open(
      MakeOffer(MakeSdp({{"1"}, {"2"}}), MakeMetadata({"sip:ada@bank.example", "sip:carl@bank.example"})));
  EXPECT_THAT(Channels(), ElementsAre(UnorderedElementsAre("own:ada", "far:carl"),
                                      UnorderedElementsAre("far:ada", "own:carl")));
  const v1::CallStarted started = Started();
  EXPECT_THAT(started.line_ids(), ElementsAre(ada_.ToProto(), carl_.ToProto()));
  EXPECT_THAT(started.rules(), ElementsAre("mifid5", "gdpr-only"));
  EXPECT_EQ(started.storage_class(), "mifid");
}

TEST_F(SessionTest, AMixedStreamThatIsAloneFeedsBothChannels) {
  std::string metadata = MakeMetadata({"sip:ada@bank.example", "sip:marlow@client.example"});
  for (size_t at; (at = metadata.find("<participantstreamassoc")) != std::string::npos;)
    metadata.erase(at, metadata.find("</participantstreamassoc>") + 25 - at);
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), metadata));
  EXPECT_THAT(Channels(), ElementsAre(UnorderedElementsAre("own:ada", "far:ada")));
}

TEST_F(SessionTest, WithoutAssociationsALabelTellsAndElseTheFirstLineIsTheOwnOne) {
  const auto by_label = Open(MakeOffer(MakeSdp({{"x"}, {"c1"}}), ""));
  EXPECT_THAT(Channels(), ElementsAre(ElementsAre("far:carl"), ElementsAre("own:carl")));
}

// A channel of a line in session that no stream feeds is a gap from answer to end, never unexplained.
TEST_F(SessionTest, AVoiceThatIsNeverSentIsAOneWayGap) {
  const auto session =
      Open(MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example", "sip:marlow@client.example"})));
  clock_.Advance(absl::Seconds(9));
  ASSERT_TRUE(session->End(v1::CallEnded::BYE).ok());
  const v1::Gap gap = Facts(v1::Fact::kGap).at(0).gap();
  EXPECT_EQ(gap.cause(), v1::GAP_CAUSE_ONE_WAY);
  EXPECT_EQ(gap.channels(0).direction(), v1::DIRECTION_FAR);
  EXPECT_EQ(gap.interval().end_utc_ns() - gap.interval().begin_utc_ns(), 9'000'000'000);
}

// C09.
TEST_F(SessionTest, WithoutMetadataTheCallIsAnOrphanUnderTheLongestRuleAndKeptExactly) {
  const auto session = Open(MakeOffer(MakeSdp({{"7"}}), ""));
  const v1::CallStarted started = Started();
  EXPECT_THAT(started.flags(), UnorderedElementsAre(v1::CALL_FLAG_NO_METADATA, v1::CALL_FLAG_ORPHAN));
  EXPECT_THAT(started.rules(), ElementsAre("mifid7"));
  EXPECT_EQ(started.policy(), v1::POLICY_EXACT);
  EXPECT_TRUE(started.line_ids().empty());
}

TEST_F(SessionTest, BrokenMetadataIsKeptVerbatimAndTheCallRecorded) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), "<recording><participant"));
  const v1::CallStarted started = Started();
  EXPECT_THAT(started.flags(), Contains(v1::CALL_FLAG_BROKEN_METADATA));
  EXPECT_EQ(started.verbatim(1).body(), "<recording><participant");
}

// C10.
TEST_F(SessionTest, AnUnknownCodecIsKeptRawWhateverThePolicy) {
  Offer offer = MakeOffer(MakeSdp({{"c1", "sendonly", "97\r\na=rtpmap:97 iLBC/8000"}}), "");
  const auto session = Open(offer);
  EXPECT_THAT(Started().flags(), Contains(v1::CALL_FLAG_UNKNOWN_CODEC));
  const v1::StreamOpened opened = Facts(v1::Fact::kStreamOpened)[0].stream_opened();
  EXPECT_EQ(opened.codec(), "iLBC");
  EXPECT_EQ(opened.policy(), v1::POLICY_EXACT);
  EXPECT_THAT(session->answer_sdp(), HasSubstr("RTP/AVP 97"));
}

// C13.
TEST_F(SessionTest, HoldAndResumeBecomePauseAndRecording) {
  const auto session =
      Open(MakeOffer(MakeSdp({{"1"}, {"2"}}), MakeMetadata({"sip:ada@bank.example", "sip:m@c"})));
  clock_.Advance(absl::Seconds(5));
  const auto held = session->Changed(MakeOffer(MakeSdp({{"1", "inactive"}, {"2", "inactive"}}), ""));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_THAT(*held, Not(HasSubstr("recvonly")));
  clock_.Advance(absl::Seconds(5));
  std::string zero = MakeSdp({{"1"}, {"2"}});
  zero.replace(zero.find("c=IN IP4 127.0.0.1"), 18, "c=IN IP4 0.0.0.0");
  ASSERT_TRUE(session->Changed(MakeOffer(zero, "")).ok());  // Still held, in the old manner.
  ASSERT_TRUE(session->Changed(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());
  const auto pauses = Facts(v1::Fact::kStreamPauseChanged);
  ASSERT_EQ(pauses.size(), 4u);
  EXPECT_TRUE(pauses[0].stream_pause_changed().paused());
  EXPECT_FALSE(pauses[2].stream_pause_changed().paused());
  EXPECT_EQ(pauses[2].utc_ns() - pauses[0].utc_ns(), 5'000'000'000);
}

TEST_F(SessionTest, ACallThatBeginsOnHoldSaysSo) {
  const auto session = Open(MakeOffer(MakeSdp({{"1", "inactive"}}), ""));
  EXPECT_EQ(Facts(v1::Fact::kStreamPauseChanged).size(), 1u);
  EXPECT_THAT(session->answer_sdp(), HasSubstr("a=inactive"));
}

TEST_F(SessionTest, LaterMetadataUpdatesThePartiesAndIsKept) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example"})));
  const auto answer =
      session->Changed(MakeOffer("", MakeMetadata({"sip:ada@bank.example", "sip:new@c.example"})));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer, "");
  const v1::CallUpdated updated = Facts(v1::Fact::kCallUpdated).at(0).call_updated();
  EXPECT_EQ(updated.parties_size(), 2);
  EXPECT_EQ(updated.verbatim_size(), 1);
}

TEST_F(SessionTest, ARefreshWithTheSameOfferSaysNothing) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), ""));
  ASSERT_TRUE(session->Changed(MakeOffer(MakeSdp({{"1"}}), "")).ok());
  EXPECT_THAT(ReadSpool().order, ElementsAre("unit", "call_started", "stream_opened"));
}

TEST_F(SessionTest, ANewMediaLineBecomesANewStream) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example", "sip:m@c"})));
  const auto answer = session->Changed(MakeOffer(MakeSdp({{"1"}, {"2"}}), ""));
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(*answer, HasSubstr("m=audio 20002"));
  EXPECT_THAT(Channels(), ElementsAre(ElementsAre("own:ada"), ElementsAre("far:ada")));
}

TEST_F(SessionTest, AStreamsCodecCannotChangeAndTheSessionGoesOn) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), ""));
  EXPECT_TRUE(
      absl::IsInvalidArgument(session->Changed(MakeOffer(MakeSdp({{"1", "sendonly", "0"}}), "")).status()));
  EXPECT_THAT(*session->Changed(MakeOffer(MakeSdp({{"1", "sendonly", "0 8"}}), "")),
              HasSubstr("RTP/AVP 8\r\n"));
  EXPECT_TRUE(session->End(v1::CallEnded::BYE).ok());
}

TEST_F(SessionTest, OddSdpAndOddContactAreFlagged) {
  Offer offer = MakeOffer("v=0\nm=audio 4000 RTP/AVP 8\nz\na=label:1\n", "");
  offer.odd_contact = true;
  const auto session = Open(offer);
  EXPECT_THAT(Started().flags(), Contains(v1::CALL_FLAG_ODD_SDP));
  EXPECT_THAT(Started().flags(), Contains(v1::CALL_FLAG_ODD_CONTACT));
}

TEST_F(SessionTest, WhatCannotBeRecordedIsRefusedAndLeavesNothing) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      Session::Create(MakeOffer("v=0\r\nm=video 4000 RTP/AVP 98\r\n", ""), *parts_).status()));
  ports_.left = 1;
  EXPECT_TRUE(
      absl::IsResourceExhausted(Session::Create(MakeOffer(MakeSdp({{"1"}, {"2"}}), ""), *parts_).status()));
  EXPECT_EQ(ports_.open(), 0u);
  EXPECT_TRUE(ReadSpool().order.empty());
}

TEST_F(SessionTest, WithoutTheArchivesKeysNoCallIsTaken) {
  enrolment_ =
      EnrolmentCache::Open(environment_, folder_ / "none", SecretKey::Make(random_), random_).value();
  const SessionParts parts{*spool_, ports_,  presence_, *enrolment_, metrics_,
                           clock_,  random_, node_,     "192.0.2.7"};
  EXPECT_TRUE(absl::IsUnavailable(Session::Create(MakeOffer(MakeSdp({{"1"}}), ""), parts).status()));
}

TEST_F(SessionTest, PresenceAndTheCallAgreeToTheNanosecond) {
  const auto session = Open(MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example"})));
  clock_.Advance(absl::Seconds(3));
  ASSERT_TRUE(session->End(v1::CallEnded::BYE).ok());
  clock_.Advance(absl::Seconds(3));
  const v1::Presence record = presence_.Close({})[0].presence();
  ASSERT_EQ(record.busy_size(), 2);
  EXPECT_EQ(record.busy(0).intervals(0).begin_utc_ns(), Started().answered_utc_ns());
  EXPECT_EQ(record.busy(0).intervals(0).end_utc_ns(),
            Facts(v1::Fact::kCallEnded).at(0).call_ended().ended_utc_ns());
}

}  // namespace
}  // namespace turret::node
