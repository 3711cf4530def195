#include "storage/ledger/ledger.h"

#include <atomic>
#include <thread>

#include "tests/storage/ledger/ledger_fixture.h"

namespace turret {
namespace {

class LedgerTest : public test::LedgerFixture {
 protected:
  std::string directory_ = folder_ / "ledger";
};

TEST_F(LedgerTest, BeginsWithAnEntryThatNamesItsSigner) {
  const auto ledger = Open(directory_).value();
  EXPECT_EQ(ledger->Head().size(), 1u);
  ASSERT_TRUE(ledger
                  ->Read(0, 1,
                         [&](uint64_t, const StoredEntry& entry) {
                           v1::Leaf leaf;
                           EXPECT_TRUE(
                               leaf.ParseFromArray(entry.leaf.data(), static_cast<int>(entry.leaf.size())));
                           EXPECT_EQ(leaf.kind(), v1::LEDGER_CREATED);
                           EXPECT_EQ(leaf.public_key(), ToString(ledger->public_key()));
                           EXPECT_EQ(leaf.ledger_id(), ledger->id().ToProto());
                           return absl::OkStatus();
                         })
                  .ok());
}

TEST_F(LedgerTest, EntriesComeBackInOrderAfterAReopen) {
  auto ledger = Open(directory_).value();
  const LedgerId id = ledger->id();
  AppendEntries(*ledger, "first", 3);
  ASSERT_TRUE(ledger->Commit().ok());
  AppendEntries(*ledger, "second", 2);
  const v1::TreeHead head = ledger->Commit().value();
  const std::vector<std::string> texts = Texts(*ledger);
  EXPECT_EQ(texts, (std::vector<std::string>{"#1", "first 0", "first 1", "first 2", "second 0", "second 1"}));
  ledger.reset();
  ledger = Open(directory_).value();
  EXPECT_EQ(ledger->id(), id);
  EXPECT_EQ(ledger->Head().SerializeAsString(), head.SerializeAsString());
  EXPECT_EQ(Texts(*ledger), texts);
}

TEST_F(LedgerTest, NothingIsSeenBeforeItsCommit) {
  const auto ledger = Open(directory_).value();
  AppendEntries(*ledger, "unseen", 2);
  EXPECT_EQ(ledger->Head().size(), 1u);
  EXPECT_EQ(Texts(*ledger, 100).size(), 1u);
  EXPECT_EQ(ledger->InclusionProof(1, 2).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LedgerTest, ProofsHoldBetweenAllHeads) {
  const auto ledger = Open(directory_).value();
  std::vector<v1::TreeHead> heads = {ledger->Head()};
  for (int i = 0; i < 20; ++i) {
    AppendEntries(*ledger, "entry", 1 + i % 4);
    heads.push_back(ledger->Commit().value());
  }
  for (const v1::TreeHead& old_head : heads) {
    ASSERT_TRUE(ReadCheckpoint(old_head.checkpoint(), ledger->public_key()).ok());
    for (const v1::TreeHead& new_head : heads) {
      if (old_head.size() > new_head.size()) continue;
      EXPECT_TRUE(VerifyConsistency(old_head.size(), new_head.size(), DigestFrom(old_head.root()),
                                    DigestFrom(new_head.root()),
                                    ledger->ConsistencyProof(old_head.size(), new_head.size()).value()));
    }
  }
  const v1::TreeHead last = heads.back();
  ASSERT_TRUE(ledger
                  ->Read(0, last.size(),
                         [&](uint64_t index, const StoredEntry& entry) {
                           EXPECT_TRUE(VerifyInclusion(MerkleLeafHash({entry.leaf}), index, last.size(),
                                                       ledger->InclusionProof(index, last.size()).value(),
                                                       DigestFrom(last.root())));
                           return absl::OkStatus();
                         })
                  .ok());
}

TEST_F(LedgerTest, ACommitOfNothingSignsNothing) {
  const auto ledger = Open(directory_).value();
  const Buffer before = environment_.ReadAll(directory_ + "/heads").value();
  EXPECT_EQ(ledger->Commit().value().size(), 1u);
  EXPECT_EQ(environment_.ReadAll(directory_ + "/heads").value(), before);
}

TEST_F(LedgerTest, AnotherSigningKeyIsRefused) {
  ASSERT_TRUE(Open(directory_).ok());
  EXPECT_EQ(Ledger::Open(environment_, directory_, SecretKey::Make(random_), clock_, random_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(LedgerTest, TheCheckpointFileIsTheLatestHeadAfterAClose) {
  auto ledger = Open(directory_).value();
  AppendEntries(*ledger, "entry", 3);
  const v1::TreeHead head = ledger->Commit().value();
  ledger.reset();
  EXPECT_EQ(AsText(environment_.ReadAll(directory_ + "/checkpoint").value()), head.checkpoint());
}

TEST_F(LedgerTest, ReadersSeeWholeCommitsWhileTheWriterGoesOn) {
  const auto ledger = Open(directory_).value();
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const v1::TreeHead head = ledger->Head();
      uint64_t seen = 0;
      ASSERT_TRUE(ledger
                      ->Read(0, head.size(),
                             [&](uint64_t, const StoredEntry&) {
                               ++seen;
                               return absl::OkStatus();
                             })
                      .ok());
      ASSERT_EQ(seen, head.size());
      ASSERT_TRUE(ledger->InclusionProof(head.size() - 1, head.size()).ok());
    }
  });
  for (int i = 0; i < 50; ++i) {
    AppendEntries(*ledger, "entry", 3);
    EXPECT_TRUE(ledger->Commit().ok());
  }
  done = true;
  reader.join();
}

TEST_F(LedgerTest, ABodyNeedsAKey) {
  const auto ledger = Open(directory_).value();
  const v1::EntryBody body;
  EXPECT_EQ(ledger->Append(v1::Leaf(), &body).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace turret
