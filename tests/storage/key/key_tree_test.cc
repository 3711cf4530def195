#include "storage/key/key_tree.h"

#include "storage/key/intake.h"
#include "tests/storage/key/key_fixture.h"

namespace turret {
namespace {

class KeyTreeTest : public test::KeyFixture {
 protected:
  void Reopen() { tree_ = KeyTree::Open(environment_, folder_ / "keys", *root_, random_).value(); }
};

TEST_F(KeyTreeTest, AMonthKeyIsMadeOnceAndOnlyWhenAsked) {
  EXPECT_EQ(tree_->Month("mifid", "2026-11", false).status().code(), absl::StatusCode::kNotFound);
  const auto made = tree_->Month("mifid", "2026-11", true).value();
  Reopen();
  const auto again = tree_->Month("mifid", "2026-11", false).value();
  EXPECT_EQ(made.id, again.id);
  EXPECT_TRUE(test::Same(made.key, again.key));
  EXPECT_FALSE(test::Same(made.key, tree_->Month("gdpr", "2026-11", true).value().key));
  EXPECT_FALSE(test::Same(made.key, tree_->Month("mifid", "2026-12", true).value().key));
}

TEST_F(KeyTreeTest, WhatANodeSealsToTheIntakeKeyOpensAfterAReopen) {
  const v1::IntakeKey intake = tree_->Intake("2026-11-02").value();
  EXPECT_EQ(intake.pairing_key().size(), kSecretKeyBytes);
  const UnitNames names{UnitId::Make(random_), CallId::Make(random_), "mifid", "2026-11-02"};
  const SecretKey unit_key = SecretKey::Make(random_);
  const v1::UnitOpened message = SealUnitKey(names, unit_key, intake, random_).value();
  Reopen();
  EXPECT_EQ(tree_->Intake("2026-11-02").value().SerializeAsString(), intake.SerializeAsString());
  const SecretKey opener = tree_->IntakePrivate(message.intake_key_id()).value();
  EXPECT_TRUE(test::Same(OpenUnitKey(message, opener).value(), unit_key));
  EXPECT_EQ(tree_->IntakePrivate("unknown").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(KeyTreeTest, SecretsAndBlobsComeBack) {
  const SecretKey made = tree_->Secret("ledger-signing").value();
  ASSERT_TRUE(tree_->StoreBlob("export-signing", AsBytes("a PEM private key")).ok());
  Reopen();
  EXPECT_TRUE(test::Same(made, tree_->Secret("ledger-signing").value()));
  EXPECT_EQ(AsText(tree_->LoadBlob("export-signing").value()), "a PEM private key");
  EXPECT_EQ(tree_->LoadBlob("other").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(KeyTreeTest, NamesThatAreNoneAreInvalidArgument) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(tree_->Month("../x", "2026-11", true).status().code(), invalid);
  EXPECT_EQ(tree_->Month("mifid", "2026-13", true).status().code(), invalid);
  EXPECT_EQ(tree_->Intake("yesterday").status().code(), invalid);
  EXPECT_EQ(tree_->Secret("../root").status().code(), invalid);
}

TEST_F(KeyTreeTest, AKeyFileThatWasSwappedOrAlteredIsDataLoss) {
  ASSERT_TRUE(tree_->Month("mifid", "2026-11", true).ok());
  ASSERT_TRUE(tree_->Month("gdpr", "2026-11", true).ok());
  const Buffer other = environment_.ReadAll(folder_ / "keys/month/gdpr-2026-11.key").value();
  const std::string path = folder_ / "keys/month/mifid-2026-11.key";
  Buffer altered = environment_.ReadAll(path).value();
  ASSERT_TRUE(environment_.WriteAtomically(path, other).ok());
  EXPECT_EQ(tree_->Month("mifid", "2026-11", true).status().code(), absl::StatusCode::kDataLoss);
  altered[altered.size() / 2] ^= 1;
  ASSERT_TRUE(environment_.WriteAtomically(path, altered).ok());
  EXPECT_EQ(tree_->Month("mifid", "2026-11", true).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace turret
