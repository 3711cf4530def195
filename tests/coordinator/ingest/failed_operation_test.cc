// Every write, sync, rename, unlink and creation of the archive fails once, one at a time: it is told, the
// archive opens again in place, and what it holds is exactly what the node sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <optional>

#include "spdlog/spdlog.h"
#include "storage/base/watched_environment.h"
#include "tests/coordinator/ingest/verified.h"
#include "tests/coordinator/ingest/workload.h"
#include "tests/support/memory_disk.h"
#include "tests/support/support.h"

namespace turret::coordinator {
namespace {

using Operation = test::MemoryDisk::Operation;

constexpr int kTriesMax = 4;  // One failure ends one of them.

// One short life of an archive, with at most one failure.
class Life : private test::InMemory {
 public:
  explicit Life(Operation operation, uint64_t nth) {
    std::filesystem::create_directories(directory_);
    EXPECT_TRUE(test::MakeCheapRoot(disk_, directory_, random_).ok());
    if (nth > 0) disk_.FailNth(operation, nth);
    // Nothing is removed but what was half made.
    if (operation == Operation::kSync && nth > 0) disk_.FailNth(Operation::kRemove, 1);
    for (int i = 0; i < test::MemoryDisk::kOperations; ++i)
      before_[static_cast<Operation>(i)] = disk_.count(static_cast<Operation>(i));
  }

  void Run() {
    ASSERT_NO_FATAL_FAILURE(Open());
    work_.emplace(test::FakeNode(random_, *archive_->MakeWelcome()), random_);
    for (int batch = 0; batch < 3; ++batch) {
      if (batch == 2) clock_.Advance(absl::Minutes(16));  // A volume closes.
      ASSERT_NO_FATAL_FAILURE(Send());
    }
    ASSERT_NO_FATAL_FAILURE(Close());
    ASSERT_NO_FATAL_FAILURE(Open());
    work_->EndCalls();
    ASSERT_NO_FATAL_FAILURE(Send());
    Close();
  }

  uint64_t count(Operation operation) { return disk_.count(operation) - before_[operation]; }
  int told() const { return told_; }

  // Exactly what was sent is held, and the verifier agrees.
  void ExpectWhole() {
    ASSERT_NO_FATAL_FAILURE(Open());
    test::ExpectHeldAndNothingElse(*archive_, work_->acknowledged());
    const Ed25519Public key = archive_->ledger().public_key();
    archive_.reset();
    test::ExpectVerified(disk_, directory_, key, work_->acknowledged());
  }

 private:
  // As the coordinator does it after a failure: in the same process, until it opens.
  void Open() {
    absl::Status why;
    for (int tries = 0; tries < kTriesMax; ++tries) {
      archive_.reset();
      auto archive = test::OpenArchive(directory_, watched_, clock_, random_, metrics_);
      why = archive.status();
      if (!archive.ok()) continue;
      archive_ = *std::move(archive);
      return;
    }
    FAIL() << "the archive does not open: " << why;
  }
  void Send() {
    work_->Make();
    const std::vector<v1::ReplicateRequest> items = work_->waiting();
    for (int tries = 0; tries < kTriesMax; ++tries) {
      const test::Answer answer = test::SubmitAndWait(*archive_, work_->node(), items);
      if (!answer.status.ok()) {
        EXPECT_FALSE(archive_->health().ok());
        ASSERT_NO_FATAL_FAILURE(Open());
        continue;
      }
      for (const ItemOutcome& outcome : answer.outcomes)
        EXPECT_NE(outcome.kind, ItemOutcome::kRefused) << outcome.message;
      work_->Acknowledge(items.size());
      return;
    }
    FAIL() << "nothing is taken";
  }
  void Close() {
    for (int tries = 0; tries < kTriesMax && !archive_->Close().ok(); ++tries)
      ASSERT_NO_FATAL_FAILURE(Open());
  }

  const test::TemporaryFolder folder_;
  const std::string directory_ = folder_ / "archive";
  test::MemoryDisk disk_;
  std::atomic<int> told_ = 0;
  WatchedEnvironment watched_{disk_, [this](std::string_view, const absl::Status&) { ++told_; }};
  test::ManualClock clock_;
  test::SeededRandom random_{test::Seed(1)};
  CoordinatorMetrics metrics_;
  std::map<Operation, uint64_t> before_;
  std::optional<test::Workload> work_;
  std::unique_ptr<Archive> archive_;
};

class FailedOperationTest : public testing::TestWithParam<Operation> {
 protected:
  FailedOperationTest() { spdlog::set_level(spdlog::level::off); }
  ~FailedOperationTest() override { spdlog::set_level(spdlog::level::info); }
};

TEST_P(FailedOperationTest, FailingOnceItIsToldAndTheArchiveGoesOnWithEverything) {
  Life good(GetParam(), 0);
  ASSERT_NO_FATAL_FAILURE(good.Run());
  EXPECT_EQ(good.told(), 0);
  const uint64_t operations = good.count(GetParam());
  RecordProperty("operations", static_cast<int>(operations));
  for (uint64_t nth = 1; nth <= operations && !HasFailure(); ++nth) {
    SCOPED_TRACE(nth);
    Life life(GetParam(), nth);
    ASSERT_NO_FATAL_FAILURE(life.Run());
    EXPECT_GT(life.told(), 0);
    life.ExpectWhole();
  }
}

std::string NameOf(const testing::TestParamInfo<Operation>& info) {
  static constexpr const char* kNames[] = {"Create", "Write", "Sync", "SyncDirectory", "Rename"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Each, FailedOperationTest,
                         testing::Values(Operation::kCreate, Operation::kWrite, Operation::kSync,
                                         Operation::kSyncDirectory, Operation::kRename),
                         NameOf);

}  // namespace
}  // namespace turret::coordinator
