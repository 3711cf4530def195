// Crashes at seeded points of a group commit: nothing acknowledged is lost, nothing is stored twice, the
// verifiers pass, and a rebuilt index equals the running one key for key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "coordinator/ingest/index_check.h"
#include "tests/coordinator/ingest/archive_fixture.h"
#include "tests/second_verifier/both_verifiers.h"
#include "tests/storage/key/files.h"
#include "tests/support/process.h"

namespace turret::coordinator {
namespace {

using test::Answer;
using test::FakeCall;
using test::FakeNode;
using Operation = test::FaultyEnvironment::Operation;

constexpr uint64_t kSeeds = 24;
constexpr int kCrashes = 6;
constexpr int kBatches = 4;

class CrashTest : private test::InMemory,
                  public test::ArchiveFixture,
                  public ::testing::WithParamInterface<uint64_t> {
 protected:
  CrashTest() : ArchiveFixture(test::Seed(GetParam())) {}

  uint64_t Pick(uint64_t below) {
    std::array<uint8_t, 8> raw;
    random_.Fill(raw);
    return LoadU64(raw) % below;
  }

  // A few items of new and running calls; the node keeps them until they are acknowledged.
  void Make(FakeNode& node) {
    if (calls_.empty() || Pick(3) == 0) {
      calls_.push_back(node.NewCall());
      for (auto item :
           {node.Unit(calls_.back()), node.Started(calls_.back()), node.StreamOpened(calls_.back())})
        unacknowledged_.push_back(std::move(item));
    }
    for (uint64_t i = 0; i <= Pick(4); ++i)
      unacknowledged_.push_back(node.Segment(calls_[Pick(calls_.size())]));
    unacknowledged_.push_back(Pick(2) == 0 ? node.Presence()
                                           : node.GapOf(calls_.back(), v1::GAP_CAUSE_PACKET_LOSS));
  }

  // True: everything is acknowledged.
  bool SendAll(const FakeNode& node) {
    const Answer answer =
        test::SubmitAndWait(*archive_, node.id(), {unacknowledged_.begin(), unacknowledged_.end()});
    if (!answer.status.ok()) return false;
    for (const ItemOutcome& outcome : answer.outcomes)
      EXPECT_NE(outcome.kind, ItemOutcome::kRefused) << outcome.message;
    for (v1::ReplicateRequest& item : unacknowledged_) acknowledged_.push_back(std::move(item));
    unacknowledged_.clear();
    return true;
  }

  void Crash() {
    archive_.reset();
    environment_.Repair();
    if (Pick(2) == 0) environment_.PowerCut(random_);
    // Opening may be hit as well; then it is opened again.
    if (Pick(3) == 0) Fault();
    if (!Open().ok()) {
      environment_.Repair();
      OpenOrDie();
    }
    environment_.Repair();
  }

  void Fault() {
    constexpr Operation kOperations[] = {Operation::kCreate, Operation::kWrite, Operation::kSync,
                                         Operation::kSyncDirectory, Operation::kRename};
    const Operation operation = kOperations[Pick(std::size(kOperations))];
    if (Pick(2) == 0)
      environment_.FailNth(operation, 1 + Pick(12));
    else
      environment_.Break(operation);
  }

  void ExpectAllThere() {
    std::map<std::string, std::vector<Digest>> hashes;
    for (const v1::ReplicateRequest& item : acknowledged_) {
      if (item.has_fact()) {
        const auto at = archive_->index().FactEntry(*FactId::FromProto(item.fact().fact_id()));
        ASSERT_TRUE(at.ok() && at->has_value());
        const auto entry = archive_->ReadEntry(**at);
        ASSERT_TRUE(entry.ok() && entry->body) << entry.status();
        EXPECT_EQ(entry->body->fact().SerializeAsString(), item.fact().SerializeAsString());
      } else if (item.has_segment()) {
        const Bytes sealed = AsBytes(item.segment().sealed());
        hashes[ToString(sealed.subspan(40, kIdBytes))].push_back(Sha256(sealed));
      }
    }
    for (const auto& [stream, expected] : hashes) {
      const auto placed = archive_->index().Placements(*StreamId::FromProto(stream));
      ASSERT_TRUE(placed.ok()) << placed.status();
      ASSERT_EQ(placed->size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ((*placed)[i].placement.segment_hash(), ToString(expected[i]));
        EXPECT_TRUE(archive_->OpenSegmentAt((*placed)[i]).ok());
      }
    }
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

  std::vector<FakeCall> calls_;
  std::deque<v1::ReplicateRequest> unacknowledged_;
  std::vector<v1::ReplicateRequest> acknowledged_;
};

TEST_P(CrashTest, NothingAcknowledgedIsLostAndNothingIsStoredTwice) {
  OpenOrDie();
  FakeNode node = MakeNode();
  int crashes = 0;
  for (int round = 0; round < kCrashes; ++round) {
    for (int batch = 0; batch < kBatches; ++batch) {
      Make(node);
      if (batch == 2) Fault();
      if (!SendAll(node)) break;
    }
    crashes += archive_->health().ok() ? 0 : 1;
    Crash();
    ExpectAllThere();
    if (HasFatalFailure()) return;
  }
  ASSERT_TRUE(SendAll(node));
  ExpectAllThere();
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
