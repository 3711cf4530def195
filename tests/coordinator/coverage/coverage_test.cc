#include "coordinator/coverage/coverage.h"

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "tests/coordinator/coverage/line_books.h"

namespace turret::coordinator {
namespace {

using test::IntervalOfSeconds;
using test::LineBooks;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CoverageTest : public LineBooks {};

TEST_F(CoverageTest, UnknownLinesAndDaysAreRefused) {
  Enrol(1, 0);
  EXPECT_TRUE(absl::IsNotFound(Report("LDN-2", "2026-11-24", 3600).status()));
  for (const char* day : {"", "2026-11-2", "2026-13-01", "24.11.2026", "2026-11-25"})
    EXPECT_TRUE(absl::IsInvalidArgument(Report("LDN-1", day, 3600).status())) << day;
  EXPECT_TRUE(Report("ldn 1", "2026-11-24", 3600).ok());
}

TEST_F(CoverageTest, LineThatNoCallEverProvedIsUnproven) {
  Enrol(1, 0);
  Listen(0, 7200, 1);
  EXPECT_THAT(Own(7200), ElementsAre("0-7200 gap/unproven"));
}

TEST_F(CoverageTest, IdlenessIsProvenByACallForItsProofAge) {
  Enrol(1, 0, /*proof_age_s=*/1000);
  Listen(0, 7200, 1, {{100, 200}, {1500, 1600}});
  AddRecordedCall(100, 200);
  AddRecordedCall(1500, 1600);
  EXPECT_THAT(Own(7200),
              ElementsAre("0-100 gap/unproven", "100-200 recorded", "200-1100 idle", "1100-1500 gap/unproven",
                          "1500-1600 recorded", "1600-2500 idle", "2500-7200 gap/unproven"));
}

TEST_F(CoverageTest, PresenceCountsOnlyForLinesOfItsEnrolmentVersion) {
  AddVersion(1, 0);
  Enrol(2, 0);
  AddRecordedCall(-100, -50);
  Listen(0, 100, 1);
  Listen(100, 200, 2);
  Listen(200, 300, 3);  // A version that did not change the line.
  EXPECT_THAT(Own(300), ElementsAre("0-100 gap/unknown", "100-300 idle"));
}

TEST_F(CoverageTest, TimeBetweenTwoRunsOfANodeIsNodeDown) {
  Enrol(1, 0);
  AddRecordedCall(-100, -50);
  Listen(0, 100, 1);
  Restart();
  Listen(150, 400, 1);
  EXPECT_THAT(Own(400), ElementsAre("0-100 idle", "100-150 gap/node_down", "150-400 idle"));
}

TEST_F(CoverageTest, TimeBetweenTwoRecordsOfOneRunIsNotExplained) {
  Enrol(1, 0);
  AddRecordedCall(-100, -50);
  Listen(0, 100, 1);
  Listen(150, 400, 1);
  EXPECT_THAT(Own(400), ElementsAre("0-100 idle", "100-150 gap/unknown", "150-400 idle"));
}

TEST_F(CoverageTest, NodeThatIsDownIsNoGapWhileAnotherListens) {
  Enrol(1, 0);
  AddRecordedCall(-100, -50);
  Listen(0, 100, 1);
  Restart();
  Listen(150, 400, 1);
  OtherNode();
  Listen(50, 400, 1, {{120, 130}});  // A call there: busy here says nothing of it, nor the other way round.
  AddRecordedCall(120, 130);
  EXPECT_THAT(Own(400), ElementsAre("0-120 idle", "120-130 recorded", "130-400 idle"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(CoverageTest, OutageOfDaysIsNodeDownOnEachOfThem) {
  Enrol(1, -30 * test::kDayS, 100 * test::kDayS);
  AddRecordedCall(-20 * test::kDayS, -20 * test::kDayS + 10);
  Listen(-20 * test::kDayS, -19 * test::kDayS, 1);
  Restart();
  Listen(2 * test::kDayS, 2 * test::kDayS + 60, 1);
  EXPECT_THAT(Own(5 * test::kDayS), ElementsAre("0-86400 gap/node_down"));
}

TEST_F(CoverageTest, CallWithAStreamForOneDirectionOnlyIsOneWay) {
  Enrol(1, 0);
  Listen(0, 300, 1, {{100, 200}});
  AddRecordedCall(100, 200, {v1::DIRECTION_OWN});
  EXPECT_THAT(Own(300), ElementsAre("0-100 gap/unproven", "100-200 recorded", "200-300 idle"));
  EXPECT_THAT(Far(300), ElementsAre("0-100 gap/unproven", "100-200 gap/one_way", "200-300 idle"));
}

TEST_F(CoverageTest, CallWithoutAnyStreamIsNoMedia) {
  Enrol(1, 0);
  Listen(0, 300, 1, {{100, 200}});
  AddRecordedCall(100, 200, {});
  EXPECT_THAT(Own(300), ElementsAre("0-100 gap/unproven", "100-200 gap/no_media", "200-300 idle"));
}

TEST_F(CoverageTest, GapWithoutAStreamIsBookedOnTheChannelsThatItNames) {
  Enrol(1, 0);
  Listen(0, 300, 1, {{100, 200}});
  v1::Gap& gap = *entries_.AddFact(AddRecordedCall(100, 200, {})).mutable_gap();
  gap.set_cause(v1::GAP_CAUSE_SIGNALLING_LOST);
  *gap.mutable_interval() = IntervalOfSeconds(test::kDayBeginS + 100, test::kDayBeginS + 200);
  *gap.add_channels() = Channel(v1::DIRECTION_OWN);
  EXPECT_THAT(Own(300), ElementsAre("0-100 gap/unproven", "100-200 gap/signalling_lost", "200-300 idle"));
  EXPECT_THAT(Far(300), ElementsAre("0-100 gap/unproven", "100-200 gap/no_media", "200-300 idle"));
}

TEST_F(CoverageTest, OverlappingEvidenceIsReportedAndStillAddsUp) {
  Enrol(1, 0);
  Listen(0, 300, 1, {{100, 150}});
  AddRecordedCall(100, 200);
  EXPECT_THAT(Own(300), ElementsAre("0-100 gap/unproven", "100-200 recorded", "200-300 idle"));
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("own: "), HasSubstr("far: ")));
  EXPECT_THAT(errors_[0], HasSubstr("recorded and idle overlap by 50000000000 ns"));
}

TEST_F(CoverageTest, LineThatWasRetiredAndEnrolledAgainHasBooksForBothTimes) {
  Enrol(1, -1000);
  AddRecordedCall(-100, -50);
  v1::Line retired = line_config_;
  retired.set_retired_utc_ns((test::kDayBeginS + 100) * test::kSecondNs);
  AddVersion(2, 100, &retired);
  v1::Line again = line_config_;
  again.set_enrolled_utc_ns((test::kDayBeginS + 500) * test::kSecondNs);
  AddVersion(3, 500, &again);
  Listen(-200, 600, 1);
  EXPECT_THAT(Own(600), ElementsAre("0-100 idle", "500-600 idle"));
  EXPECT_EQ(report_.totals().enrolled_ns(), 200 * test::kSecondNs);
  EXPECT_EQ(report_.enrolled().end_utc_ns(), (test::kDayBeginS + 600) * test::kSecondNs);
}

TEST_F(CoverageTest, LineThatIsEnrolledAtNoonHasHalfADay) {
  Enrol(1, 43'200);
  AddRecordedCall(43'300, 43'400);
  Listen(43'200, 90'000, 1, {{43'300, 43'400}});
  EXPECT_THAT(Own(2 * test::kDayS),
              ElementsAre("43200-43300 gap/unproven", "43300-43400 recorded", "43400-86400 idle"));
}

TEST_F(CoverageTest, DayOnWhichTheLineWasNotEnrolledHasEmptyBooks) {
  Enrol(1, 2 * test::kDayS);
  EXPECT_THAT(Own(5 * test::kDayS), IsEmpty());
  EXPECT_EQ(report_.totals().enrolled_ns(), 0);
}

}  // namespace
}  // namespace turret::coordinator
