// The books of lines on which packets were lost and calls were silent, against the floor's own list.
#include <cstdlib>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "storage/base/clock.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

constexpr int64_t kPacketNs = 20'000'000;
constexpr int64_t kSeenLateNs =
    250'000'000;  // A message, by the simulator and by the node: both wait for a processor.
constexpr int kTraders = 2;
constexpr int kCalls = 4;
constexpr int kSilentCalls = 1;

struct Interval {
  int64_t begin;
  int64_t end;
};

class BooksTest : public testing::Test {
 protected:
  void SetUp() override {
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(kTraders, "exact");
    options.presence_interval = absl::Milliseconds(500);
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    floor::FloorOptions floor_options;
    floor_options.server = cluster_->sip_address();
    floor_options.traders = kTraders;
    floor_options.calls = kCalls;
    floor_options.silent_calls = kSilentCalls;
    floor_options.call_length = absl::Seconds(10);
    floor_options.stagger = absl::Seconds(6);  // The calls of one trader follow each other.
    floor_options.speech = false;
    floor_options.seed = seed_;
    floor_options.impairments = {.loss = 0.01, .reorder = 0.005, .duplicate = 0.005, .seed = seed_};
    auto truth = floor::RunFloor(floor_options);
    ASSERT_TRUE(truth.ok()) << truth.status();
    truth_ = *std::move(truth);
    day_ = UtcDay(SystemClock().Utc());
    ASSERT_TRUE(cluster_->WaitUntilSettled(kCalls, absl::Seconds(60)));
    int64_t last_end = 0;
    for (const floor::CallTruth& call : truth_.calls) last_end = std::max(last_end, call.ended_utc_ns);
    ASSERT_TRUE(
        WaitUntil([&] { return Nanoseconds(Coverage(0)["enrolled"], "end") > last_end; }, absl::Seconds(60)));
  }

  nlohmann::json Coverage(int trader) const {
    const auto report = cluster_->CtlJson({"coverage", floor::TraderOf(trader).line, day_});
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() && !report->empty() ? report->front() : nlohmann::json();
  }

  // What the floor knows of one direction of a trader's line.
  std::vector<Interval> Losses(int trader, size_t side) const {
    std::vector<Interval> losses;
    for (size_t i = 0; i < truth_.calls.size(); ++i) {
      if (static_cast<int>(i) % kTraders != trader) continue;
      const floor::StreamTruth& stream = truth_.calls[i].streams[side];
      for (const auto& loss : stream.Losses()) {
        const int64_t begin = stream.packets[loss.first_packet].due_utc_ns;
        losses.push_back({begin, begin + kPacketNs * loss.packets});
      }
    }
    return losses;
  }

  static std::vector<Interval> GapsOf(const nlohmann::json& channel, const std::string& cause) {
    std::vector<Interval> gaps;
    for (const nlohmann::json& interval : channel.value("intervals", nlohmann::json::array()))
      if (interval.value("kind", "") == "gap" && interval.value("detail", "") == cause)
        gaps.push_back({Nanoseconds(interval, "begin"), Nanoseconds(interval, "end")});
    return gaps;
  }

  const uint64_t seed_ = Seed(4711);
  std::unique_ptr<Cluster> cluster_;
  floor::FloorTruth truth_;
  std::string day_;
};

// C01, C05: each gap with its bounds, the sums, and nothing unknown.
TEST_F(BooksTest, EveryLossIsAGapWithinOnePacketTimeAndTheBooksAddUp) {
  SCOPED_TRACE(SeedTrace(seed_));
  const std::string metrics = cluster_->NodeMetrics();
  const auto lines = cluster_->CtlJson({"lines"});
  ASSERT_TRUE(lines.ok()) << lines.status();
  ExpectEveryDatagramAccounted(*cluster_, truth_);
  int lost_packets = 0;
  for (int trader = 0; trader < kTraders; ++trader) {
    const nlohmann::json report = Coverage(trader);
    ASSERT_EQ(report.value("channels", nlohmann::json::array()).size(), 2U) << report.dump(2);
    EXPECT_TRUE(report.value("errors", nlohmann::json::array()).empty()) << report["errors"].dump();
    EXPECT_EQ(SecondsAsNanoseconds(report["totals"].value("gap_seconds_by_cause", nlohmann::json::object()),
                                   "unknown"),
              0);
    ExpectAddsUp(report["totals"], report["intervals"], report["enrolled"]);
    double line_loss_seconds = 0;
    for (size_t side = 0; side < 2; ++side) {
      const nlohmann::json& channel = report["channels"][side];
      ExpectAddsUp(channel["totals"], channel["intervals"], report["enrolled"]);
      const std::vector<Interval> want = Losses(trader, side);
      const std::vector<Interval> got = GapsOf(channel, "packet_loss");
      ASSERT_EQ(got.size(), want.size()) << floor::TraderOf(trader).line << " side " << side;
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_LE(std::abs(got[i].begin - want[i].begin), kPacketNs);
        EXPECT_EQ(got[i].end - got[i].begin, want[i].end - want[i].begin);
        line_loss_seconds += static_cast<double>(want[i].end - want[i].begin) / 1e9;
        lost_packets += static_cast<int>((want[i].end - want[i].begin) / kPacketNs);
      }
    }
    for (const nlohmann::json& line : *lines)
      if (line["line"] == floor::TraderOf(trader).line)
        EXPECT_NEAR(
            MetricValue(metrics,
                        fmt::format("turret_capture_gap_seconds_total{{cause=\"packet_loss\",line=\"{}\"}}",
                                    line["line_id"].get<std::string>())),
            line_loss_seconds, 1e-6);
  }
  EXPECT_GT(lost_packets, 10);
  EXPECT_EQ(MetricValue(metrics, "turret_rtp_packets_lost_total"), lost_packets);

  // The call without any RTP: a gap from answer to end, on both directions of its line.
  const floor::CallTruth& silent = truth_.calls[0];
  ASSERT_TRUE(silent.established);
  const nlohmann::json report = Coverage(0);
  for (const nlohmann::json& channel : report["channels"]) {
    std::vector<Interval> gaps = GapsOf(channel, "no_media");
    // A busy machine may play another call late: a gap too, and a true one.
    std::erase_if(gaps, [&](const Interval& gap) {
      return gap.end < silent.answered_utc_ns || gap.begin > silent.ended_utc_ns;
    });
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_LE(std::abs(gaps[0].begin - silent.answered_utc_ns), kSeenLateNs);
    EXPECT_LE(std::abs(gaps[0].end - silent.ended_utc_ns), kSeenLateNs);
  }
  ExpectEveryPayloadByte(*cluster_, truth_);
  ExpectVerified(*cluster_);
}

}  // namespace
}  // namespace turret::test
