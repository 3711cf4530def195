// Power loss at the storage seam: while a node replicates, at seeded instants, the disk is copied as a power
// cut would leave it: only what was synced is sure. Each copy is opened, holds all that was acknowledged by
// then, takes the rest, and is verified.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "spdlog/spdlog.h"
#include "tests/coordinator/ingest/verified.h"
#include "tests/coordinator/ingest/workload.h"
#include "tests/second_verifier/both_verifiers.h"
#include "tests/support/memory_disk.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::coordinator {
namespace {

// 1,000 seeds: each is a run and the number of a cut in it.
constexpr uint64_t kRuns = 20;
constexpr uint64_t kCutsOfARun = 50;
constexpr uint64_t kDistanceMax = 7;      // Changes of the disk between two cuts.
constexpr uint64_t kSecondVerifier = 50;  // One archive of so many goes to the verifier in Python, too.

struct Cut {
  std::unique_ptr<test::MemoryDisk> disk;
  size_t acknowledged = 0;  // Items, by then.
};

class PowerCutTest : private test::InMemory, public testing::TestWithParam<uint64_t> {
 protected:
  PowerCutTest() { spdlog::set_level(spdlog::level::off); }
  ~PowerCutTest() override { spdlog::set_level(spdlog::level::info); }

  std::unique_ptr<Archive> Open(Environment& disk) {
    auto archive = test::OpenArchive(directory_, disk, clock_, random_, metrics_);
    EXPECT_TRUE(archive.ok()) << archive.status();
    return archive.ok() ? *std::move(archive) : nullptr;
  }

  void Send(Archive& archive, test::Workload& work) {
    const std::vector<v1::ReplicateRequest> items = work.waiting();
    const test::Answer answer = test::SubmitAndWait(archive, work.node(), items);
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    work.Acknowledge(items.size());
  }

  // All that the node ever sends, and the cuts on the way.
  std::vector<v1::ReplicateRequest> Live() {
    test::MemoryDisk disk;
    std::filesystem::create_directories(directory_);
    EXPECT_TRUE(test::MakeCheapRoot(disk, directory_, random_).ok());
    std::unique_ptr<Archive> archive = Open(disk);
    key_ = archive->ledger().public_key();
    test::Workload work(test::FakeNode(random_, *archive->MakeWelcome()), random_);
    EXPECT_TRUE(archive->Close().ok());
    archive.reset();
    std::filesystem::rename(directory_ + "/index", early_index_);
    std::filesystem::copy(early_index_, directory_ + "/index");

    disk.TakeImages(&cut_random_, kDistanceMax, [&](std::unique_ptr<test::MemoryDisk> image) {
      if (cuts_.size() < kCutsOfARun)
        cuts_.push_back({.disk = std::move(image), .acknowledged = work.acknowledged().size()});
    });
    for (archive = Open(disk); cuts_.size() < kCutsOfARun && !HasFailure();) {
      work.Make();
      if (work.Pick(6) == 0) clock_.Advance(absl::Minutes(16));  // Volumes close.
      Send(*archive, work);
      if (work.Pick(6) != 0) continue;
      EXPECT_TRUE(archive->Close().ok());
      archive.reset();
      archive = Open(disk);
    }
    disk.TakeImages(nullptr, 0, nullptr);
    work.EndCalls();
    Send(*archive, work);
    return work.acknowledged();
  }

  // The index is no part of the disk: after a power cut it is an old one, or none.
  void SetIndex(bool old) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    if (old) std::filesystem::copy(early_index_, directory_ + "/index");
  }

  void ExpectNothingLost(Cut& cut, const std::vector<v1::ReplicateRequest>& sent) {
    SetIndex(test::Below(cut_random_, 4) != 0);
    std::unique_ptr<Archive> archive = Open(*cut.disk);
    ASSERT_NE(archive, nullptr);
    const auto known = sent.begin() + static_cast<ptrdiff_t>(cut.acknowledged);
    test::ExpectHeld(*archive, {sent.begin(), known});
    const test::Answer answer = test::SubmitAndWait(*archive, NodeId::Make(random_), {known, sent.end()});
    ASSERT_TRUE(answer.status.ok()) << answer.status;
    for (const ItemOutcome& outcome : answer.outcomes)
      EXPECT_NE(outcome.kind, ItemOutcome::kRefused) << outcome.message;
    test::ExpectHeldAndNothingElse(*archive, sent);
    ASSERT_TRUE(archive->Close().ok());
    archive.reset();
    test::ExpectVerified(*cut.disk, directory_, key_, sent);
  }

  const uint64_t seed_ = test::Seed(GetParam());
  const test::TemporaryFolder folder_;
  const std::string directory_ = folder_ / "archive";
  const std::string early_index_ = folder_ / "early-index";
  test::ManualClock clock_;
  test::SeededRandom random_{seed_};
  test::SeededRandom cut_random_{~seed_};
  CoordinatorMetrics metrics_;
  std::vector<Cut> cuts_;
  Ed25519Public key_{};
};

// R14: a power cut loses nothing that was acknowledged.
TEST_P(PowerCutTest, NothingAcknowledgedIsMissingAndNothingIsThereTwice) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  const std::vector<v1::ReplicateRequest> sent = Live();
  ASSERT_EQ(cuts_.size(), kCutsOfARun);
  for (size_t at = 0; at < cuts_.size(); ++at) {
    SCOPED_TRACE(at);
    ExpectNothingLost(cuts_[at], sent);
    if (HasFailure()) return;
    cuts_[at].disk.reset();
  }
  static_assert(kCutsOfARun % kSecondVerifier == 0);
  test::WriteFileOrDie(folder_ / "passphrase", std::string(test::kArchivePassphrase) + "\n");
  test::WriteFileOrDie(folder_ / "key", ToHex(key_) + "\n");
  const test::Verdict verdict = test::BothVerify(
      {directory_, "--key", folder_ / "key", "--passphrase-file", folder_ / "passphrase", "--at-rest"});
  EXPECT_EQ(verdict.exit_code, 3) << verdict.Told();
}

INSTANTIATE_TEST_SUITE_P(Seeds, PowerCutTest, testing::Range(uint64_t{1}, kRuns + 1));

}  // namespace
}  // namespace turret::coordinator
