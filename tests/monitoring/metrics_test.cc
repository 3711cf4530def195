#include "monitoring/metrics.h"

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/monitoring/scrape.h"

namespace turret {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <class Metrics>
std::string Scrape(const Metrics& metrics) {
  const test::HttpAnswer answer = test::HttpGet(metrics.port(), "/metrics");
  EXPECT_EQ(answer.status, 200);
  return answer.body;
}

std::set<std::string> Names(const std::string& text, const std::string& pattern) {
  std::set<std::string> names;
  const std::regex name(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) names.insert((*at)[1]);
  return names;
}

TEST(Metrics, EveryFamilyOfTheNodeIsToldFromTheStartWithItsHelp) {
  NodeMetrics node;
  CoordinatorMetrics coordinator;
  ASSERT_TRUE(node.Serve("127.0.0.1:0").ok());
  ASSERT_TRUE(coordinator.Serve("127.0.0.1:0").ok());
  std::ostringstream header;
  header << std::ifstream(TURRET_SOURCE "/monitoring/metrics.h").rdbuf();

  const std::set<std::string> served =
      Names(Scrape(node) + Scrape(coordinator), "# HELP (turret_[a-z_]+) [A-Z1]");
  std::set<std::string> promised = Names(header.str(), "// .*?(turret_[a-z_]+)");
  for (const std::string& name :
       {"turret_spool_limit_bytes", "turret_replication_lag_bytes", "turret_archive_bytes_total"})
    promised.insert(name);  // The header abbreviates these.
  EXPECT_EQ(served, promised);
}

TEST(Metrics, CountersWithoutLabelsStartAtZero) {
  NodeMetrics node;
  ASSERT_TRUE(node.Serve("127.0.0.1:0").ok());
  const std::string text = Scrape(node);
  for (const char* line :
       {"\nturret_rtp_packets_received_total 0\n", "\nturret_capture_recorded_seconds_total 0\n",
        "\nturret_capture_gaps_open 0\n", "\nturret_replication_connected 0\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("turret_capture_gap_seconds_total{")))
      << "only lines with a gap have a series";
}

TEST(Metrics, ValuesArriveInBaseUnitsWithTheirLabels) {
  NodeMetrics node;
  node.RtpReceived(50);
  node.RtpReceived(1);
  node.RtpDropped("too_short", 3);
  node.GapSettled("00ff", v1::GAP_CAUSE_PACKET_LOSS, absl::Milliseconds(20));
  node.GapSettled("00ff", v1::GAP_CAUSE_PACKET_LOSS, absl::Milliseconds(40));
  node.CallFlagged(v1::CALL_FLAG_ODD_SDP);
  node.ReplicationLag(absl::Milliseconds(1500), 70000);
  node.SpoolCommit(absl::Milliseconds(2));
  ASSERT_TRUE(node.Serve("127.0.0.1:0").ok());
  const std::string text = Scrape(node);
  EXPECT_THAT(text, HasSubstr("turret_rtp_packets_received_total 51\n"));
  EXPECT_THAT(text, HasSubstr("turret_rtp_packets_dropped_total{reason=\"too_short\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("turret_capture_gap_seconds_total{cause=\"packet_loss\",line=\"00ff\"} 0.06\n"));
  EXPECT_THAT(text, HasSubstr("turret_calls_flagged_total{flag=\"odd_sdp\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("turret_replication_lag_seconds 1.5\n"));
  EXPECT_THAT(text, HasSubstr("turret_replication_lag_bytes 70000\n"));
  EXPECT_THAT(text, HasSubstr("turret_spool_commit_seconds_bucket{le=\"0.0025\"} 1\n"));
}

// T01: the divergence that we keep and show, of every machine.
TEST(Metrics, ClockDivergenceIsToldForTheCoordinatorAndEachNode) {
  CoordinatorMetrics metrics;
  metrics.ClockDivergence(absl::Milliseconds(3));
  metrics.NodeClockDivergence("aa01", absl::Milliseconds(1200));
  ASSERT_TRUE(metrics.Serve("127.0.0.1:0").ok());
  const std::string text = Scrape(metrics);
  EXPECT_THAT(text, HasSubstr("turret_clock_divergence_seconds{node=\"coordinator\"} 0.003\n"));
  EXPECT_THAT(text, HasSubstr("turret_clock_divergence_seconds{node=\"aa01\"} 1.2\n"));
}

TEST(Metrics, PromtoolFindsNothingWrongWithTheNames) {
  NodeMetrics node;
  CoordinatorMetrics coordinator;
  node.RtpDropped("too_short", 1);
  node.GapSettled("00ff", v1::GAP_CAUSE_NO_MEDIA, absl::Seconds(1));
  ASSERT_TRUE(node.Serve("127.0.0.1:0").ok());
  ASSERT_TRUE(coordinator.Serve("127.0.0.1:0").ok());
  for (const std::string& text : {Scrape(node), Scrape(coordinator)}) {
    const test::CommandResult lint = test::RunWithInput("promtool check metrics", text);
    EXPECT_EQ(lint.exit_code, 0) << lint.output;
    EXPECT_EQ(lint.output, "");
  }
}

TEST(Exporter, ServesMetricsAndNothingElse) {
  NodeMetrics node;
  ASSERT_TRUE(node.Serve("127.0.0.1:0").ok());
  for (const char* path :
       {"/", "/metric", "/..%2f..%2fetc/passwd", "/../../../etc/passwd", "/etc/passwd", "/index.html"})
    EXPECT_EQ(test::HttpGet(node.port(), path).status / 100, 4) << path;
}

TEST(Exporter, SaysWhatIsWrongWithAnAddress) {
  NodeMetrics node;
  for (const char* address : {"", "9470", ":9470", "127.0.0.1", "127.0.0.1:", "127.0.0.1:9470s",
                              "127.0.0.1:70000", "127.0.0.1:1,0.0.0.0:2"})
    EXPECT_EQ(node.Serve(address).code(), absl::StatusCode::kInvalidArgument) << address;
  EXPECT_EQ(node.port(), 0);

  ASSERT_TRUE(node.Serve("127.0.0.1:0").ok());
  EXPECT_EQ(node.Serve("127.0.0.1:0").code(), absl::StatusCode::kFailedPrecondition);
  CoordinatorMetrics second;
  EXPECT_EQ(second.Serve("127.0.0.1:" + std::to_string(node.port())).code(), absl::StatusCode::kUnavailable);
}

TEST(Names, CausesAndFlagsAreTheWordsOfTheDesign) {
  EXPECT_EQ(GapCauseName(v1::GAP_CAUSE_PACKET_LOSS), "packet_loss");
  EXPECT_EQ(GapCauseName(v1::GAP_CAUSE_UNSPECIFIED), "unknown");
  EXPECT_EQ(GapCauseName(static_cast<v1::GapCause>(99)), "unknown");
  EXPECT_EQ(CallFlagName(v1::CALL_FLAG_SECOND_SSRC), "second_ssrc");
}

}  // namespace
}  // namespace turret
