// Where the books of a running day end.
#include "coordinator/coverage/coverage.h"
#include "gmock/gmock.h"
#include "tests/coordinator/coverage/line_books.h"

namespace turret::coordinator {
namespace {

using test::LineBooks;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HorizonTest : public LineBooks {
 protected:
  void SetUp() override {
    Enrol(1, -1000);
    AddRecordedCall(-100, -50);
  }
};

TEST_F(HorizonTest, RunningDayEndsAtTheLastRecordOfALivingNode) {
  Listen(0, 60, 1);
  Listen(60, 120, 1);
  EXPECT_THAT(Own(130), ElementsAre("0-120 idle"));
  EXPECT_THAT(Own(300), ElementsAre("0-120 idle"));
}

TEST_F(HorizonTest, NodeThatWasSilentForThreeRecordsHoldsNothingBack) {
  Listen(0, 60, 1);
  Listen(60, 120, 1);
  EXPECT_THAT(Own(301), ElementsAre("0-120 idle", "120-301 gap/unknown"));
}

TEST_F(HorizonTest, ShortRecordsHaveAMinuteToArrive) {
  Listen(0, 1, 1);
  EXPECT_THAT(Own(61), ElementsAre("0-1 idle"));
  EXPECT_THAT(Own(62), ElementsAre("0-1 idle", "1-62 gap/unknown"));
}

TEST_F(HorizonTest, SlowestOfSeveralLivingNodesDecides) {
  Listen(0, 60, 1);
  Listen(60, 120, 1);
  OtherNode();
  Listen(0, 60, 1);
  EXPECT_THAT(Own(125), ElementsAre("0-60 idle"));
  EXPECT_THAT(Own(241), ElementsAre("0-120 idle"));
}

TEST_F(HorizonTest, RunningCallEndsTheBooksWhereItHasNotReportedYet) {
  Listen(0, 60, 1, {{30, 60}});
  Listen(60, 120, 1, {{60, 120}});
  AddRunningCall(30, /*reported_s=*/50);
  EXPECT_THAT(Own(130), ElementsAre("0-30 idle", "30-50 recorded"));
}

TEST_F(HorizonTest, RunningCallThatReportedNothingEndsTheBooksAtItsStart) {
  Listen(0, 60, 1, {{30, 60}});
  AddRunningCall(30, /*reported_s=*/30);
  EXPECT_THAT(Own(70), ElementsAre("0-30 idle"));
}

// A call whose node went away must not hide the time for ever.
TEST_F(HorizonTest, TimeThatACallDoesNotReportInFifteenMinutesIsAGap) {
  for (int64_t at = 0; at < 3600; at += 60) Listen(at, at + 60, 1, {{std::max<int64_t>(at, 30), at + 60}});
  AddRunningCall(30, /*reported_s=*/50);
  EXPECT_THAT(Own(3600), ElementsAre("0-30 idle", "30-50 recorded", "50-2700 gap/unknown"));
}

TEST_F(HorizonTest, DayThatHasJustBegunHasEmptyBooks) {
  Listen(-120, -60, 1);
  Listen(-60, 0, 1);
  EXPECT_THAT(Own(1), IsEmpty());
}

}  // namespace
}  // namespace turret::coordinator
