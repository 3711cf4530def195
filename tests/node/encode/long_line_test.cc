// An open line of hours whose clock drifts, across restarts: where its audio lies in time stays right.
#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "storage/segment/segment.h"
#include "tests/node/encode/node_runs.h"

namespace turret::node {
namespace {

constexpr int64_t kPacketMs = 60;
constexpr int64_t kPackets = int64_t{4} * 3600 * 1000 / kPacketMs;
constexpr int64_t kDriftPpm = 100;
constexpr int64_t kOutageMs = 20'000;

// When the first sample of a packet was, by a true clock: the source's runs slow.
int64_t TruthNs(int64_t packet) {
  const int64_t nominal_ns = packet * kPacketMs * kMs;
  return kAnswered + nominal_ns + nominal_ns / 1'000'000 * kDriftPpm;
}

class LongLineTest : public testing::Test {
 protected:
  void Begin() {
    node_.Start();
    node_.Append({kAnswered, unit_, call_});
    v1::Fact fact;
    fact.set_fact_id(FactId::Make(random_).ToProto());
    fact.set_call_id(call_.ToProto());
    fact.set_utc_ns(kAnswered);
    fact.mutable_call_started()->set_answered_utc_ns(kAnswered);
    node_.Append({kAnswered, fact, {}});
    fact.set_fact_id(FactId::Make(random_).ToProto());
    v1::StreamOpened& opened = *fact.mutable_stream_opened();
    opened.set_stream_id(stream_.ToProto());
    opened.set_unit_id(unit_.ToProto());
    opened.set_payload_type(8);
    opened.set_codec("PCMA");
    opened.set_ptime_ms(kPacketMs);
    opened.set_policy(v1::POLICY_EXACT);
    opened.set_storage_class("mifid");
    opened.set_day("2026-09-21");
    node_.Append({kAnswered, fact, {}});
    node_.CatchUp();
    opening_end_ = node_.spool().Stats().position_durable;
  }
  void Send(int64_t packet) {
    const int64_t utc_ns = TruthNs(packet) + static_cast<int64_t>(engine_() % 10) * kMs;
    node_.clock().Advance(absl::FromUnixNanos(utc_ns) - node_.clock().Utc());
    RtpSource source{.sequence = static_cast<uint16_t>(65'000 + packet),
                     .timestamp = static_cast<uint32_t>(packet * kPacketMs * 8)};
    node_.Append({utc_ns, std::pair(stream_, source.Next(Buffer(kPacketMs * 8, 0x55))), {}});
  }
  void End(int64_t utc_ns) {
    v1::Fact fact;
    fact.set_fact_id(FactId::Make(random_).ToProto());
    fact.set_call_id(call_.ToProto());
    fact.set_utc_ns(utc_ns);
    fact.mutable_call_ended()->set_ended_utc_ns(utc_ns);
    node_.Append({utc_ns, fact, {}});
    node_.Finish();
  }

  const uint64_t seed_ = test::Seed(70);
  std::mt19937_64 engine_{seed_};
  test::SeededRandom random_{seed_};
  CallId call_ = CallId::Make(random_);
  UnitId unit_ = UnitId::Make(random_);
  StreamId stream_ = StreamId::Make(random_);
  NodeRuns node_{seed_, 1024 * 1024};
  uint64_t opening_end_ = 0;
};

TEST_F(LongLineTest, FourHoursOfDriftAndThreeRestartsStayWithin20MillisecondsOfTheTruth) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  Begin();
  std::vector<std::pair<int64_t, int64_t>> outages;  // First packet that is missing, and the first after.
  for (int64_t packet = 0; packet < kPackets; ++packet) {
    Send(packet);
    if (packet % 17 == 0) node_.Commit();
    if (packet % 1'000 == 999) {
      node_.CatchUp();
      node_.AcknowledgeAndTrim(SIZE_MAX);
    }
    if (packet % (kPackets / 4) != kPackets / 4 - 5 || outages.size() == 3) continue;
    node_.Commit();
    EXPECT_GT(node_.spool().Oldest(), opening_end_) << "the opening records are still there";
    node_.Crash(/*power_cut=*/true);
    node_.clock().Advance(absl::Milliseconds(kOutageMs));
    outages.emplace_back(packet + 1, packet + 1 + kOutageMs / kPacketMs);
    packet += kOutageMs / kPacketMs;
    node_.Start();
  }
  End(TruthNs(kPackets));
  EXPECT_EQ(node_.archive().forks(), std::vector<std::string>{});

  int64_t worst_ns = 0;
  std::map<int64_t, int64_t> packets;
  for (const Buffer& sealed : node_.archive().Segments(stream_)) {
    const absl::StatusOr<Buffer> plaintext = OpenSegment(sealed, node_.unit_key());
    ASSERT_TRUE(plaintext.ok()) << plaintext.status();
    const absl::StatusOr<Plaintext> segment = ParsePlaintext(*plaintext);
    ASSERT_TRUE(segment.ok()) << segment.status();
    const TimeMapPiece map = TimeMapOf(segment->body);
    const absl::StatusOr<std::vector<PacketRow>> rows = DecodePackets(segment->body.packets());
    ASSERT_TRUE(rows.ok()) << rows.status();
    for (const PacketRow& row : *rows) {
      const int64_t packet = row.timestamp / (kPacketMs * 8);
      const int64_t off_ns = map.ToUtc(row.timestamp) - TruthNs(packet);
      worst_ns = std::max(worst_ns, std::abs(off_ns));
      ++packets[packet];
    }
  }
  EXPECT_LE(worst_ns, 20 * kMs);
  const std::vector<v1::Gap> gaps = node_.archive().Gaps(v1::GAP_CAUSE_NODE_DOWN);
  ASSERT_EQ(gaps.size(), outages.size());
  for (size_t i = 0; i < outages.size(); ++i) {
    const auto& [first, after] = outages[i];
    EXPECT_EQ(gaps[i].missing_packets(), static_cast<uint64_t>(after - first));
    EXPECT_NEAR(static_cast<double>(gaps[i].interval().begin_utc_ns()), static_cast<double>(TruthNs(first)),
                20e6);
    EXPECT_NEAR(static_cast<double>(gaps[i].interval().end_utc_ns()), static_cast<double>(TruthNs(after)),
                20e6);
    EXPECT_FALSE(packets.contains(first));
    EXPECT_EQ(packets[first - 1], 1);
    EXPECT_EQ(packets[after], 1);
  }
  EXPECT_TRUE(node_.archive().Gaps(v1::GAP_CAUSE_PACKET_LOSS).empty());
}

}  // namespace
}  // namespace turret::node
