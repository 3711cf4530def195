// What a crash or a tamperer leaves of a ledger: nothing signed is lost unnoticed, and the tree never forks.
#include <set>

#include "storage/base/record_file.h"
#include "tests/storage/ledger/ledger_fixture.h"
#include "tests/support/faulty_environment.h"

namespace turret {
namespace {

using test::FaultyEnvironment;

class LedgerCrashTest : public test::LedgerFixture {
 protected:
  // Two signed commits, and behind them two whole entries that no head signs.
  LedgerCrashTest() {
    auto ledger = Open(directory_).value();
    AppendEntries(*ledger, "first", 2);
    EXPECT_TRUE(ledger->Commit().ok());
    AppendEntries(*ledger, "second", 1);
    signed_head_ = ledger->Commit().value();
    signed_texts_ = Texts(*ledger);
    signed_bytes_ = environment_.ReadAll(directory_ + kBlock).value().size();
    AppendEntries(*ledger, "unsigned", 2);
    test::CopyAll(directory_, crashed_);
  }

  void ExpectSignedStays(Ledger& ledger) {
    std::vector<std::string> texts = Texts(ledger);
    ASSERT_GE(texts.size(), signed_texts_.size());
    texts.resize(signed_texts_.size());
    EXPECT_EQ(texts, signed_texts_);
    const v1::TreeHead head = ledger.Head();
    EXPECT_TRUE(VerifyConsistency(signed_head_.size(), head.size(), DigestFrom(signed_head_.root()),
                                  DigestFrom(head.root()),
                                  ledger.ConsistencyProof(signed_head_.size(), head.size()).value()));
  }

  // Opens, goes on, and opens again: everything of both is there.
  void ExpectGoesOn(const std::string& directory) {
    auto ledger = Open(directory);
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    ExpectSignedStays(**ledger);
    AppendEntries(**ledger, "after", 2);
    ASSERT_TRUE((*ledger)->Commit().ok());
    const std::vector<std::string> texts = Texts(**ledger);
    ledger->reset();
    ledger = Open(directory);
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    EXPECT_EQ(Texts(**ledger), texts);
  }

  static constexpr const char* kBlock = "/0000000000000000.blk";
  std::string directory_ = folder_ / "ledger";
  std::string crashed_ = folder_ / "crashed";
  v1::TreeHead signed_head_;
  std::vector<std::string> signed_texts_;
  size_t signed_bytes_ = 0;
};

TEST_F(LedgerCrashTest, WholeEntriesBehindTheLastHeadAreKeptAndSigned) {
  const auto ledger = Open(crashed_).value();
  ExpectSignedStays(*ledger);
  EXPECT_EQ(ledger->Head().size(), signed_head_.size() + 2);
}

TEST_F(LedgerCrashTest, WhateverWasSignedStaysHoweverTheBlocksTailIsTorn) {
  const Buffer block = environment_.ReadAll(crashed_ + kBlock).value();
  const std::string cut = folder_ / "cut";
  for (size_t bytes = signed_bytes_; bytes <= block.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    test::CopyAll(crashed_, cut);
    test::Overwrite(cut + kBlock, Bytes(block).first(bytes));
    ExpectGoesOn(cut);
    if (HasFailure()) return;
  }
}

TEST_F(LedgerCrashTest, WhateverWasSignedStaysHoweverTheHeadsAreTorn) {
  const Buffer heads = environment_.ReadAll(crashed_ + "/heads").value();
  const std::string cut = folder_ / "cut";
  for (size_t bytes = 0; bytes <= heads.size(); bytes += 3) {
    SCOPED_TRACE(bytes);
    test::CopyAll(crashed_, cut);
    test::Overwrite(cut + "/heads", Bytes(heads).first(bytes));
    ExpectGoesOn(cut);
    if (HasFailure()) return;
  }
}

TEST_F(LedgerCrashTest, ATornTailIsAccountedForByAnEntry) {
  const Buffer block = environment_.ReadAll(crashed_ + kBlock).value();
  test::Overwrite(crashed_ + kBlock, Bytes(block).first(signed_bytes_ + 7));
  for (int opened = 0; opened < 2; ++opened) {
    const auto ledger = Open(crashed_).value();
    ASSERT_EQ(ledger->Head().size(), signed_head_.size() + 1);
    ASSERT_TRUE(ledger
                    ->Read(signed_head_.size(), signed_head_.size() + 1,
                           [&](uint64_t, const StoredEntry& entry) {
                             v1::Leaf leaf;
                             EXPECT_TRUE(
                                 leaf.ParseFromArray(entry.leaf.data(), static_cast<int>(entry.leaf.size())));
                             EXPECT_EQ(leaf.kind(), v1::BLOCK_CLOSED);
                             EXPECT_EQ(leaf.block().records(), signed_head_.size());
                             EXPECT_EQ(leaf.block().bytes(), signed_bytes_);
                             EXPECT_EQ(leaf.block().tail_bytes(), 7u);
                             EXPECT_EQ(leaf.block().tail_digest(),
                                       ToString(Sha256(Bytes(block).subspan(signed_bytes_, 7))));
                             return absl::OkStatus();
                           })
                    .ok());
  }
}

TEST_F(LedgerCrashTest, ABlockThatLostASignedByteIsDataLoss) {
  const Buffer block = environment_.ReadAll(crashed_ + kBlock).value();
  for (size_t bytes = 0; bytes < signed_bytes_; ++bytes) {
    test::Overwrite(crashed_ + kBlock, Bytes(block).first(bytes));
    ASSERT_EQ(Open(crashed_).status().code(), absl::StatusCode::kDataLoss) << bytes;
  }
  test::Unprotect(crashed_ + kBlock);
  std::filesystem::remove(crashed_ + kBlock);
  EXPECT_EQ(Open(crashed_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(LedgerCrashTest, AFlippedBitInAnyByteOfASignedEntryIsDataLoss) {
  const Buffer block = environment_.ReadAll(crashed_ + kBlock).value();
  for (size_t bit = 0; bit < signed_bytes_ * 8; bit += 7) {
    test::Overwrite(crashed_ + kBlock, test::WithFlippedBit(block, bit));
    ASSERT_EQ(Open(crashed_).status().code(), absl::StatusCode::kDataLoss) << "bit " << bit;
  }
}

TEST_F(LedgerCrashTest, AnEntryRewrittenWithAFittingCheckIsDataLossThatSaysWhere) {
  Buffer block = ToBuffer(Bytes(environment_.ReadAll(crashed_ + kBlock).value()).first(signed_bytes_));
  // The last signed record's sealed body: flip a bit, and make its check fit again.
  size_t begin = kMagicBytes;
  for (size_t next = begin; next < block.size();
       next += LoadU32(Bytes(block).subspan(next)) + kRecordOverheadBytes)
    begin = next;
  block[begin + 4 + 4 + 2] ^= 1;  // In the leaf.
  const Digest check = Sha256(Bytes(block).subspan(begin, block.size() - 8 - begin));
  std::copy_n(check.begin(), 8, block.end() - 8);
  test::Overwrite(crashed_ + kBlock, block);
  const absl::Status status = Open(crashed_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
}

TEST_F(LedgerCrashTest, ACrashWhileTheLedgerIsMadeLeavesOneThatCanBegin) {
  const std::string made = folder_ / "made";
  Open(made).value().reset();
  const Buffer block = environment_.ReadAll(made + kBlock).value();
  for (size_t bytes = 0; bytes <= block.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    test::RemoveAll(made);
    ASSERT_TRUE(environment_.CreateDirectories(made).ok());
    test::Overwrite(made + kBlock, Bytes(block).first(bytes));
    auto ledger = Open(made).value();
    AppendEntries(*ledger, "after", 1);
    ASSERT_TRUE(ledger->Commit().ok());
    const std::vector<std::string> texts = Texts(*ledger);
    EXPECT_EQ(texts.front(), "#1");
    EXPECT_EQ(texts.back(), "after 0");
    ledger = Open(made).value();
    EXPECT_EQ(Texts(*ledger), texts);
    if (HasFailure()) return;
  }
}

TEST_F(LedgerCrashTest, NoSingleFailedOperationLosesACommittedEntry) {
  using Operation = FaultyEnvironment::Operation;
  for (const Operation operation :
       {Operation::kCreate, Operation::kWrite, Operation::kSync, Operation::kSyncDirectory}) {
    for (uint64_t nth = 1; nth <= 30; ++nth) {
      SCOPED_TRACE(testing::Message() << "operation " << static_cast<int>(operation) << ", nth " << nth);
      const std::string directory = folder_ / "faulty";
      test::RemoveAll(directory);
      FaultyEnvironment faulty(environment_);
      faulty.FailNth(operation, nth);
      std::set<std::string> committed;
      if (auto ledger = Open(faulty, directory); ledger.ok()) {
        for (int round = 0; round < 6; ++round) {
          std::set<std::string> appended;
          for (int i = 0; i < 2; ++i) {
            const std::string text = "round " + std::to_string(round) + " " + std::to_string(i);
            if (AppendOne(**ledger, text).ok()) appended.insert(text);
          }
          if ((*ledger)->Commit().ok()) committed.merge(appended);
        }
        const std::vector<std::string> texts = Texts(**ledger);
        EXPECT_GE(committed.size(), 10u);
        for (const std::string& text : committed)
          EXPECT_EQ(std::count(texts.begin(), texts.end(), text), 1) << text;
      }
      faulty.PowerCut(random_);
      const auto ledger = Open(directory);
      ASSERT_TRUE(ledger.ok()) << ledger.status();
      const std::vector<std::string> texts = Texts(**ledger);
      for (const std::string& text : committed)
        EXPECT_EQ(std::count(texts.begin(), texts.end(), text), 1) << text;
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace turret
