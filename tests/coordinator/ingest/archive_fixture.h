// An archive in a folder of its own, on a disk that fails when told.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "monitoring/metrics.h"
#include "tests/coordinator/ingest/fake_node.h"
#include "tests/coordinator/ingest/open_archive.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/support.h"

namespace turret::test {

class ArchiveFixture : public ::testing::Test {
 protected:
  explicit ArchiveFixture(uint64_t seed = Seed(1))
      : random_(seed), trace_(__FILE__, __LINE__, SeedTrace(seed)) {}

  static constexpr std::string_view kPassphrase = kArchivePassphrase;

  absl::Status MakeRoot() { return MakeCheapRoot(posix_, folder_ / "archive", random_); }
  absl::Status Open() {
    if (!posix_.Exists(folder_ / "archive"))
      if (absl::Status made = MakeRoot(); !made.ok()) return made;
    auto archive = OpenArchive(folder_ / "archive", environment_, clock_, random_, metrics_);
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
  std::unique_ptr<coordinator::Archive> archive_;
};

}  // namespace turret::test
