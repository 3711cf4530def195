// An archive in a folder of its own, on a disk that fails when told.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "coordinator/ingest/archive.h"
#include "monitoring/metrics.h"
#include "storage/key/root.h"
#include "tests/coordinator/ingest/fake_node.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/support.h"

namespace turret::test {

class ArchiveFixture : public ::testing::Test {
 protected:
  explicit ArchiveFixture(uint64_t seed = Seed(1))
      : random_(seed), trace_(__FILE__, __LINE__, SeedTrace(seed)) {}

  static constexpr std::string_view kPassphrase = "correct horse battery staple";

  absl::Status Open() {
    // A cheap root: what a guess costs is not what is tested here.
    const std::string keys = folder_ / "archive/keys";
    if (!opened_) {
      if (absl::Status made = posix_.CreateDirectories(keys); !made.ok()) return made;
      const ScryptCost cheap{.n = 16, .r = 8, .p = 1};
      if (absl::Status made = CreateRootFile(posix_, keys + "/root.key", kPassphrase, random_, cheap);
          !made.ok())
        return made;
      opened_ = true;
    }
    auto archive = coordinator::Archive::Open({.directory = folder_ / "archive",
                                               .passphrase = std::string(kPassphrase),
                                               .commit_interval = absl::ZeroDuration()},
                                              environment_, clock_, random_, metrics_);
    if (!archive.ok()) return archive.status();
    archive_ = *std::move(archive);
    return absl::OkStatus();
  }
  void OpenOrDie() {
    const absl::Status status = Open();
    ASSERT_TRUE(status.ok()) << status;
  }
  FakeNode MakeNode() { return FakeNode(random_, *archive_->MakeWelcome()); }

  /// All items were stored, none was repeated or refused.
  void StoreAll(const FakeNode& node, std::vector<v1::ReplicateRequest> items) {
    const Answer answer = SubmitAndWait(*archive_, node.id(), std::move(items));
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    for (const auto& outcome : answer.outcomes)
      ASSERT_EQ(outcome.kind, coordinator::ItemOutcome::kStored) << outcome.message;
  }

  TemporaryFolder folder_;
  PosixEnvironment posix_;
  FaultyEnvironment environment_{posix_};
  ManualClock clock_;
  SeededRandom random_;
  ::testing::ScopedTrace trace_;
  CoordinatorMetrics metrics_;
  bool opened_ = false;
  std::unique_ptr<coordinator::Archive> archive_;
};

}  // namespace turret::test
