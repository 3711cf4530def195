// Calls of a node that does not return are closed with their gap, and what it says when it does return
// counts.
#include "coordinator/ingest/call_closer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/coverage/coverage.h"
#include "tests/coordinator/ingest/archive_fixture.h"

namespace turret::coordinator {
namespace {

using test::FakeCall;
using test::FakeNode;
using ::testing::IsEmpty;

constexpr absl::Duration kAfter = absl::Hours(1);

class CallCloserTest : public test::ArchiveFixture {
 protected:
  // Four seconds of a call are held; of two the node has told.
  void SetUp() override {
    OpenOrDie();
    v1::EnrolmentChanged document;
    document.add_lines()->set_name("LDN-1");
    document.set_orphan_storage_class("mifid");
    ASSERT_TRUE(archive_->Enrol(document).ok());
    line_ = archive_->enrolment().lines(0).line_id();
    start_ = clock_.Utc();
    node_.emplace(MakeNode());
    attendance_.Arrived(node_->id());
    call_ = node_->NewCall();
    StoreAll(*node_, {node_->Unit(call_), node_->Started(call_, line_), node_->StreamOpened(call_, line_),
                      node_->Segment(call_), node_->Segment(call_), node_->Segment(call_),
                      node_->Segment(call_), node_->Progress(call_, absl::ZeroDuration(), absl::Seconds(2))});
    closer_.emplace(*archive_, attendance_, metrics_, kAfter);
  }
  void ReopenArchive() {
    closer_.reset();
    archive_.reset();
    OpenOrDie();
    closer_.emplace(*archive_, attendance_, metrics_, kAfter);
  }
  void NodeIsAway(absl::Duration time) {
    attendance_.Left(node_->id(), clock_.Elapsed());
    clock_.Advance(time);
  }
  v1::CallRow Row() const { return *archive_->index().Call(call_.call); }
  int64_t SinceStart(int64_t utc_ns) const { return utc_ns - absl::ToUnixNanos(start_); }
  // Everything that was said about a call of no node, oldest first.
  std::vector<v1::Fact> OwnFacts() const {
    std::vector<v1::Fact> facts;
    for (uint64_t at = 0; at < archive_->ledger().Head().size(); ++at) {
      const auto entry = archive_->ReadEntry(at);
      if (entry->body && entry->body->has_fact() && entry->body->node_id().empty())
        facts.push_back(entry->body->fact());
    }
    return facts;
  }
  v1::CoverageTotals OwnChannel() const {
    v1::CoverageRequest request;
    request.set_line("LDN-1");
    request.set_day(UtcDay(start_));
    const auto report = Coverage(archive_->index(), request, clock_.Utc());
    EXPECT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(report->errors(), IsEmpty());
    const v1::CoverageTotals& totals = report->channels(0).totals();
    EXPECT_EQ(totals.recorded_ns() + totals.idle_ns() + totals.paused_ns() + totals.gap_ns(),
              totals.enrolled_ns());
    return totals;
  }
  void ExpectIndexRebuilds() {
    const auto report = archive_->CheckIndex(folder_ / "rebuilt");
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(report->differences(), IsEmpty());
  }

  std::string line_;
  absl::Time start_;
  Attendance attendance_{clock_.Elapsed()};
  std::optional<FakeNode> node_;
  FakeCall call_;
  std::optional<CallCloser> closer_;
};

TEST_F(CallCloserTest, ACallIsClosedOnceWithWhatIsHeldAndTheGapBehindIt) {
  NodeIsAway(kAfter - absl::Seconds(1));
  ASSERT_TRUE(closer_->Look().ok());
  EXPECT_FALSE(Row().has_ended());
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(closer_->Look().ok());
  const int64_t closed_ns = absl::ToUnixNanos(clock_.Utc());
  const std::vector<v1::Fact> facts = OwnFacts();
  ASSERT_EQ(facts.size(), 1u);
  const v1::CallEnded& ended = facts[0].call_ended();
  EXPECT_EQ(ended.reason(), v1::CallEnded::NODE_AWAY);
  EXPECT_EQ(ended.ended_utc_ns(), closed_ns);
  ASSERT_EQ(ended.streams_size(), 1);
  EXPECT_EQ(ended.streams(0).segments(), 4u);
  EXPECT_EQ(ended.streams(0).last_segment_hash(), ToString(call_.last_hash));
  ASSERT_EQ(ended.streams(0).held_size(), 1);
  EXPECT_EQ(SinceStart(ended.streams(0).held(0).begin_utc_ns()), 2'000'000'000);
  EXPECT_EQ(SinceStart(ended.streams(0).held(0).end_utc_ns()), 4'000'000'000);
  ASSERT_EQ(ended.gaps_size(), 1);
  EXPECT_EQ(ended.gaps(0).cause(), v1::GAP_CAUSE_NODE_DOWN);
  EXPECT_EQ(SinceStart(ended.gaps(0).interval().begin_utc_ns()), 4'000'000'000);
  EXPECT_EQ(ended.gaps(0).interval().end_utc_ns(), closed_ns);
  EXPECT_EQ(Row().ended().reason(), v1::CallEnded::NODE_AWAY);

  const v1::CoverageTotals totals = OwnChannel();
  EXPECT_EQ(totals.recorded_ns(), 4'000'000'000);
  EXPECT_EQ(totals.gap_by_cause_ns().at("node_down"), SinceStart(closed_ns) - 4'000'000'000);
  // Nor by the next process.
  for (int i = 0; i < 2; ++i) {
    clock_.Advance(2 * kAfter);
    ASSERT_TRUE(closer_->Look().ok());
    ReopenArchive();
  }
  EXPECT_EQ(OwnFacts().size(), 1u);
  ExpectIndexRebuilds();
}

TEST_F(CallCloserTest, ANodeThatIsHereKeepsItsCallsHoweverLongTheyRun) {
  clock_.Advance(100 * kAfter);
  ASSERT_TRUE(closer_->Look().ok());
  EXPECT_FALSE(Row().has_ended());
  // A second connection goes, the first one stays.
  attendance_.Arrived(node_->id());
  NodeIsAway(2 * kAfter);
  ASSERT_TRUE(closer_->Look().ok());
  EXPECT_FALSE(Row().has_ended());
}

TEST_F(CallCloserTest, AfterARestartANodeHasAllItsTimeToComeBack) {
  NodeIsAway(kAfter - absl::Seconds(1));
  ReopenArchive();
  const Attendance fresh(clock_.Elapsed());
  CallCloser closer(*archive_, fresh, metrics_, kAfter);
  clock_.Advance(kAfter - absl::Seconds(1));
  ASSERT_TRUE(closer.Look().ok());
  EXPECT_FALSE(Row().has_ended());
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(closer.Look().ok());
  EXPECT_TRUE(Row().has_ended());
}

// The node records on meanwhile, and says so when it comes.
TEST_F(CallCloserTest, WhatAReturningNodeSaysCountsAndNothingIsThereTwice) {
  NodeIsAway(2 * kAfter);
  ASSERT_TRUE(closer_->Look().ok());
  attendance_.Arrived(node_->id());
  StoreAll(*node_, {node_->Segment(call_), node_->Segment(call_),
                    node_->Progress(call_, absl::Seconds(2), absl::Seconds(6))});
  EXPECT_FALSE(Row().has_ended());
  EXPECT_EQ(archive_->index().RunningCalls()->size(), 1u);
  ExpectIndexRebuilds();
  StoreAll(*node_, {node_->Progress(call_, absl::Seconds(6), absl::Seconds(10)), node_->Ended(call_)});
  EXPECT_EQ(Row().ended().reason(), v1::CallEnded::BYE);
  EXPECT_THAT(*archive_->index().RunningCalls(), IsEmpty());
  const v1::CoverageTotals totals = OwnChannel();
  EXPECT_EQ(totals.recorded_ns(), 10'000'000'000);
  EXPECT_EQ(totals.gap_by_cause_ns().count("node_down"), 0u);
}

TEST_F(CallCloserTest, TheNodesOwnEndStandsBeforeAClosingThatComesLater) {
  NodeIsAway(2 * kAfter);
  ASSERT_TRUE(closer_->Look().ok());
  StoreAll(*node_, {node_->Ended(call_)});
  v1::ReplicateRequest late;
  *late.mutable_fact() = OwnFacts().at(0);
  late.mutable_fact()->set_fact_id(FactId::Make(random_).ToProto());
  ASSERT_TRUE(test::SubmitAndWait(*archive_, NodeId{}, {late}).status.ok());
  EXPECT_EQ(Row().ended().reason(), v1::CallEnded::BYE);
}

}  // namespace
}  // namespace turret::coordinator
