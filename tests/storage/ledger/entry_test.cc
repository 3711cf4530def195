#include "storage/ledger/entry.h"

#include "gtest/gtest.h"
#include "storage/base/digest.h"
#include "tests/support/support.h"

namespace turret {
namespace {

class EntryTest : public testing::Test {
 protected:
  EntryTest() {
    body_.mutable_accessed()->set_who("compliance-1");
    v1::Leaf leaf;
    leaf.set_kind(v1::RESTRICTED);
    entry_ = MakeEntry(leaf, LedgerId::Make(random_), &body_, SealUnder{book_, key_id_, &key_}, random_);
    EXPECT_TRUE(leaf_.ParseFromArray(entry_.leaf.data(), static_cast<int>(entry_.leaf.size())));
  }

  test::SeededRandom random_{5};
  BookId book_ = BookId::Make(random_);
  KeyId key_id_ = KeyId::Make(random_);
  SecretKey key_ = SecretKey::Make(random_);
  v1::EntryBody body_;
  StoredEntry entry_;
  v1::Leaf leaf_;
};

TEST_F(EntryTest, TheBodyOpensWithTheKeyThatTheLeafNames) {
  EXPECT_EQ(leaf_.body_book_id(), book_.ToProto());
  EXPECT_EQ(leaf_.body_key_id(), key_id_.ToProto());
  const auto body = OpenBody(leaf_, entry_.sealed_body, key_);
  ASSERT_TRUE(body.ok()) << body.status();
  EXPECT_EQ(body->accessed().who(), "compliance-1");
}

TEST_F(EntryTest, TheOpenedBytesAreWhatTheLeafCommitsTo) {
  const Buffer shown = OpenBodyBytes(leaf_, entry_.sealed_body, key_).value();
  EXPECT_EQ(ToString(Sha256(shown)), leaf_.body_opening_digest());
  EXPECT_EQ(ToString(Sha256(entry_.sealed_body)), leaf_.sealed_body_digest());
}

TEST_F(EntryTest, ALeafHoldsNothingOfTheBody) {
  EXPECT_EQ(AsText(entry_.leaf).find("compliance-1"), std::string_view::npos);
  EXPECT_EQ(AsText(entry_.sealed_body).find("compliance-1"), std::string_view::npos);
}

TEST_F(EntryTest, AnAlteredBodyAnotherKeyOrAnotherLeafIsDataLoss) {
  const auto lost = absl::StatusCode::kDataLoss;
  Buffer altered = entry_.sealed_body;
  altered.back() ^= 1;
  EXPECT_EQ(OpenBody(leaf_, altered, key_).status().code(), lost);
  EXPECT_EQ(OpenBody(leaf_, entry_.sealed_body, SecretKey::Make(random_)).status().code(), lost);
  v1::Leaf other = leaf_;
  other.set_entry_id(EntryId::Make(random_).ToProto());
  EXPECT_EQ(OpenBody(other, entry_.sealed_body, key_).status().code(), lost);
  other = leaf_;
  other.set_body_opening_digest(std::string(32, 'x'));
  EXPECT_EQ(OpenBody(other, entry_.sealed_body, key_).status().code(), lost);
}

}  // namespace
}  // namespace turret
