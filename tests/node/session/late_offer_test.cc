// Calls whose INVITE makes no offer: ours is answered in the ACK (CAPTURE: late offer).
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/session/session.h"
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

class LateOfferTest : public test::SessionFixture {
 protected:
  std::unique_ptr<Session> Open(const std::string& metadata) {
    auto session = Session::Create(MakeOffer("", metadata), *parts_);
    EXPECT_TRUE(session.ok()) << session.status();
    if (!session.ok()) return nullptr;
    EXPECT_TRUE((*session)->Answered().ok());
    return *std::move(session);
  }
  std::vector<std::vector<v1::Direction>> Directions() {
    std::vector<std::vector<v1::Direction>> out;
    for (const v1::Fact& fact : Facts(v1::Fact::kStreamOpened)) {
      out.emplace_back();
      for (const v1::ChannelOf& channel : fact.stream_opened().channels())
        out.back().push_back(channel.direction());
    }
    return out;
  }
  const std::string kAdaAndClient = MakeMetadata({"sip:ada@bank.example", "sip:m@client.example"});
};

TEST_F(LateOfferTest, WeOfferOneStreamForEachOfTheMetadataAndTheyBeginWithTheAnswer) {
  const auto session = Open(kAdaAndClient);
  EXPECT_THAT(session->answer_sdp(),
              HasSubstr("m=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
                        "a=recvonly\r\na=label:1\r\nm=audio 20002 RTP/AVP 8 0\r\n"));
  EXPECT_TRUE(session->awaits_answer());
  EXPECT_EQ(ports_.held(), 2u);
  EXPECT_THAT(ReadSpool().order, ElementsAre("unit", "call_started"));
  ASSERT_TRUE(session->Acknowledged(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());
  EXPECT_FALSE(session->awaits_answer());
  EXPECT_EQ(ports_.held(), 0u);
  EXPECT_EQ(ports_.open(), 2u);
  EXPECT_THAT(ReadSpool().order,
              ElementsAre("unit", "call_started", "call_updated", "stream_opened", "stream_opened"));
  EXPECT_THAT(Directions(), ElementsAre(ElementsAre(v1::DIRECTION_OWN), ElementsAre(v1::DIRECTION_FAR)));
  ASSERT_TRUE(session->Acknowledged(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());  // An ACK that repeats.
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 2u);
}

TEST_F(LateOfferTest, TheAnswerChoosesTheCodecAndTheLabelsOfOurOfferStand) {
  const auto session = Open(kAdaAndClient);
  ASSERT_TRUE(session
                  ->Acknowledged(MakeOffer("v=0\r\no=s 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 "
                                           "127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
                                           "a=sendonly\r\nm=audio 4002 RTP/AVP 8\r\na=inactive\r\n",
                                           ""))
                  .ok());
  const auto opened = Facts(v1::Fact::kStreamOpened);
  ASSERT_EQ(opened.size(), 2u);
  EXPECT_EQ(opened[0].stream_opened().codec(), "PCMU");
  EXPECT_EQ(opened[0].stream_opened().label(), "1");
  EXPECT_EQ(opened[1].stream_opened().codec(), "PCMA");
  EXPECT_EQ(Facts(v1::Fact::kStreamPauseChanged).size(), 1u);
}

TEST_F(LateOfferTest, AnAnswerThatTakesOneStreamOnlyGivesItBothVoices) {
  const auto session = Open("");
  EXPECT_THAT(session->answer_sdp(), HasSubstr("m=audio 20002"));
  std::string answer = MakeSdp({{"c1"}, {"2"}});
  answer.replace(answer.rfind("m=audio 40000"), 13, "m=audio 0");
  ASSERT_TRUE(session->Acknowledged(MakeOffer(answer, "")).ok());
  EXPECT_EQ(ports_.open(), 1u);
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 1u);
}

TEST_F(LateOfferTest, TheMetadataMayComeWithTheAck) {
  const auto session = Open(MakeMetadata({"sip:ada@bank.example"}));
  ASSERT_TRUE(session->Acknowledged(MakeOffer(MakeSdp({{"1"}}), kAdaAndClient)).ok());
  EXPECT_EQ(Facts(v1::Fact::kCallUpdated).at(0).call_updated().parties_size(), 2);
}

// Nothing that comes is lost because of what the ACK says or does not say.
TEST_F(LateOfferTest, AnAckWithoutSdpThatCanBeReadBeginsTheStreamsAsOffered) {
  const auto silent = Open(kAdaAndClient);
  ASSERT_TRUE(silent->Acknowledged({}).ok());
  EXPECT_THAT(Directions(), ElementsAre(ElementsAre(v1::DIRECTION_OWN), ElementsAre(v1::DIRECTION_FAR)));
  const auto odd = Open(kAdaAndClient);
  ASSERT_TRUE(odd->Acknowledged(MakeOffer("v=0 and no more", "")).ok());
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 4u);
  EXPECT_THAT(Facts(v1::Fact::kCallUpdated).at(0).call_updated().flags(), Contains(v1::CALL_FLAG_ODD_SDP));
}

TEST_F(LateOfferTest, ACallThatEndsBeforeItsAckIsWhole) {
  const auto session = Open(kAdaAndClient);
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(session->End(v1::CallEnded::BYE).ok());
  EXPECT_EQ(ports_.open(), 0u);
  EXPECT_THAT(ReadSpool().order,
              ElementsAre("unit", "call_started", "stream_opened", "stream_opened", "call_ended"));
}

TEST_F(LateOfferTest, WithoutPortsNothingIsHeld) {
  ports_.left = 1;
  EXPECT_TRUE(absl::IsResourceExhausted(Session::Create(MakeOffer("", ""), *parts_).status()));
  EXPECT_EQ(ports_.open(), 0u);
}

TEST_F(LateOfferTest, ALaterChangeSeesWhatTheAnswerTook) {
  const auto session = Open(kAdaAndClient);
  ASSERT_TRUE(session->Acknowledged(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());
  EXPECT_THAT(session->answer_sdp(), HasSubstr("m=audio 20000 RTP/AVP 8\r\n"));
  const auto held = session->Changed(MakeOffer(MakeSdp({{"1", "inactive"}, {"2", "inactive"}}), ""));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_THAT(*held, Not(HasSubstr("recvonly")));
  EXPECT_EQ(Facts(v1::Fact::kStreamPauseChanged).size(), 2u);
}

}  // namespace
}  // namespace turret::node
