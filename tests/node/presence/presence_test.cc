#include "node/presence/presence.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

class PresenceTest : public testing::Test {
 protected:
  test::SeededRandom random_{test::Seed(1)};
  test::ManualClock clock_;
  const NodeId node_ = NodeId::Make(random_);
  const LineId line_ = LineId::Make(random_);
  Presence presence_{node_, RunId::Make(random_), clock_, random_};
};

int64_t BusyNs(const v1::Presence& record, v1::Direction direction) {
  int64_t total = 0;
  for (const v1::Presence::Busy& busy : record.busy())
    if (busy.direction() == direction)
      for (const v1::Interval& interval : busy.intervals())
        total += interval.end_utc_ns() - interval.begin_utc_ns();
  return total;
}

TEST_F(PresenceTest, NothingIsStatedBeforeTheNodeListens) {
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(presence_.Close({}).empty());
  EXPECT_TRUE(presence_.SetEnrolment(1, {}).empty());
}

TEST_F(PresenceTest, RecordsOfARunAbutToTheNanosecondAndOnlyTheFirstSaysSo) {
  (void)presence_.SetEnrolment(1, {});
  int64_t end_before = absl::ToUnixNanos(clock_.Utc());
  for (int record = 0; record < 5; ++record) {
    clock_.Advance(absl::Seconds(60) + absl::Nanoseconds(7 * record + 1));
    const std::vector<v1::Fact> facts = presence_.Close({});
    ASSERT_EQ(facts.size(), 1u);
    EXPECT_EQ(facts[0].presence().interval().begin_utc_ns(), end_before);
    EXPECT_EQ(facts[0].presence().first_of_run(), record == 0);
    EXPECT_TRUE(facts[0].call_id().empty());
    end_before = facts[0].presence().interval().end_utc_ns();
  }
}

TEST_F(PresenceTest, BothDirectionsAreBusyFromAnswerToEnd) {
  (void)presence_.SetEnrolment(1, {});
  clock_.Advance(absl::Seconds(10));
  const absl::Time begin = presence_.Begin({line_});
  clock_.Advance(absl::Seconds(20));
  const absl::Time end = presence_.End({line_});
  clock_.Advance(absl::Seconds(30));
  const v1::Presence record = presence_.Close({})[0].presence();
  ASSERT_EQ(record.busy_size(), 2);
  for (const v1::Presence::Busy& busy : record.busy()) {
    ASSERT_EQ(busy.intervals_size(), 1);
    EXPECT_EQ(busy.line_id(), line_.ToProto());
    EXPECT_EQ(busy.intervals(0).begin_utc_ns(), absl::ToUnixNanos(begin));
    EXPECT_EQ(busy.intervals(0).end_utc_ns(), absl::ToUnixNanos(end));
  }
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(presence_.Close({})[0].presence().busy_size(), 0);
}

TEST_F(PresenceTest, ACallOverSeveralRecordsIsBusyInEachWithoutAHole) {
  (void)presence_.SetEnrolment(1, {});
  clock_.Advance(absl::Seconds(50));
  const absl::Time begin = presence_.Begin({line_});
  int64_t busy = 0;
  for (int record = 0; record < 3; ++record) {
    clock_.Advance(absl::Seconds(60));
    busy += BusyNs(presence_.Close({})[0].presence(), v1::DIRECTION_FAR);
  }
  clock_.Advance(absl::Nanoseconds(12345));
  const absl::Time end = presence_.End({line_});
  clock_.Advance(absl::Seconds(60));
  busy += BusyNs(presence_.Close({})[0].presence(), v1::DIRECTION_FAR);
  EXPECT_EQ(busy, absl::ToInt64Nanoseconds(end - begin));
}

TEST_F(PresenceTest, OverlappingCallsOnOneLineMakeOneInterval) {
  (void)presence_.SetEnrolment(1, {});
  const absl::Time begin = presence_.Begin({line_});
  clock_.Advance(absl::Seconds(5));
  (void)presence_.Begin({line_});
  clock_.Advance(absl::Seconds(5));
  (void)presence_.End({line_});
  clock_.Advance(absl::Seconds(5));
  const absl::Time end = presence_.End({line_});
  clock_.Advance(absl::Seconds(5));
  const v1::Presence record = presence_.Close({})[0].presence();
  ASSERT_EQ(record.busy(0).intervals_size(), 1);
  EXPECT_EQ(record.busy(0).intervals(0).begin_utc_ns(), absl::ToUnixNanos(begin));
  EXPECT_EQ(record.busy(0).intervals(0).end_utc_ns(), absl::ToUnixNanos(end));
}

TEST_F(PresenceTest, AnEnrolmentChangeClosesTheIntervalUnderTheOldVersion) {
  (void)presence_.SetEnrolment(7, {});
  clock_.Advance(absl::Seconds(5));
  const std::vector<v1::Fact> facts = presence_.SetEnrolment(8, {});
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0].presence().enrolment_version(), 7u);
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(presence_.Stop({})[0].presence().enrolment_version(), 8u);
  clock_.Advance(absl::Seconds(5));
  EXPECT_TRUE(presence_.Close({}).empty());
}

TEST_F(PresenceTest, AWallClockThatIsSetBackMakesNoIntervalRunBackwards) {
  (void)presence_.SetEnrolment(1, {});
  clock_.Advance(absl::Seconds(10));
  const v1::Interval before = presence_.Close({})[0].presence().interval();
  clock_.StepUtc(-absl::Seconds(5));
  EXPECT_EQ(absl::ToUnixNanos(presence_.Begin({line_})), before.end_utc_ns());
  EXPECT_TRUE(presence_.Close({}).empty());
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(presence_.Close({})[0].presence().interval().begin_utc_ns(), before.end_utc_ns());
}

TEST_F(PresenceTest, CountsTravelWithTheRecord) {
  (void)presence_.SetEnrolment(1, {});
  presence_.CountRefused("malformed");
  presence_.CountRefused("malformed");
  clock_.Advance(absl::Seconds(60));
  NodeCounts counts{.sessions = 3, .clock = {absl::Milliseconds(2), true}};
  counts.packets.set_received(9);
  const v1::Presence record = presence_.Close(counts)[0].presence();
  EXPECT_EQ(record.refused().at("malformed"), 2u);
  EXPECT_EQ(record.sessions(), 3u);
  EXPECT_EQ(record.counts().received(), 9u);
  EXPECT_EQ(record.clock_divergence_ns(), 2'000'000);
  EXPECT_TRUE(record.clock_synchronised());
}

}  // namespace
}  // namespace turret::node
