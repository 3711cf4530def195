// Crashes at seeded points of a group commit: nothing acknowledged is lost, nothing is stored twice, the
// verifiers pass, and a rebuilt index equals the running one key for key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "coordinator/ingest/index_check.h"
#include "tests/coordinator/ingest/archive_fixture.h"
#include "tests/coordinator/ingest/workload.h"
#include "tests/second_verifier/both_verifiers.h"
#include "tests/storage/key/files.h"
#include "tests/support/process.h"

namespace turret::coordinator {
namespace {

using test::Answer;
using Operation = test::FaultyEnvironment::Operation;

constexpr uint64_t kSeeds = 24;
constexpr int kCrashes = 6;
constexpr int kBatches = 4;

class CrashTest : private test::InMemory,
                  public test::ArchiveFixture,
                  public ::testing::WithParamInterface<uint64_t> {
 protected:
  CrashTest() : ArchiveFixture(test::Seed(GetParam())) {}

  // True: everything is acknowledged.
  bool SendAll() {
    const std::vector<v1::ReplicateRequest> items = work_->waiting();
    const Answer answer = test::SubmitAndWait(*archive_, work_->node(), items);
    if (!answer.status.ok()) return false;
    for (const ItemOutcome& outcome : answer.outcomes)
      EXPECT_NE(outcome.kind, ItemOutcome::kRefused) << outcome.message;
    work_->Acknowledge(items.size());
    return true;
  }

  void Crash() {
    archive_.reset();
    environment_.Repair();
    if (work_->Pick(2) == 0) environment_.PowerCut(random_);
    // Opening may be hit as well; then it is opened again.
    if (work_->Pick(3) == 0) Fault();
    if (!Open().ok()) {
      environment_.Repair();
      OpenOrDie();
    }
    environment_.Repair();
  }

  void Fault() {
    constexpr Operation kOperations[] = {Operation::kCreate, Operation::kWrite, Operation::kSync,
                                         Operation::kSyncDirectory, Operation::kRename};
    const Operation operation = kOperations[work_->Pick(std::size(kOperations))];
    if (work_->Pick(2) == 0)
      environment_.FailNth(operation, 1 + work_->Pick(12));
    else
      environment_.Break(operation);
  }

  void ExpectVerifies() {
    const std::string key = folder_ / "key";
    const std::string passphrase = folder_ / "passphrase";
    test::WriteFileOrDie(key, ToHex(archive_->ledger().public_key()) + "\n");
    test::WriteFileOrDie(passphrase, std::string(kPassphrase) + "\n");
    const test::Verdict verdict =
        test::BothVerify({folder_ / "archive", "--key", key, "--passphrase-file", passphrase, "--at-rest"});
    EXPECT_EQ(verdict.exit_code, 3) << verdict.Told();
    EXPECT_GT(verdict.report["counts"]["segments"], 0);
  }

  std::optional<test::Workload> work_;
};

TEST_P(CrashTest, NothingAcknowledgedIsLostAndNothingIsStoredTwice) {
  OpenOrDie();
  work_.emplace(MakeNode(), random_);
  int crashes = 0;
  for (int round = 0; round < kCrashes; ++round) {
    for (int batch = 0; batch < kBatches; ++batch) {
      work_->Make();
      if (batch == 2) Fault();
      if (!SendAll()) break;
    }
    crashes += archive_->health().ok() ? 0 : 1;
    Crash();
    test::ExpectHeld(*archive_, work_->acknowledged());
    if (HasFatalFailure()) return;
  }
  ASSERT_TRUE(SendAll());
  test::ExpectHeldAndNothingElse(*archive_, work_->acknowledged());
  const auto report = archive_->CheckIndex(folder_ / "rebuilt");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->differences(), ::testing::IsEmpty());
  ASSERT_TRUE(archive_->Close().ok());
  ExpectVerifies();
  RecordProperty("crashes", crashes);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashTest, ::testing::Range(uint64_t{1}, kSeeds + 1));

}  // namespace
}  // namespace turret::coordinator
