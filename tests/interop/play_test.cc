// Both voices of a call through the whole path, bit-exact and in Opus.
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/audio_match.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

struct Path {
  const char* name;
  bool tcp;
};
class PlayTest : public testing::TestWithParam<Path> {
 protected:
  void Place(const std::string& policy, int calls) {
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(2, policy);
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    floor::FloorOptions floor_options;
    floor_options.server = cluster_->sip_address();
    floor_options.tcp = GetParam().tcp;
    floor_options.traders = 2;
    floor_options.calls = calls;
    floor_options.call_length = absl::Seconds(12);
    floor_options.seed = 11;
    auto truth = floor::RunFloor(floor_options);
    ASSERT_TRUE(truth.ok()) << truth.status();
    truth_ = *std::move(truth);
    ASSERT_TRUE(cluster_->WaitUntilSettled(truth_.calls.size(), absl::Seconds(60)));
  }
  std::unique_ptr<Cluster> cluster_;
  floor::FloorTruth truth_;
  TemporaryFolder folder_;
};

// R18. Both voices, both laws, overlapping calls.
TEST_P(PlayTest, ExactPolicyGivesBackEveryPayloadByte) {
  ASSERT_NO_FATAL_FAILURE(Place("exact", 2));
  ExpectEveryPayloadByte(*cluster_, truth_);
  ExpectVerified(*cluster_);
}

TEST_P(PlayTest, OpusPolicyFitsTheSourceAtOneLagWithCorrelationOfNineTenths) {
  ASSERT_NO_FATAL_FAILURE(Place("opus", 2));
  for (const floor::CallTruth& truth : truth_.calls) {
    ASSERT_TRUE(truth.established);
    const nlohmann::json call = FindCall(*cluster_, truth.sip_call_id);
    ASSERT_TRUE(call.is_object());
    const std::string out = folder_ / ("heard" + truth.sip_call_id + ".wav");
    const CommandResult play = cluster_->Ctl({"play", call["call_id"], "--reason", "test", "-o", out});
    ASSERT_EQ(play.exit_code, 0) << play.err;
    const auto wav = ReadWav(out);
    ASSERT_TRUE(wav.ok()) << wav.status();
    ASSERT_EQ(wav->channels.size(), truth.streams.size());
    for (size_t i = 0; i < truth.streams.size(); ++i) {
      const floor::StreamTruth& sent = truth.streams[i];
      const std::vector<int16_t> said = floor::DecodeG711(sent.law, sent.payload);
      const nlohmann::json recorded = StreamOf(call, sent.label)["recorded"][0];
      const int64_t offset_ns = Nanoseconds(recorded, "begin") - Nanoseconds(call, "started");
      const auto offset = static_cast<size_t>((offset_ns * 8 + 500'000) / 1'000'000);
      const std::vector<int16_t>& channel = wav->channels[i];
      const Match match = MatchSpeech(said, std::span(channel).subspan(offset), 400);
      EXPECT_GT(match.windows, 20);
      EXPECT_LE(std::abs(match.lag_samples), 8) << "more than 1 ms";
      EXPECT_GE(match.worst_correlation, 0.9) << "at sample " << match.worst_window_at_samples;
    }
  }
  ExpectVerified(*cluster_);
}

INSTANTIATE_TEST_SUITE_P(Transports, PlayTest, testing::Values(Path{"Udp", false}, Path{"Tcp", true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace turret::test
