// kill -9 of the node in mid-call, at each named point, over UDP and TCP: the same call goes on.
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/floor/speech.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"
#include "tests/interop/disk_stalls.h"

namespace turret::test {
namespace {

constexpr absl::Duration kCallLength = absl::Seconds(20);  // Longer than any of them lasts.
constexpr absl::Duration kGoesOn = absl::Milliseconds(600);
constexpr absl::Duration kLossMax = absl::Milliseconds(200);   // Before the kill: not committed yet.
constexpr absl::Duration kStartMax = absl::Milliseconds(100);  // After the node said that it is ready.
constexpr absl::Duration kPacket = absl::Milliseconds(20);
constexpr absl::Duration kSentLate = absl::Milliseconds(100);  // By a simulator that shares its processor.

struct TestCall {
  floor::SipClient* sip = nullptr;
  size_t dialog = 0;
  std::string point;
  std::vector<floor::StreamTruth> streams;
  bool playing = false;
  absl::Time died = absl::InfiniteFuture();
  absl::Time back = absl::InfinitePast();
  absl::Time hung_up = absl::InfiniteFuture();

  floor::Dialog::State state() const { return sip->dialog(dialog).state; }
  bool ended() const { return state() == floor::Dialog::State::kEnded; }
};

class CrashTest : public testing::Test {
 protected:
  void SetUp() override { StartAll("exact"); }
  void StartAll(const std::string& policy) {
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(2, policy);
    options.chaos = true;
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    stalls_ = std::make_unique<DiskStalls>(cluster_->folder());
    player_ = *floor::RtpPlayer::Create();
    for (const bool tcp : {false, true})
      sip_.push_back(*floor::SipClient::Connect(cluster_->sip_address(), tcp));
  }

  TestCall& Place(bool tcp, const std::string& point) {
    auto call = std::make_unique<TestCall>();
    const auto number = static_cast<int>(calls_.size());
    const floor::Trader trader = floor::TraderOf(tcp ? 1 : 0);
    floor::CallSpec spec;
    spec.seed = seed_ * 100 + static_cast<uint64_t>(number);
    spec.participants = {{trader.aor, trader.name}, {floor::PartyAor(number), floor::PartyName(number)}};
    spec.media = {{.label = "1", .participant = 0}, {.label = "2", .participant = 1}};
    for (uint64_t side = 0; side < 2; ++side) {
      floor::StreamTruth stream;
      stream.label = spec.media[side].label;
      stream.ssrc = static_cast<uint32_t>(spec.seed * 2 + side) * 2654435761U;
      stream.payload = floor::EncodeG711(
          floor::Law::kALaw,
          floor::Murmur(spec.seed * 2 + side,
                        size_t{8} * static_cast<size_t>(absl::ToInt64Milliseconds(kCallLength))));
      call->streams.push_back(std::move(stream));
    }
    call->sip = sip_[tcp ? 1 : 0].get();
    call->point = fmt::format("{} {}", tcp ? "tcp" : "udp", point);
    call->dialog = call->sip->Invite(spec);
    calls_.push_back(std::move(call));
    return *calls_.back();
  }

  /// Lets time pass: packets go out, messages come in, until `done`.
  template <class Condition>
  bool Pass(Condition done, absl::Duration timeout) {
    return WaitUntil(
        [&] {
          for (const auto& call : calls_) Play(*call);
          player_->SendDue(absl::Now());
          for (const auto& sip : sip_)
            if (sip->connected()) sip->Poll(absl::ZeroDuration());
          return done();
        },
        timeout);
  }
  void Play(TestCall& call) {
    if (call.playing || call.state() != floor::Dialog::State::kConfirmed) return;
    call.playing = true;
    const floor::Dialog& dialog = call.sip->dialog(call.dialog);
    for (size_t side = 0; side < call.streams.size(); ++side) {
      call.streams[side].port = dialog.ports.at(side);
      player_->Add(call.streams[side], {}, absl::Now() + absl::Milliseconds(3) * static_cast<int64_t>(side));
    }
  }

  /// Until the node is gone; notes when for all calls that run.
  bool PassUntilDeath() {
    if (!Pass([&] { return !cluster_->node().running(); }, absl::Seconds(15))) return false;
    for (const auto& call : calls_)
      if (!call->ended()) call->died = std::min(call->died, absl::Now());
    return true;
  }
  void Restart(const std::string& kill_point) {
    std::atomic<bool> done = false;
    std::thread passing([&] { Pass([&] { return done.load(); }, absl::Seconds(60)); });
    const absl::Status started = cluster_->StartNode(kill_point);  // Here: a child dies with its thread.
    done = true;
    passing.join();
    ASSERT_TRUE(started.ok()) << started;
    for (const auto& sip : sip_) ASSERT_TRUE(sip->Reconnect().ok());
    for (const auto& call : calls_)
      if (call->died != absl::InfiniteFuture() && call->back == absl::InfinitePast())
        call->back = absl::Now();
  }
  /// The call still stands: a refresh is answered, it is heard for a while, and hung up.
  void GoOnAndEnd(TestCall& call) {
    SCOPED_TRACE(call.point);
    ASSERT_TRUE(Pass([&] { return call.state() != floor::Dialog::State::kInviting; }, absl::Seconds(10)));
    ASSERT_EQ(call.state(), floor::Dialog::State::kConfirmed) << call.sip->dialog(call.dialog).final_status;
    call.sip->Update(call.dialog);
    const absl::Time until = absl::Now() + kGoesOn;
    EXPECT_TRUE(Pass([&] { return call.sip->dialog(call.dialog).final_status == 200; }, absl::Seconds(10)));
    Pass([&] { return absl::Now() >= until; }, absl::Seconds(10));
    HangUp(call);
    ExpectEnded(call);
  }
  void HangUp(TestCall& call) {
    call.hung_up = absl::Now();
    // A new process knows nothing of the rest of this port, and may give it to the next call.
    for (const floor::StreamTruth& stream : call.streams) player_->Stop(stream);
    call.sip->Bye(call.dialog);
  }
  void ExpectEnded(TestCall& call) {
    EXPECT_TRUE(Pass([&] { return call.ended(); }, absl::Seconds(10))) << call.point;
    EXPECT_EQ(call.sip->dialog(call.dialog).final_status, 200) << call.point;
  }

  /// The client holds the call, or takes it up again, while nobody listens.
  void Reinvite(TestCall& call, const std::string& direction) { call.sip->Reinvite(call.dialog, direction); }
  void ExpectAnswered(TestCall& call) {
    EXPECT_TRUE(Pass([&] { return call.sip->dialog(call.dialog).final_status == 200; }, absl::Seconds(10)))
        << call.point;
  }

  /// One record, ended by BYE; of each stream nothing is missing but the outage.
  void ExpectRecorded(const TestCall& call) {
    SCOPED_TRACE(call.point);
    const std::string& id = call.sip->dialog(call.dialog).call_id;
    const nlohmann::json record = FindCall(*cluster_, id);
    ASSERT_TRUE(record.is_object());
    EXPECT_EQ(
        std::count_if(records_.begin(), records_.end(),
                      [&](const nlohmann::json& other) { return other.value("sip_call_id", "") == id; }),
        1);
    for (const floor::StreamTruth& sent : call.streams) ExpectRecorded(call, record, sent);
  }
  void ExpectRecorded(const TestCall& call, const nlohmann::json& record, const floor::StreamTruth& sent) {
    SCOPED_TRACE(sent.label);
    const std::vector<bool> kept = PacketsKept(*cluster_, record, sent);
    size_t first_missing = kept.size();
    size_t end_missing = 0;
    for (size_t i = 0; i < kept.size(); ++i) {
      const absl::Time due = absl::FromUnixNanos(sent.packets[i].due_utc_ns);
      if (kept[i] || due >= call.hung_up - kPacket)
        continue;  // With the BYE under way it may be there, or not.
      EXPECT_TRUE(due >= call.died - stalls_->LossMax(call.died, kLossMax) && due < call.back + kStartMax)
          << "packet " << i << " of " << kept.size() << ", " << absl::ToDoubleMilliseconds(due - call.died)
          << " ms after the kill";
      first_missing = std::min(first_missing, i);
      end_missing = i + 1;
    }
    const auto kept_after = std::find(kept.begin() + static_cast<ptrdiff_t>(end_missing), kept.end(), true);
    if (first_missing > 0 && first_missing < kept.size() && kept_after != kept.end())
      ExpectOutage(record, sent, first_missing, end_missing);
  }
  /// The gap runs from the last packet that was kept to the first one after it.
  static void ExpectOutage(const nlohmann::json& record, const floor::StreamTruth& sent, size_t first,
                           size_t end) {
    const nlohmann::json stream = StreamOf(record, sent.label);
    std::vector<nlohmann::json> gaps;
    for (const nlohmann::json& gap : record["gaps"])
      if (gap["stream_id"] == stream["stream_id"] && gap["cause"] == "node_down") gaps.push_back(gap);
    ASSERT_EQ(gaps.size(), 1U) << record["gaps"].dump();
    EXPECT_EQ(gaps[0]["missing_packets"], end - first);
    const int64_t want = absl::ToInt64Nanoseconds(kPacket) * static_cast<int64_t>(end - first);
    EXPECT_LE(std::abs(SecondsAsNanoseconds(gaps[0], "seconds") - want), absl::ToInt64Nanoseconds(kPacket));
    EXPECT_LE(std::abs(Nanoseconds(gaps[0], "begin") - sent.packets[first].due_utc_ns),
              absl::ToInt64Nanoseconds(kSentLate));
  }
  void ExpectBooksAddUp(int trader) {
    const auto reports = cluster_->CtlJson({"coverage", floor::TraderOf(trader).line, UtcDay(absl::Now())});
    ASSERT_TRUE(reports.ok()) << reports.status();
    const nlohmann::json& report = reports->front();
    EXPECT_TRUE(report["errors"].empty()) << report["errors"].dump();
    ExpectAddsUp(report["totals"], report["intervals"], report["enrolled"]);
    for (const nlohmann::json& channel : report["channels"])
      ExpectAddsUp(channel["totals"], channel["intervals"], report["enrolled"]);
  }

  const uint64_t seed_ = Seed(20261125);
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<DiskStalls> stalls_;
  std::unique_ptr<floor::RtpPlayer> player_;
  std::vector<std::unique_ptr<floor::SipClient>> sip_;  // UDP, TCP.
  std::vector<std::unique_ptr<TestCall>> calls_;
  std::vector<nlohmann::json> records_;
};

constexpr std::array kOfInvite = {"invite_read", "journaled", "ok_sent", "before_ack"};
constexpr std::array kOfAudio = {"packet_appended", "synced", "sealed", "sent", "acked", "trimmed"};

// C02, R14: of a call that its INVITE opens, and of calls that run. Each process knows where it will die.
TEST_F(CrashTest, KilledAtAnyPointTheNodeTakesItsCallsUpAgain) {
  SCOPED_TRACE(SeedTrace(seed_));
  cluster_->KillNode();
  ASSERT_NO_FATAL_FAILURE(Restart(kOfInvite.front()));
  for (const bool tcp : {false, true}) {
    for (size_t i = 0; i < kOfInvite.size(); ++i) {
      cluster_->ArmKillPoint();
      TestCall& call = Place(tcp, kOfInvite[i]);
      ASSERT_TRUE(PassUntilDeath()) << call.point;
      const bool last = i + 1 == kOfInvite.size();
      ASSERT_NO_FATAL_FAILURE(Restart(!last ? kOfInvite[i + 1] : tcp ? kOfAudio.front() : kOfInvite.front()));
      ASSERT_NO_FATAL_FAILURE(GoOnAndEnd(call));
    }
  }
  for (size_t i = 0; i < kOfAudio.size(); ++i) {
    TestCall& udp = Place(false, kOfAudio[i]);
    TestCall& tcp = Place(true, kOfAudio[i]);
    ASSERT_TRUE(Pass([&] { return udp.playing && tcp.playing; }, absl::Seconds(10))) << udp.point;
    const absl::Time until = absl::Now() + kGoesOn;
    Pass([&] { return absl::Now() >= until; }, absl::Seconds(10));
    cluster_->ArmKillPoint();
    ASSERT_TRUE(PassUntilDeath()) << udp.point;
    TestCall& hangs_up = i % 2 == 0 ? udp : tcp;  // While the node is dead.
    TestCall& changes = i % 2 == 0 ? tcp : udp;
    HangUp(hangs_up);
    Reinvite(changes, "sendonly");
    ASSERT_NO_FATAL_FAILURE(Restart(i + 1 < kOfAudio.size() ? kOfAudio[i + 1] : ""));
    ExpectEnded(hangs_up);
    ExpectAnswered(changes);
    ASSERT_NO_FATAL_FAILURE(GoOnAndEnd(changes));
  }

  ASSERT_TRUE(cluster_->WaitUntilSettled(calls_.size(), absl::Seconds(60)));
  records_ = *cluster_->CtlJson({"calls"});
  EXPECT_EQ(records_.size(), calls_.size());
  for (const auto& call : calls_) ExpectRecorded(*call);
  for (const int trader : {0, 1}) ExpectBooksAddUp(trader);
  ExpectVerified(*cluster_);
}

class BothCrashTest : public CrashTest {
 protected:
  void SetUp() override { StartAll("opus"); }
  void KillBoth() {
    cluster_->coordinator().Signal(SIGKILL);
    cluster_->KillNode();
    cluster_->KillCoordinator();
  }
  /// Of all processes, by what they logged: their counters die with them.
  void ExpectNothingRefused() {
    for (const char* const program : {"turret-coordinator", "turret-node"}) {
      const std::string log = ReadFileOrEmpty(fmt::format("{}/{}.log", cluster_->folder(), program));
      for (const char* const alarm : {"was refused", "refuses item", "holds other bytes"})
        EXPECT_EQ(log.find(alarm), std::string::npos) << log.substr(log.find(alarm), 300);
    }
  }
};

// R14: what was sent, acknowledged or not, is said again in the same words: no chain is forked, no fact
// changes.
TEST_F(BothCrashTest, KilledTogetherNodeAndCoordinatorAgreeOnWhatWasSaid) {
  constexpr int kRounds = 4;
  SCOPED_TRACE(SeedTrace(seed_));
  SeededRandom random(seed_);
  TestCall& udp = Place(false, "both");
  TestCall& tcp = Place(true, "both");
  ASSERT_TRUE(Pass([&] { return udp.playing && tcp.playing; }, absl::Seconds(10)));
  for (int round = 0; round < kRounds; ++round) {
    std::array<uint8_t, 2> raw;
    random.Fill(raw);
    const absl::Time until = absl::Now() + absl::Milliseconds(400 + 5 * raw[0]);
    Pass([&] { return absl::Now() >= until; }, absl::Seconds(10));
    KillBoth();
    const absl::Status started = cluster_->StartCoordinator();
    ASSERT_TRUE(started.ok()) << started;
    ASSERT_NO_FATAL_FAILURE(Restart(""));
  }
  ASSERT_NO_FATAL_FAILURE(GoOnAndEnd(udp));
  ASSERT_NO_FATAL_FAILURE(GoOnAndEnd(tcp));
  ASSERT_TRUE(cluster_->WaitUntilSettled(calls_.size(), absl::Seconds(30)));
  EXPECT_EQ(cluster_->CtlJson({"calls"})->size(), calls_.size());
  ExpectNothingRefused();
  for (const int trader : {0, 1}) ExpectBooksAddUp(trader);
  ExpectVerified(*cluster_);
}

}  // namespace
}  // namespace turret::test
