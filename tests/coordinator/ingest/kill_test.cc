// kill -9 of the real coordinator at each of its named points (storage/base/kill_point.h) and at seeded
// instants, while a node replicates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "tests/coordinator/ingest/connection.h"
#include "tests/coordinator/ingest/server_fixture.h"
#include "tests/coordinator/ingest/workload.h"
#include "tests/second_verifier/both_verifiers.h"
#include "tests/storage/key/files.h"
#include "tests/support/process.h"

namespace turret::coordinator {
namespace {

using test::Connection;

constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr int kKilled = 128 + SIGKILL;
constexpr int kInstants = 20;
constexpr int kBatchesMax = 30;  // By then every point was passed.

class KillTest : private test::InMemory, public test::ServerFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeRoot().ok());
    clock_.StepUtc(SystemClock().Utc() - clock_.Utc());
    test::WriteFileOrDie(folder_ / "passphrase", std::string(kPassphrase) + "\n");
    test::WriteFileOrDie(folder_ / "enrolment.yaml",
                         "orphans: {storage_class: mifid, rules: [mifid5]}\nlines: []\n");
    const TlsFiles tls = Files("coordinator");
    test::WriteFileOrDie(
        folder_ / "config.yaml",
        fmt::format("archive: {0}/archive\nenrolment: {0}/enrolment.yaml\npassphrase_file: {0}/passphrase\n"
                    "listen: 127.0.0.1:0\nmetrics: 127.0.0.1:0\nready_file: {0}/ready\ncommit_interval: 5ms\n"
                    "tls: {{authority: {1}, certificate: {2}, key: {3}}}\n",
                    folder_.path(), tls.authority, tls.certificate, tls.key));
  }

  /// False: it died before it was ready. It kills itself at `point`, once armed.
  bool Start(const std::string& point, bool armed = false) {
    std::filesystem::remove(folder_ / "ready");
    std::filesystem::remove(folder_ / "armed");
    if (armed) Arm();
    auto started =
        test::Process::Start({TURRET_COORDINATOR_CHAOS, "--config", folder_ / "config.yaml"}, folder_ / "log",
                             {"TURRET_KILL_POINT=" + point, "TURRET_KILL_WHEN=" + folder_ / "armed"});
    EXPECT_TRUE(started.ok()) << started.status();
    process_ = *std::move(started);
    nlohmann::json ports;
    EXPECT_TRUE(test::WaitUntil(
        [&] {
          ports = nlohmann::json::parse(test::ReadFileOrEmpty(folder_ / "ready"), nullptr, false);
          return ports.is_object() || !process_->running();
        },
        kTimeout));
    if (!ports.is_object()) return false;
    port_ = ports.at("grpc_port").get<int>();
    Connect();
    return true;
  }
  void Arm() { test::WriteFileOrDie(folder_ / "armed", ""); }

  void Connect() {
    connection_.emplace(ChannelAs("node-1"));
    sent_ = acknowledged_ = 0;
    ASSERT_TRUE(connection_->Hello(work_ ? work_->node() : NodeId::Make(random_)));
    const v1::ReplicateResponse welcome = connection_->Read();
    ASSERT_TRUE(welcome.has_welcome()) << test::ReadFileOrEmpty(folder_ / "log");
    if (!work_) work_.emplace(test::FakeNode(random_, welcome.welcome()), random_);
  }
  /// What waits and was not sent on this connection yet.
  void Send() {
    const std::vector<v1::ReplicateRequest> waiting = work_->waiting();
    for (size_t at = sent_ - acknowledged_; at < waiting.size(); ++at, ++sent_)
      if (!connection_->Send(waiting[at])) return;
  }
  /// True: all that was sent is acknowledged. False: the connection broke.
  bool ReadAcknowledgements() {
    while (acknowledged_ < sent_) {
      const v1::ReplicateResponse response = connection_->Read();
      if (response.what_case() == v1::ReplicateResponse::WHAT_NOT_SET) return false;
      EXPECT_FALSE(response.has_refusal()) << response.refusal().message();
      if (!response.has_ack()) continue;
      work_->Acknowledge(response.ack().through_item() - acknowledged_);
      acknowledged_ = response.ack().through_item();
    }
    return true;
  }
  bool SendAll() {
    Send();
    return ReadAcknowledgements();
  }
  void MakeAndSendUntilDead() {
    for (int batch = 0; batch < kBatchesMax; ++batch) {
      work_->Make();
      if (!SendAll()) break;
    }
    EXPECT_EQ(process_->Wait(kTimeout), kKilled) << test::ReadFileOrEmpty(folder_ / "log");
  }

  void ExpectWhole() {
    ASSERT_TRUE(Start(""));
    work_->EndCalls();
    ASSERT_TRUE(SendAll());
    EXPECT_TRUE(connection_->Finish().ok());
    process_->Signal(SIGTERM);
    ASSERT_EQ(process_->Wait(kTimeout), 0) << test::ReadFileOrEmpty(folder_ / "log");
    OpenOrDie();
    test::ExpectHeldAndNothingElse(*archive_, work_->acknowledged());
    const auto report = archive_->CheckIndex(folder_ / "rebuilt");
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(report->differences(), ::testing::IsEmpty());
    ASSERT_TRUE(archive_->Close().ok());
    const test::Verdict verdict =
        test::BothVerify({folder_ / "archive", "--key", folder_ / "archive/ledger/public.pem",
                          "--passphrase-file", folder_ / "passphrase", "--at-rest"});
    EXPECT_EQ(verdict.exit_code, 3) << verdict.Told();
  }

  std::unique_ptr<test::Process> process_;
  std::optional<Connection> connection_;
  std::optional<test::Workload> work_;
  uint64_t sent_ = 0;  // Items of this connection.
  uint64_t acknowledged_ = 0;
};

// R14: nothing acknowledged is lost, nothing is there twice, the verifiers agree.
TEST_F(KillTest, KilledAtAnyPointTheCoordinatorLosesNothingThatItAcknowledged) {
  for (const char* const point : {"batch_read", "books_synced", "volume_appended", "volume_appended:3",
                                  "volume_synced", "entry_appended", "entry_appended:4", "call_closed",
                                  "entries_synced", "head_signed", "index_written", "ack_sent"}) {
    SCOPED_TRACE(point);
    ASSERT_TRUE(Start(point));
    work_->Make();
    ASSERT_TRUE(SendAll());
    Arm();
    MakeAndSendUntilDead();
    if (HasFailure()) return;
  }
  ASSERT_TRUE(Start("volume_closed"));
  work_->Make();
  ASSERT_TRUE(SendAll());
  Arm();
  process_->Signal(SIGTERM);  // Closes its volumes.
  EXPECT_EQ(process_->Wait(kTimeout), kKilled);
  ASSERT_TRUE(Start("head_signed"));
  work_->Make();
  ASSERT_TRUE(SendAll());
  Arm();
  MakeAndSendUntilDead();
  ASSERT_FALSE(Start("volume_recovered", /*armed=*/true));
  EXPECT_EQ(process_->Wait(kTimeout), kKilled);
  ExpectWhole();
}

TEST_F(KillTest, KilledAtSeededInstantsTheCoordinatorLosesNothingThatItAcknowledged) {
  for (int instant = 0; instant < kInstants; ++instant) {
    ASSERT_TRUE(Start(""));
    const absl::Duration end = test::Now() + absl::Microseconds(500) * static_cast<int64_t>(work_->Pick(60));
    do {
      work_->Make();
      Send();
      if (work_->Pick(3) == 0) ReadAcknowledgements();
    } while (test::Now() < end);
    process_->Signal(SIGKILL);
    ASSERT_EQ(process_->Wait(kTimeout), kKilled);
    ReadAcknowledgements();
    if (HasFailure()) return;
  }
  ExpectWhole();
}

}  // namespace
}  // namespace turret::coordinator
