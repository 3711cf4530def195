#include "coordinator/turretctl/coverage_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/turretctl/fake_access.h"

namespace turret::turretctl {
namespace {

// C01: the four kinds and that they add up, for the eye.
TEST(CoverageTable, ShowsTheFourKindsTheirSumAndTheCauses) {
  EXPECT_EQ(CoverageTable(test::SomeCoverage(), /*intervals=*/false),
            R"(Line LDN-EQ-014/1, 2026-11-24, enrolled 00:00:00.000 – 10:00:00.000 UTC

  recorded  01:00:00.000   10.000 %  of which silence  00:00:02.000
  idle      08:57:59.949   89.667 %  of which edges  00:00:00.480
  paused    00:02:00.000    0.333 %
  gap       00:00:00.051    0.000 %
            ────────────  ─────────
  sum       10:00:00.000  100.000 %
  enrolled  10:00:00.000             = the sum

  GAP                LENGTH
  no_media     00:00:00.011
  packet_loss  00:00:00.040

  CHANNEL      RECORDED          IDLE        PAUSED           GAP    = ENROLLED
  own      01:00:00.000  08:57:59.949  00:02:00.000  00:00:00.051  10:00:00.000
)");
}

TEST(CoverageTable, ListsEveryIntervalOnRequest) {
  EXPECT_THAT(CoverageTable(test::SomeCoverage(), /*intervals=*/true), ::testing::HasSubstr(R"(
  LINE                   FROM (UTC)    TO (UTC)            LENGTH
  idle                   00:00:00.000  08:57:59.949  08:57:59.949
  recorded               08:57:59.949  09:57:59.949  01:00:00.000
  paused                 09:57:59.949  09:59:59.949  00:02:00.000
  gap       packet_loss  09:59:59.949  09:59:59.989  00:00:00.040
  gap       no_media     09:59:59.989  10:00:00.000  00:00:00.011
)"));
}

TEST(CheckCoverage, SumsAreAddedUpAgain) {
  EXPECT_TRUE(CheckCoverage(test::SomeCoverage()).ok());

  v1::CoverageReport wrong_sum = test::SomeCoverage();
  wrong_sum.mutable_totals()->set_idle_ns(wrong_sum.totals().idle_ns() - 1);
  EXPECT_EQ(CheckCoverage(wrong_sum).code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(CoverageTable(wrong_sum, false), ::testing::HasSubstr("≠ the sum: the books are wrong"));

  v1::CoverageReport hole = test::SomeCoverage();
  hole.mutable_intervals(1)->mutable_interval()->set_begin_utc_ns(
      hole.intervals(1).interval().begin_utc_ns() + 1);
  EXPECT_EQ(CheckCoverage(hole).code(), absl::StatusCode::kDataLoss);

  v1::CoverageReport cause = test::SomeCoverage();
  (*cause.mutable_totals()->mutable_gap_by_cause_ns())["no_media"] += 1;
  EXPECT_EQ(CheckCoverage(cause).code(), absl::StatusCode::kDataLoss);

  v1::CoverageReport channel = test::SomeCoverage();
  channel.mutable_channels(0)->mutable_totals()->set_gap_ns(0);
  EXPECT_EQ(CheckCoverage(channel).code(), absl::StatusCode::kDataLoss);

  v1::CoverageReport contradiction = test::SomeCoverage();
  contradiction.add_errors("recorded and idle overlap");
  EXPECT_EQ(CheckCoverage(contradiction).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace turret::turretctl
