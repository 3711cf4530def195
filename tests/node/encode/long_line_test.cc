// Calls of hours whose source's clock drifts, across restarts, judged by the coordinator's own code for
// replay and coverage: what is heard, and what is booked, lies where it was said.
#include <algorithm>
#include <random>

#include "coordinator/coverage/coverage.h"
#include "coordinator/replay/stream_decoder.h"
#include "gtest/gtest.h"
#include "storage/segment/g711.h"
#include "storage/segment/segment.h"
#include "tests/node/encode/node_runs.h"
#include "tests/storage/index/entries.h"

namespace turret::node {
namespace {

constexpr int64_t kPacketMs = 160;
constexpr int64_t kPacketTicks = kPacketMs * 8;
constexpr int64_t kDriftPpm = 100;
constexpr int64_t kOffNsMax = 20 * kMs;
constexpr int64_t kPacketsAnHour = int64_t{3'600'000} / kPacketMs;
constexpr char kLine[] = "LDN-1";

// When the first sample of a packet was said, by a true clock: the source's runs slow.
int64_t TruthNs(int64_t packet) {
  const int64_t nominal_ns = packet * kPacketMs * kMs;
  return kAnswered + nominal_ns + nominal_ns / 1'000'000 * kDriftPpm;
}
std::string DayOf(int64_t utc_ns) {
  return absl::FormatTime("%Y-%m-%d", absl::FromUnixNanos(utc_ns), absl::UTCTimeZone());
}

// What `play` makes of one stream. Each packet says its number by its samples.
class Listener {
 public:
  explicit Listener(const coordinator::CallTimes& times)
      : decoder_(*coordinator::StreamDecoder::Create(coordinator::StreamPlacer(times, kAnswered))) {
    for (int code = 0; code < 256; ++code)
      codes_[DecodeG711(G711Law::kALaw, static_cast<uint8_t>(code))] = static_cast<uint8_t>(code);
  }

  void Take(std::map<uint64_t, Buffer> segments, const SecretKey& unit_key) {
    for (const auto& [sequence, sealed] : segments) {
      if (sequence < next_sequence_) continue;  // It came before the node was killed, too.
      ASSERT_EQ(sequence, next_sequence_++);
      const absl::StatusOr<Buffer> plaintext = OpenSegment(sealed, unit_key);
      ASSERT_TRUE(plaintext.ok()) << plaintext.status();
      const absl::StatusOr<Plaintext> segment = ParsePlaintext(*plaintext);
      ASSERT_TRUE(segment.ok()) << segment.status();
      const auto pieces = decoder_.Decode(segment->body, segment->media);
      ASSERT_TRUE(pieces.ok()) << pieces.status();
      for (const coordinator::AudioPiece& piece : *pieces) Hear(piece);
    }
  }
  int64_t off_ns_worst() const { return off_ns_worst_; }
  const std::map<int64_t, int>& heard() const { return heard_; }  // How often, by packet.

 private:
  void Hear(const coordinator::AudioPiece& piece) {
    ASSERT_EQ(piece.samples.size() % kPacketTicks, 0U);
    for (size_t at = 0; at < piece.samples.size(); at += kPacketTicks) {
      const int64_t utc_ns = piece.begin_utc_ns + static_cast<int64_t>(at) * 125'000;
      // The packet of this number that was said next to here.
      const int64_t about = (utc_ns - kAnswered) / (kPacketMs * kMs);
      const int64_t packet = about + static_cast<int8_t>(codes_.at(piece.samples[at]) - about);
      ++heard_[packet];
      off_ns_worst_ = std::max(off_ns_worst_, std::abs(utc_ns - TruthNs(packet)));
    }
  }

  coordinator::StreamDecoder decoder_;
  std::map<int16_t, uint8_t> codes_;
  uint64_t next_sequence_ = 0;
  int64_t off_ns_worst_ = 0;
  std::map<int64_t, int> heard_;
};

struct Booked {
  std::string what;  // Kind and detail.
  int64_t begin_utc_ns;
  int64_t end_utc_ns;
};

class LongLineTest : public testing::Test {
 protected:
  LongLineTest() {
    v1::CallSummary call;
    call.set_started_utc_ns(kAnswered);
    listener_.emplace(coordinator::TimesOf(call, TruthNs(11 * kPacketsAnHour)));
  }
  v1::Fact FactAt(int64_t utc_ns) {
    v1::Fact fact;
    fact.set_fact_id(FactId::Make(random_).ToProto());
    fact.set_call_id(call_.ToProto());
    fact.set_utc_ns(utc_ns);
    return fact;
  }
  void Begin() {
    node_.Start();
    node_.Append({kAnswered, unit_, call_});
    v1::Fact started = FactAt(kAnswered);
    started.mutable_call_started()->set_answered_utc_ns(kAnswered);
    started.mutable_call_started()->add_line_ids(line_.ToProto());
    node_.Append({kAnswered, started, {}});
    v1::Fact fact = FactAt(kAnswered);
    v1::StreamOpened& opened = *fact.mutable_stream_opened();
    opened.set_stream_id(stream_.ToProto());
    opened.set_unit_id(unit_.ToProto());
    opened.set_payload_type(8);
    opened.set_codec("PCMA");
    opened.set_ptime_ms(kPacketMs);
    opened.set_policy(v1::POLICY_EXACT);
    opened.set_storage_class("mifid");
    opened.set_day("2026-09-21");
    opened.add_channels()->set_line_id(line_.ToProto());
    opened.mutable_channels(0)->set_direction(v1::DIRECTION_OWN);
    node_.Append({kAnswered, fact, {}});
    Settle();
    opening_end_ = node_.spool().Stats().position_durable;
  }
  /// As it goes: the node is never far behind, and what was acknowledged leaves its spool.
  void Settle() {
    node_.CatchUp();
    listener_->Take(node_.archive().TakeSegments(stream_), node_.unit_key());
    node_.AcknowledgeAndTrim(SIZE_MAX);
  }
  void Say(int64_t packets) {
    for (const int64_t end = packet_ + packets; packet_ < end; ++packet_) {
      const int64_t utc_ns = TruthNs(packet_) + static_cast<int64_t>(engine_() % 10) * kMs;
      node_.clock().Advance(absl::FromUnixNanos(utc_ns) - node_.clock().Utc());
      RtpSource source{.sequence = sequence_++, .timestamp = static_cast<uint32_t>(packet_ * kPacketTicks)};
      node_.Append(
          {utc_ns, std::pair(stream_, source.Next(Buffer(kPacketTicks, static_cast<uint8_t>(packet_)))), {}});
      if (packet_ % 16 == 0) node_.Commit();
      if (packet_ % 512 == 511) Settle();
    }
  }
  /// The power goes; `missed` packets are sent meanwhile.
  void Restart(int64_t missed) {
    node_.Commit();
    node_.Crash(/*power_cut=*/true);
    node_.clock().Advance(absl::Milliseconds(missed * kPacketMs));
    if (missed > 0) outages_.emplace_back(packet_, packet_ + missed);
    packet_ += missed;
    sequence_ = static_cast<uint16_t>(sequence_ + missed);
    node_.Start();
  }
  void Pause(bool paused) {
    v1::Fact fact = FactAt(TruthNs(packet_));
    fact.mutable_stream_pause_changed()->set_stream_id(stream_.ToProto());
    fact.mutable_stream_pause_changed()->set_paused(paused);
    node_.Append({fact.utc_ns(), fact, {}});
  }
  void End() {
    v1::Fact fact = FactAt(TruthNs(packet_));
    fact.mutable_call_ended()->set_ended_utc_ns(fact.utc_ns());
    node_.Append({fact.utc_ns(), fact, {}});
    node_.Finish();
    listener_->Take(node_.archive().TakeSegments(stream_), node_.unit_key());
    EXPECT_EQ(node_.archive().forks(), std::vector<std::string>{});
  }

  /// The books of the line's own channel, from the call's start to its end.
  std::vector<Booked> Books() {
    test::Entries entries(seed_);
    *entries.AddEnrolment(1, kAnswered - 1).add_lines() = test::MakeLine(line_, kLine, "Ada Ashdown");
    std::vector<v1::Fact> facts = node_.archive().Facts();
    std::ranges::stable_sort(facts, {}, [](const v1::Fact& fact) {
      return fact.has_call_started() ? 0 : fact.has_stream_opened() ? 1 : fact.has_call_ended() ? 3 : 2;
    });
    for (const v1::Fact& fact : facts) *entries.Add(v1::CALL).body.emplace().mutable_fact() = fact;
    test::FreshIndex index;
    EXPECT_TRUE(entries.ApplyTo(*index).ok());
    std::vector<Booked> booked;
    const int64_t end_utc_ns = TruthNs(packet_);
    for (const std::string& day : std::set{DayOf(kAnswered), DayOf(end_utc_ns)}) {
      v1::CoverageRequest request;
      request.set_line(kLine);
      request.set_day(day);
      const auto report =
          coordinator::Coverage(*index, request, absl::FromUnixNanos(end_utc_ns) + absl::Hours(48));
      EXPECT_TRUE(report.ok()) << report.status();
      if (!report.ok()) return {};
      EXPECT_TRUE(report->errors().empty()) << report->errors(0);
      for (const v1::CoverageKind& kind : report->channels(0).intervals()) Add(booked, kind, end_utc_ns);
    }
    return booked;
  }
  // What is next to nothing is left out: the edge behind the last packet.
  static void Add(std::vector<Booked>& booked, const v1::CoverageKind& kind, int64_t end_utc_ns) {
    const std::string what = kind.kind() + " " + kind.detail();
    const int64_t begin = std::max(kind.interval().begin_utc_ns(), kAnswered);
    const int64_t end = std::min(kind.interval().end_utc_ns(), end_utc_ns);
    if (end - begin <= kOffNsMax) return;
    if (!booked.empty() && booked.back().what == what && booked.back().end_utc_ns == begin)
      booked.back().end_utc_ns = end;  // Midnight.
    else
      booked.push_back({what, begin, end});
  }
  /// `bounds`: of what is booked one after another, in packets.
  void ExpectBooks(const std::vector<std::string>& expected, const std::vector<int64_t>& bounds) {
    const std::vector<Booked> books = Books();
    std::vector<std::string> kinds;
    for (const Booked& booked : books) kinds.push_back(booked.what);
    ASSERT_EQ(kinds, expected);
    for (size_t i = 0; i < books.size(); ++i) {
      EXPECT_LE(std::abs(books[i].begin_utc_ns - TruthNs(bounds[i])), kOffNsMax) << i;
      EXPECT_LE(std::abs(books[i].end_utc_ns - TruthNs(bounds[i + 1])), kOffNsMax) << i;
    }
  }
  /// Each packet but `missed` once, where it was said.
  void ExpectHeard(const std::vector<std::pair<int64_t, int64_t>>& missed) {
    EXPECT_LE(listener_->off_ns_worst(), kOffNsMax);
    std::map<int64_t, int> expected;
    for (int64_t packet = 0; packet < packet_; ++packet)
      if (std::ranges::none_of(missed,
                               [&](const auto& one) { return packet >= one.first && packet < one.second; }))
        expected[packet] = 1;
    EXPECT_TRUE(listener_->heard() == expected);
  }

  void HoldForAnHour(int64_t talk) {
    SCOPED_TRACE(test::SeedTrace(seed_));
    Begin();
    Say(talk / 2);
    Restart(/*missed=*/0);
    Say(talk / 2);
    const int64_t held = packet_;
    Pause(true);
    packet_ += kPacketsAnHour / 2;
    Restart(/*missed=*/0);
    packet_ += kPacketsAnHour / 2;
    Pause(false);
    const int64_t resumed = packet_;
    Say(talk / 2);
    Restart(/*missed=*/0);
    Say(talk / 2);
    End();
    ExpectHeard({{held, resumed}});
    ExpectBooks({"recorded ", "paused ", "recorded "}, {0, held, resumed, packet_});
  }

  const uint64_t seed_ = test::Seed(70);
  std::mt19937_64 engine_{seed_};
  test::SeededRandom random_{seed_};
  const CallId call_ = CallId::Make(random_);
  const UnitId unit_ = UnitId::Make(random_);
  const StreamId stream_ = StreamId::Make(random_);
  const LineId line_ = LineId::Make(random_);
  NodeRuns node_{seed_, 256 * 1024};
  std::optional<Listener> listener_;
  uint64_t opening_end_ = 0;
  int64_t packet_ = 0;  // The next one.
  uint16_t sequence_ = 65'000;
  std::vector<std::pair<int64_t, int64_t>> outages_;  // First packet that is missing, and the first after.
};

TEST_F(LongLineTest, TenHoursOfDriftAndThreeRestartsStayWithin20MillisecondsOfTheTruth) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  Begin();
  std::vector<int64_t> bounds{0};
  for (int run = 0; run < 4 && !HasFatalFailure(); ++run) {
    Say(10 * kPacketsAnHour / 4);
    if (run == 3) break;
    EXPECT_GT(node_.spool().Oldest(), opening_end_) << "the opening records are still there";
    Restart(/*missed=*/125);
    bounds.insert(bounds.end(), {outages_.back().first, outages_.back().second});
  }
  End();
  bounds.push_back(packet_);
  ExpectHeard(outages_);
  ExpectBooks(
      {"recorded ", "gap node_down", "recorded ", "gap node_down", "recorded ", "gap node_down", "recorded "},
      bounds);
  const std::vector<v1::Gap> gaps = node_.archive().Gaps(v1::GAP_CAUSE_NODE_DOWN);
  ASSERT_EQ(gaps.size(), outages_.size());
  for (const v1::Gap& gap : gaps) EXPECT_EQ(gap.missing_packets(), 125U);
}

// Nothing is sent while it is on hold; the source's clock runs on. Before, it was heard long enough to know
// its drift, or not.
TEST_F(LongLineTest, ACallOnHoldForAnHourAcrossThreeRestartsGoesOnWithin20MillisecondsOfTheTruth) {
  HoldForAnHour(/*talk=*/kPacketsAnHour / 30);
}
TEST_F(LongLineTest, ACallThatWasAtOnceOnHoldForAnHourGoesOnWithin20MillisecondsOfTheTruth) {
  HoldForAnHour(/*talk=*/kPacketsAnHour / 180);
}

}  // namespace
}  // namespace turret::node
