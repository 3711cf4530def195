// A session of an earlier process, taken up from what the journal keeps: the same call goes on.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/session/session_fixture.h"

namespace turret::node {
namespace {

using test::MakeMetadata;
using test::MakeOffer;
using test::MakeSdp;

class SessionRestoreTest : public test::SessionFixture {
 protected:
  std::unique_ptr<Session> Answer(const Offer& offer) {
    auto session = Session::Create(offer, *parts_);
    EXPECT_TRUE(session.ok()) << session.status();
    EXPECT_TRUE((*session)->Answered().ok());
    return *std::move(session);
  }
  /// As the journal keeps it: through its bytes.
  static v1::JournaledSession Copy(const Session& session) {
    v1::JournaledSession copy;
    EXPECT_TRUE(copy.ParseFromString(session.Journaled().SerializeAsString()));
    return copy;
  }
  std::unique_ptr<Session> Restore(const v1::JournaledSession& journaled) {
    auto session = Session::Restore(journaled, *parts_);
    EXPECT_TRUE(session.ok()) << session.status();
    return *std::move(session);
  }
  std::vector<StreamId> reopened_;
};

TEST_F(SessionRestoreTest, GoesOnUnderTheSameIdsOnTheSamePortsAndSaysNothingAgain) {
  auto first = Answer(MakeOffer(MakeSdp({{"1"}, {"2"}}), MakeMetadata({"sip:ada@bank.example", "sip:x@y"})));
  const v1::JournaledSession journaled = Copy(*first);
  const auto ports = ports_.streams();
  const size_t facts = ReadSpool().facts.size();
  first.reset();
  ASSERT_EQ(ports_.open(), 0u);

  const auto second = Restore(journaled);
  EXPECT_EQ(ports_.open(), 0u);
  EXPECT_TRUE(second->ReopenPorts(reopened_));
  EXPECT_EQ(ports_.streams(), ports);
  EXPECT_EQ(ReadSpool().facts.size(), facts);
  EXPECT_EQ(second->Journaled().SerializeAsString(), journaled.SerializeAsString());
  ASSERT_TRUE(second->End(v1::CallEnded::BYE).ok());
  EXPECT_EQ(ports_.open(), 0u);
  const std::vector<v1::Fact> ended = Facts(v1::Fact::kCallEnded);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].call_id(), journaled.call_id());
}

TEST_F(SessionRestoreTest, ItsChannelsAreStillFedSoThatNoGapIsBookedForThem) {
  const v1::JournaledSession journaled =
      Copy(*Answer(MakeOffer(MakeSdp({{"1"}, {"2"}}), MakeMetadata({"sip:ada@bank.example", "sip:x@y"}))));
  const auto second = Restore(journaled);
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(second->End(v1::CallEnded::BYE).ok());
  EXPECT_TRUE(Facts(v1::Fact::kGap).empty());
}

TEST_F(SessionRestoreTest, ALineIsBusyFromTheRestartOn) {
  const v1::JournaledSession journaled =
      Copy(*Answer(MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example"}))));
  Presence presence(node_, RunId::Make(random_), clock_, random_);
  SessionParts parts{*spool_, ports_, presence, *enrolment_, metrics_, clock_, random_, node_, "192.0.2.7"};
  const auto second = Session::Restore(journaled, parts);
  ASSERT_TRUE(second.ok());
  (void)presence.SetEnrolment(1, {});
  clock_.Advance(absl::Seconds(10));
  const std::vector<v1::Fact> facts = presence.Close({});
  ASSERT_EQ(facts.size(), 1u);
  ASSERT_EQ(facts[0].presence().busy_size(), 2);
  EXPECT_EQ(facts[0].presence().busy(0).line_id(), ada_.ToProto());
  const v1::Interval& busy = facts[0].presence().busy(0).intervals(0);
  EXPECT_EQ(busy.begin_utc_ns(), facts[0].presence().interval().begin_utc_ns());
  EXPECT_EQ(busy.end_utc_ns(), facts[0].presence().interval().end_utc_ns());
}

TEST_F(SessionRestoreTest, HoldResumeAndANewMediaLineComeAfterItAsBefore) {
  const Offer offer = MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example"}));
  const auto session = Restore(Copy(*Answer(offer)));
  ASSERT_TRUE(session->ReopenPorts(reopened_));
  const auto held = session->Changed(MakeOffer(MakeSdp({{"1", "inactive"}}), ""));
  ASSERT_TRUE(held.ok());
  EXPECT_THAT(*held, testing::HasSubstr("m=audio 20000 "));
  ASSERT_TRUE(session->Changed(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());
  EXPECT_EQ(Facts(v1::Fact::kStreamPauseChanged).size(), 2u);
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 2u);
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).at(1).stream_opened().channels(0).line_id(), ada_.ToProto());
}

TEST_F(SessionRestoreTest, APortThatIsNotFreeYetIsTriedAgain) {
  const auto session = Restore(Copy(*Answer(MakeOffer(MakeSdp({{"1"}, {"2"}}), ""))));
  ports_.busy = 1;
  EXPECT_FALSE(session->ReopenPorts(reopened_));
  EXPECT_EQ(ports_.open(), 1u);
  EXPECT_EQ(reopened_.size(), 1u);
  EXPECT_TRUE(session->ReopenPorts(reopened_));
  EXPECT_EQ(ports_.open(), 2u);
  EXPECT_EQ(reopened_.size(), 2u);
  EXPECT_EQ(ports_.held(), 2u);
  EXPECT_TRUE(ports_.Listen(reopened_).ok());
  EXPECT_EQ(ports_.held(), 0u);
}

TEST_F(SessionRestoreTest, ALineThatWasRetiredMeanwhileKeepsItsCall) {
  const v1::JournaledSession journaled =
      Copy(*Answer(MakeOffer(MakeSdp({{"1"}}), MakeMetadata({"sip:ada@bank.example"}))));
  v1::Welcome welcome;
  welcome.set_ledger_id(enrolment_->ledger().ToProto());
  welcome.add_intake_keys()->set_day("2026-09-21");
  welcome.mutable_enrolment()->set_version(2);
  ASSERT_TRUE(enrolment_->Update(welcome).ok());
  const auto session = Restore(journaled);
  EXPECT_EQ(session->Journaled().line_ids(0), ada_.ToProto());
  ASSERT_TRUE(session->Changed(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());
  EXPECT_TRUE(session->End(v1::CallEnded::BYE).ok());
}

TEST_F(SessionRestoreTest, PartialMetadataWithoutItsBaseAsksForASnapshotUntilOneComes) {
  const std::string partial =
      "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>partial</datamode></recording>";
  const auto session = Restore(Copy(*Answer(MakeOffer(MakeSdp({{"1"}}), partial))));
  EXPECT_TRUE(session->LacksMetadata());
  ASSERT_TRUE(session->Changed(MakeOffer("", MakeMetadata({"sip:ada@bank.example"}))).ok());
  EXPECT_FALSE(session->LacksMetadata());
  EXPECT_FALSE(Restore(Copy(*session))->LacksMetadata());
  EXPECT_FALSE(Answer(MakeOffer(MakeSdp({{"1"}}), ""))->LacksMetadata());
}

TEST_F(SessionRestoreTest, AnOfferOfOursStillAwaitsItsAnswerOnTheSamePorts) {
  auto first = Answer(MakeOffer("", MakeMetadata({"sip:ada@bank.example", "sip:x@y"})));
  ASSERT_TRUE(first->awaits_answer());
  const v1::JournaledSession journaled = Copy(*first);
  const auto ports = ports_.streams();
  first.reset();
  const auto second = Restore(journaled);
  EXPECT_TRUE(second->awaits_answer());
  EXPECT_EQ(second->answer_sdp(), journaled.answer_sdp());
  ASSERT_TRUE(second->ReopenPorts(reopened_));
  EXPECT_EQ(ports_.streams(), ports);
  EXPECT_EQ(ports_.held(), 2u);
  ASSERT_TRUE(second->Acknowledged(MakeOffer(MakeSdp({{"1"}, {"2"}}), "")).ok());
  EXPECT_EQ(ports_.held(), 0u);
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 2u);
}

TEST_F(SessionRestoreTest, WhatIsNoSessionIsRefused) {
  v1::JournaledSession journaled = Copy(*Answer(MakeOffer(MakeSdp({{"1"}}), "")));
  journaled.mutable_streams(0)->set_stream_id("short");
  EXPECT_TRUE(absl::IsInvalidArgument(Session::Restore(journaled, *parts_).status()));
  EXPECT_EQ(ports_.open(), 0u);
}

}  // namespace
}  // namespace turret::node
