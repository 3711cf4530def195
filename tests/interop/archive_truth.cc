#include "tests/interop/archive_truth.h"

#include <cmath>
#include <cstring>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/second_verifier/both_verifiers.h"

namespace turret::test {

nlohmann::json FindCall(const Cluster& cluster, const std::string& sip_call_id) {
  const auto calls = cluster.CtlJson({"calls"});
  EXPECT_TRUE(calls.ok()) << calls.status();
  if (!calls.ok()) return {};
  for (const nlohmann::json& call : *calls)
    if (call.value("sip_call_id", "") == sip_call_id) return call;
  return {};
}

nlohmann::json StreamOf(const nlohmann::json& call, const std::string& label) {
  for (const nlohmann::json& stream : call.value("streams", nlohmann::json::array()))
    if (stream.value("label", "") == label) return stream;
  return {};
}

int64_t Nanoseconds(const nlohmann::json& object, const std::string& field) {
  if (!object.is_object() || !object.contains(field) || !object[field].is_string()) return 0;
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, object[field].get<std::string>(), &time, &error)) << error;
  return absl::ToUnixNanos(time);
}

int64_t SecondsAsNanoseconds(const nlohmann::json& object, const std::string& field) {
  return std::llround(object.value(field, 0.0) * 1e9);
}

std::string PlayRaw(const Cluster& cluster, const nlohmann::json& call, const std::string& label) {
  const nlohmann::json stream = StreamOf(call, label);
  EXPECT_TRUE(stream.is_object()) << label;
  if (!stream.is_object()) return "";
  const TemporaryFolder folder;
  const std::string out = folder / "payload";
  const CommandResult play =
      cluster.Ctl({"play", call["call_id"], "--reason", "test", "--raw", stream["stream_id"], "-o", out});
  EXPECT_EQ(play.exit_code, 0) << play.err;
  return ReadFileOrEmpty(out);
}

std::vector<bool> PacketsKept(const Cluster& cluster, const nlohmann::json& call,
                              const floor::StreamTruth& sent) {
  const std::string got = PlayRaw(cluster, call, sent.label);
  std::vector<bool> kept;
  size_t at = 0;
  for (size_t i = 0; i < sent.packets.size(); ++i) {
    const uint8_t* const payload = sent.payload.data() + i * sent.packet_samples;
    kept.push_back(at + sent.packet_samples <= got.size() &&
                   std::memcmp(got.data() + at, payload, sent.packet_samples) == 0);
    if (kept.back()) at += sent.packet_samples;
  }
  EXPECT_EQ(at, got.size()) << "what was not sent, or not in this order";
  return kept;
}

void ExpectAddsUp(const nlohmann::json& totals, const nlohmann::json& intervals,
                  const nlohmann::json& enrolled) {
  const int64_t begin = Nanoseconds(enrolled, "begin");
  const int64_t end = Nanoseconds(enrolled, "end");
  EXPECT_EQ(SecondsAsNanoseconds(totals, "enrolled_seconds"), end - begin);
  EXPECT_EQ(SecondsAsNanoseconds(totals, "recorded_seconds") + SecondsAsNanoseconds(totals, "idle_seconds") +
                SecondsAsNanoseconds(totals, "paused_seconds") + SecondsAsNanoseconds(totals, "gap_seconds"),
            end - begin);
  int64_t at = begin;
  for (const nlohmann::json& interval : intervals) {
    EXPECT_EQ(Nanoseconds(interval, "begin"), at) << "a hole, or an overlap";
    at = Nanoseconds(interval, "end");
  }
  EXPECT_EQ(at, end);
}

void ExpectEveryPayloadByte(const Cluster& cluster, const floor::FloorTruth& truth) {
  for (const floor::CallTruth& sent_call : truth.calls) {
    if (!sent_call.established) continue;
    const nlohmann::json call = FindCall(cluster, sent_call.sip_call_id);
    ASSERT_TRUE(call.is_object()) << "the call left no record: " << sent_call.sip_call_id;
    for (const floor::StreamTruth& sent : sent_call.streams) {
      const std::vector<uint8_t> want = sent.SentPayload();
      const std::string got = PlayRaw(cluster, call, sent.label);
      EXPECT_EQ(got.size(), want.size()) << sent_call.sip_call_id << " stream " << sent.label;
      EXPECT_TRUE(got == std::string(want.begin(), want.end()))
          << sent_call.sip_call_id << " stream " << sent.label;
    }
  }
}

void ExpectEveryDatagramAccounted(const Cluster& cluster, const floor::FloorTruth& truth) {
  const std::string metrics = cluster.NodeMetrics();
  const double received = MetricValue(metrics, "turret_rtp_packets_received_total");
  const double accounted = MetricValue(metrics, "turret_rtp_packets_recorded_total") +
                           MetricValue(metrics, "turret_rtp_packets_duplicate_total") +
                           MetricValue(metrics, "turret_rtp_packets_late_total") +
                           MetricSum(metrics, "turret_rtp_packets_dropped_total");
  EXPECT_EQ(received, accounted);
  EXPECT_EQ(received, static_cast<double>(truth.datagrams_sent));
}

void ExpectVerified(Cluster& cluster) {
  const auto head = cluster.SaveHead();
  ASSERT_TRUE(head.ok()) << head.status();
  for (const bool full : {true, false}) {
    const Verdict verdict = BothVerify(cluster.VerifyArguments(*head, full));
    EXPECT_EQ(verdict.exit_code, 0) << verdict.Told();
  }
  const CommandResult index = cluster.Ctl({"index", "check"});
  EXPECT_EQ(index.exit_code, 0) << index.out << index.err;
}

}  // namespace turret::test
