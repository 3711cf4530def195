#include "coordinator/coverage/coverage.h"
#include "coordinator/coverage/intervals.h"
#include "fmt/format.h"
#include "gmock/gmock.h"

namespace turret::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Told(const google::protobuf::RepeatedPtrField<v1::CoverageKind>& intervals) {
  std::vector<std::string> told;
  for (const v1::CoverageKind& booked : intervals)
    told.push_back(fmt::format("{}-{} {}{}{}", booked.interval().begin_utc_ns(),
                               booked.interval().end_utc_ns(), booked.kind(),
                               booked.detail().empty() ? "" : "/", booked.detail()));
  return told;
}

class BooksTest : public ::testing::Test {
 protected:
  BooksTest() {
    evidence_.enrolled = {MakeInterval(0, 100)};
    evidence_.proven = {MakeInterval(0, 100)};
    evidence_.streams.resize(2);
    evidence_.streams[0].id = "aa";
    evidence_.streams[1].id = "bb";
  }
  v1::ChannelCoverage Compute() {
    errors_.clear();
    return ComputeChannel(v1::DIRECTION_OWN, evidence_, errors_);
  }
  std::vector<std::string> Books() { return Told(Compute().intervals()); }

  ChannelEvidence evidence_;
  std::vector<std::string> errors_;
};

// C01: the four kinds, each from its own evidence.
TEST_F(BooksTest, FourKindsTileTheEnrolledTimeAndAddUp) {
  evidence_.idle = {MakeInterval(0, 10), MakeInterval(60, 100)};
  ChannelEvidence::Stream& stream = evidence_.streams[0];
  stream.edges = {MakeInterval(10, 12), MakeInterval(58, 60)};
  stream.recorded = {MakeInterval(12, 30), MakeInterval(35, 50)};
  stream.silence = {MakeInterval(40, 45)};
  stream.gaps = {{MakeInterval(30, 35), v1::GAP_CAUSE_PACKET_LOSS}};
  stream.paused = {MakeInterval(50, 58)};
  EXPECT_THAT(Books(), ElementsAre("0-10 idle", "10-12 idle/edge", "12-30 recorded", "30-35 gap/packet_loss",
                                   "35-40 recorded", "40-45 recorded/silence", "45-50 recorded",
                                   "50-58 paused", "58-60 idle/edge", "60-100 idle"));
  const v1::CoverageTotals totals = Compute().totals();
  EXPECT_EQ(totals.enrolled_ns(), 100);
  EXPECT_EQ(totals.recorded_ns(), 33);
  EXPECT_EQ(totals.idle_ns(), 54);
  EXPECT_EQ(totals.paused_ns(), 8);
  EXPECT_EQ(totals.gap_ns(), 5);
  EXPECT_EQ(totals.edge_ns(), 4);
  EXPECT_EQ(totals.silence_ns(), 5);
  EXPECT_EQ(totals.gap_by_cause_ns().at("packet_loss"), 5);
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(BooksTest, LeftOverTimeIsAGapThatIsExplainedUnprovenOrUnknown) {
  evidence_.proven = {MakeInterval(40, 100)};
  evidence_.idle = {MakeInterval(20, 60)};
  evidence_.explained = {{MakeInterval(70, 80), v1::GAP_CAUSE_NODE_DOWN},
                         {MakeInterval(75, 85), v1::GAP_CAUSE_ONE_WAY}};
  EXPECT_THAT(Books(), ElementsAre("0-40 gap/unproven", "40-60 idle", "60-70 gap/unknown",
                                   "70-80 gap/node_down", "80-85 gap/one_way", "85-100 gap/unknown"));
}

TEST_F(BooksTest, EdgeNeedsNoProofBecauseTheCallIsOne) {
  evidence_.proven.clear();
  evidence_.streams[0].edges = {MakeInterval(0, 100)};
  EXPECT_THAT(Books(), ElementsAre("0-100 idle/edge"));
}

TEST_F(BooksTest, KindsThatOverlapInOneStreamAreAnErrorAndTheWorstCounts) {
  evidence_.streams[0].recorded = {MakeInterval(0, 60)};
  evidence_.streams[0].paused = {MakeInterval(50, 100)};
  evidence_.streams[0].gaps = {{MakeInterval(90, 100), v1::GAP_CAUSE_CAPACITY}};
  EXPECT_THAT(Books(), ElementsAre("0-50 recorded", "50-90 paused", "90-100 gap/capacity"));
  EXPECT_THAT(errors_,
              ElementsAre(HasSubstr("stream aa: gap and paused overlap by 10 ns, first at 90"),
                          HasSubstr("stream aa: paused and recorded overlap by 10 ns, first at 50")));
}

TEST_F(BooksTest, IdlenessThatANodeStatesDuringACallIsAnError) {
  evidence_.streams[0].recorded = {MakeInterval(0, 60)};
  evidence_.idle = {MakeInterval(55, 100)};
  EXPECT_THAT(Books(), ElementsAre("0-60 recorded", "60-100 idle"));
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("recorded and idle overlap by 5 ns")));
}

TEST_F(BooksTest, SilenceOutsideOfWhatIsRecordedIsAnErrorAndNotBooked) {
  evidence_.streams[0].recorded = {MakeInterval(0, 60)};
  evidence_.streams[0].silence = {MakeInterval(50, 70)};
  EXPECT_THAT(Books(), ElementsAre("0-50 recorded", "50-60 recorded/silence", "60-100 gap/unknown"));
  EXPECT_THAT(errors_, ElementsAre(HasSubstr("silence")));
}

TEST_F(BooksTest, CallersOnHoldAndSpeakingAtOnceAreNoErrorAndTheWorstCounts) {
  evidence_.streams[0].paused = {MakeInterval(0, 50)};
  evidence_.streams[1].recorded = {MakeInterval(20, 100)};
  EXPECT_THAT(Books(), ElementsAre("0-50 paused", "50-100 recorded"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(BooksTest, EvidenceOutsideOfTheEnrolledTimeIsNotBooked) {
  evidence_.enrolled = {MakeInterval(10, 20), MakeInterval(40, 50)};
  evidence_.streams[0].recorded = {MakeInterval(0, 45)};
  evidence_.idle = {MakeInterval(45, 90)};
  EXPECT_THAT(Books(), ElementsAre("10-20 recorded", "40-45 recorded", "45-50 idle"));
  EXPECT_EQ(Compute().totals().enrolled_ns(), 20);
}

TEST_F(BooksTest, LineIsTheWorstOfItsChannels) {
  v1::CoverageReport report;
  evidence_.streams[0].recorded = {MakeInterval(0, 60)};
  evidence_.streams[0].silence = {MakeInterval(20, 60)};
  evidence_.idle = {MakeInterval(60, 100)};
  *report.add_channels() = Compute();
  evidence_.streams[0] = {.id = "aa", .recorded = {MakeInterval(0, 40)}, .silence = {MakeInterval(10, 30)}};
  evidence_.streams[0].edges = {MakeInterval(40, 42), MakeInterval(60, 62)};
  evidence_.streams[0].paused = {MakeInterval(42, 50)};
  evidence_.streams[0].gaps = {{MakeInterval(50, 60), v1::GAP_CAUSE_NO_MEDIA}};
  evidence_.idle = {MakeInterval(62, 100)};
  *report.add_channels() = Compute();
  CombineChannels(report);
  EXPECT_THAT(
      Told(report.intervals()),
      ElementsAre("0-20 recorded", "20-30 recorded/silence", "30-40 recorded", "40-42 recorded/silence",
                  "42-50 paused", "50-60 gap/no_media", "60-62 idle/edge", "62-100 idle"));
  EXPECT_EQ(report.totals().enrolled_ns(), 100);
  EXPECT_EQ(report.totals().gap_ns(), 10);
}

}  // namespace
}  // namespace turret::coordinator
