// What happens at the next start to calls that a process left without an end.
#include "node/session/lost_calls.h"

#include "gtest/gtest.h"
#include "tests/node/session/session_fixture.h"

namespace turret::node {
namespace {

using test::MakeOffer;
using test::MakeSdp;

class LostCallsTest : public test::SessionFixture {
 protected:
  std::unique_ptr<Session> Answer() {
    auto session = Session::Create(MakeOffer(MakeSdp({{"1"}}), ""), *parts_).value();
    EXPECT_TRUE(session->Answered().ok());
    return session;
  }
  void Journal(const Session& session) {
    v1::JournaledDialog dialog;
    dialog.set_call_id(session.call_id().ToProto());
    *dialog.mutable_session() = session.Journaled();
    journal_->Put(std::move(dialog));
    ASSERT_TRUE(journal_->Commit().ok());
  }
  int EndLost() {
    EXPECT_TRUE(spool_->Commit().ok());
    const auto ended = EndLostCalls(*spool_, *journal_, random_);
    EXPECT_TRUE(ended.ok()) << ended.status();
    return ended.value_or(-1);
  }
};

TEST_F(LostCallsTest, ACallThatNoJournalKnowsEndsWhereItsEvidenceEnds) {
  const auto session = Answer();
  EXPECT_EQ(EndLost(), 1);
  const std::vector<v1::Fact> ended = Facts(v1::Fact::kCallEnded);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].call_id(), session->call_id().ToProto());
  EXPECT_EQ(ended[0].call_ended().reason(), v1::CallEnded::NODE_LOST);
  EXPECT_EQ(EndLost(), 0);
}

TEST_F(LostCallsTest, ACallThatTheJournalKnowsGoesOn) {
  const auto known = Answer();
  Journal(*known);
  const auto unknown = Answer();
  EXPECT_EQ(EndLost(), 1);
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).at(0).call_id(), unknown->call_id().ToProto());
  ASSERT_EQ(journal_->Dialogs().size(), 1u);
  EXPECT_FALSE(journal_->Dialogs()[0].over());
}

TEST_F(LostCallsTest, ACallThatEndedAndIsStillInTheJournalIsOver) {
  const auto session = Answer();
  Journal(*session);
  ASSERT_TRUE(session->End(v1::CallEnded::BYE).ok());
  EXPECT_EQ(EndLost(), 0);
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).size(), 1u);
  ASSERT_EQ(journal_->Dialogs().size(), 1u);
  EXPECT_TRUE(journal_->Dialogs()[0].over());
}

TEST_F(LostCallsTest, WhatLiesBeforeASettledPositionIsNotReadAgain) {
  const auto before = Answer();
  ASSERT_TRUE(spool_->Commit().ok());
  journal_->Settle(spool_->Stats().position_durable);
  const auto behind = Answer();
  const auto ended = Answer();
  Journal(*ended);
  ASSERT_TRUE(ended->End(v1::CallEnded::BYE).ok());
  EXPECT_EQ(EndLost(), 1);
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).back().call_id(), behind->call_id().ToProto());
  EXPECT_TRUE(journal_->Dialogs().at(0).over());
}

}  // namespace
}  // namespace turret::node
