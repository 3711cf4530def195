// FORMAT.md's examples of ledger block, leaf, body and checkpoint: read from the page, opened, made again.
#include <algorithm>

#include "storage/base/merkle.h"
#include "storage/ledger/ledger.h"
#include "tests/storage/format/example.h"

namespace turret {
namespace {

using test::ExpectOnPage;
using test::ExpectTextOnPage;
using test::KeyOnPage;
using test::OnPage;
using test::TextOnPage;

class LedgerExample : public test::Example {
 protected:
  static v1::EntryBody Body() {
    v1::EntryBody body;
    body.mutable_accessed()->set_action(v1::Accessed::REPLAYED);
    body.mutable_accessed()->set_who("compliance-1");
    body.mutable_accessed()->set_reason("example");
    return body;
  }
  absl::StatusOr<std::unique_ptr<Ledger>> Open() {
    return Ledger::Open(environment_, directory_, KeyOnPage("signing-seed"), clock_, random_);
  }

  const std::string directory_ = folder_ / "ledger";
  const BookId book_ = test::IdOf<BookId>(0x66);
  const KeyId body_key_id_ = test::IdOf<KeyId>(0x77);
};

TEST_F(LedgerExample, BlockHeadsAndCheckpointAreReadAsALedger) {
  ASSERT_TRUE(environment_.CreateDirectories(directory_).ok());
  test::Overwrite(directory_ + "/0000000000000000.blk", OnPage("ledger-block"));
  test::Overwrite(directory_ + "/heads", OnPage("ledger-heads"));
  test::Overwrite(directory_ + "/checkpoint", AsBytes(TextOnPage("checkpoint")));
  const auto opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  Ledger& ledger = **opened;
  EXPECT_EQ(ledger.id(), ledger_);
  EXPECT_EQ(ledger.Head().checkpoint(), TextOnPage("checkpoint"));
  ASSERT_EQ(ledger.Head().size(), 2u);
  std::vector<StoredEntry> entries;
  ASSERT_TRUE(ledger
                  .Read(0, 2,
                        [&](uint64_t, const StoredEntry& entry) {
                          entries.push_back(entry);
                          return absl::OkStatus();
                        })
                  .ok());
  EXPECT_TRUE(entries[0].sealed_body.empty());
  EXPECT_EQ(ToHex(entries[1].leaf), ToHex(OnPage("leaf")));
  EXPECT_EQ(ToHex(entries[1].sealed_body), ToHex(OnPage("sealed-body")));
  EXPECT_EQ(ledger.Head().root(),
            ToString(MerkleNodeHash(MerkleLeafHash({entries[0].leaf}), MerkleLeafHash({entries[1].leaf}))));
}

TEST_F(LedgerExample, TheBodyOpensAndTheLeafCommitsToIt) {
  v1::Leaf leaf;
  const Buffer shown = OnPage("leaf");
  ASSERT_TRUE(leaf.ParseFromArray(shown.data(), static_cast<int>(shown.size())));
  const Buffer plaintext = OpenBodyBytes(leaf, OnPage("sealed-body"), KeyOnPage("body-key")).value();
  ExpectOnPage("body-plaintext", plaintext);
  EXPECT_EQ(OpenBody(leaf, OnPage("sealed-body"), KeyOnPage("body-key")).value().SerializeAsString(),
            Body().SerializeAsString());
  ExpectOnPage("leaf-hash", MerkleLeafHash({shown}));
}

TEST_F(LedgerExample, TheCheckpointIsSignedByTheKeyOnThePage) {
  ExpectOnPage("signing-public-key", Ed25519PublicOf(KeyOnPage("signing-seed")));
  Ed25519Public key{};
  std::ranges::copy(OnPage("signing-public-key"), key.begin());
  const auto read = ReadCheckpoint(TextOnPage("checkpoint"), key);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->size, 2u);
  ExpectTextOnPage("checkpoint", SignCheckpoint(*read, KeyOnPage("signing-seed")));
}

TEST_F(LedgerExample, TheSameLedgerIsMadeAgain) {
  const auto ledger = Open().value();
  random_.StartAgain();
  const SecretKey body_key = KeyOnPage("body-key");
  v1::Leaf leaf;
  leaf.set_kind(v1::RESTRICTED);
  const v1::EntryBody body = Body();
  ASSERT_TRUE(ledger->Append(leaf, &body, SealUnder{book_, body_key_id_, &body_key}).ok());
  ExpectTextOnPage("checkpoint", ledger->Commit().value().checkpoint());
  ExpectOnPage("ledger-block", environment_.ReadAll(directory_ + "/0000000000000000.blk").value());
  ExpectOnPage("ledger-heads", environment_.ReadAll(directory_ + "/heads").value());
  ASSERT_TRUE(ledger
                  ->Read(1, 2,
                         [&](uint64_t, const StoredEntry& entry) {
                           ExpectOnPage("leaf", entry.leaf);
                           ExpectOnPage("sealed-body", entry.sealed_body);
                           return absl::OkStatus();
                         })
                  .ok());
}

}  // namespace
}  // namespace turret
