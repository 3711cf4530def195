#include "node/spool/spool_alarm.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "tests/monitoring/scrape.h"

namespace turret::node {
namespace {

using ::testing::HasSubstr;

class SpoolAlarmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = spdlog::default_logger();
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_st>(log_)));
    ASSERT_TRUE(metrics_.Serve("127.0.0.1:0").ok());
  }
  void TearDown() override { spdlog::set_default_logger(before_); }

  void Observe(absl::Duration after = absl::Seconds(1)) { alarm_.Observe(stats_, now_ += after); }
  std::string Scrape() const { return turret::test::HttpGet(metrics_.port(), "/metrics").body; }
  size_t Told(const std::string& what) const {
    size_t times = 0;
    const std::string log = log_.str();
    for (size_t at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) ++times;
    return times;
  }

  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> before_;
  NodeMetrics metrics_;
  SpoolAlarm alarm_{metrics_};
  SpoolStats stats_{.commits = 10};
  absl::Duration now_ = absl::Hours(1);
};

TEST_F(SpoolAlarmTest, AHealthySpoolSaysNothing) {
  Observe();
  stats_.commits += 10;
  Observe();
  EXPECT_EQ(log_.str(), "");
  EXPECT_THAT(Scrape(), HasSubstr("\nturret_spool_commits_failed_total 0\n"));
  EXPECT_THAT(Scrape(), HasSubstr("\nturret_spool_unreadable_bytes_total 0\n"));
  EXPECT_THAT(Scrape(), HasSubstr("\nturret_spool_extents_unopened_total 0\n"));
}

TEST_F(SpoolAlarmTest, FailedCommitsAreCountedAllAndToldWhenTheyBeginOnceAMinuteAndWhenTheyEnd) {
  for (int second = 0; second < 90; ++second) {
    stats_.commits_failed += 10;
    Observe();
  }
  EXPECT_EQ(Told("commits or trims so far"), 2u);
  EXPECT_THAT(Scrape(), HasSubstr("\nturret_spool_commits_failed_total 900\n"));
  Observe();
  EXPECT_EQ(Told("again"), 0u) << "nothing to commit is no success";
  ++stats_.commits;
  Observe();
  Observe();
  EXPECT_EQ(Told("again"), 1u);
  ++stats_.commits_failed;
  Observe();
  EXPECT_EQ(Told("commits or trims so far"), 3u);
}

TEST_F(SpoolAlarmTest, WhatCannotBeReadOrOpenedIsCountedAndToldWithWhatToDo) {
  stats_.extents_unopened = 2;
  Observe();
  stats_.bytes_unreadable = 4096;
  Observe();
  Observe();
  EXPECT_EQ(Told("2 extents of an earlier process"), 1u);
  EXPECT_EQ(Told("4096 committed bytes"), 1u);
  EXPECT_EQ(Told("error"), 2u);
  EXPECT_THAT(Scrape(), HasSubstr("\nturret_spool_unreadable_bytes_total 4096\n"));
  EXPECT_THAT(Scrape(), HasSubstr("\nturret_spool_extents_unopened_total 2\n"));
}

}  // namespace
}  // namespace turret::node
