#include "node/presence/enrolment_cache.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

class EnrolmentCacheTest : public testing::Test {
 protected:
  std::unique_ptr<EnrolmentCache> Open(const SecretKey& key) {
    auto cache = EnrolmentCache::Open(environment_, folder_ / "enrolment", key.Clone(), random_);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }
  v1::Welcome MakeWelcome() {
    v1::Welcome welcome;
    welcome.set_ledger_id(ledger_.ToProto());
    welcome.mutable_enrolment()->set_version(3);
    welcome.mutable_enrolment()->add_lines()->set_trader("Ada Ashdown");
    for (const char* day : {"2026-09-22", "2026-09-21"}) {
      v1::IntakeKey& key = *welcome.add_intake_keys();
      key.set_day(day);
      key.set_key_id(day);
    }
    return welcome;
  }
  test::SeededRandom random_{test::Seed(2)};
  test::TemporaryFolder folder_;
  PosixEnvironment environment_;
  const SecretKey key_ = SecretKey::Make(random_);
  const LedgerId ledger_ = LedgerId::Make(random_);
};

TEST_F(EnrolmentCacheTest, IsNotReadyBeforeTheCoordinatorTold) {
  const auto cache = Open(key_);
  EXPECT_FALSE(cache->ready());
  EXPECT_EQ(cache->enrolment()->version(), 0u);
  EXPECT_TRUE(absl::IsNotFound(cache->For("2026-09-21").status()));
}

TEST_F(EnrolmentCacheTest, IsThereAgainAfterARestartAndSealedOnDisk) {
  ASSERT_TRUE(Open(key_)->Update(MakeWelcome()).ok());
  const auto cache = Open(key_);
  EXPECT_TRUE(cache->ready());
  EXPECT_EQ(cache->ledger(), ledger_);
  EXPECT_EQ(cache->enrolment()->lines(0).trader(), "Ada Ashdown");
  const Buffer bytes = environment_.ReadAll(folder_ / "enrolment").value();
  EXPECT_EQ(AsText(bytes).find("Ada"), std::string_view::npos);
}

TEST_F(EnrolmentCacheTest, GivesTheKeyOfTheDayOrElseTheNewest) {
  const auto cache = Open(key_);
  ASSERT_TRUE(cache->Update(MakeWelcome()).ok());
  EXPECT_EQ(cache->For("2026-09-21")->key_id(), "2026-09-21");
  EXPECT_EQ(cache->For("2026-09-30")->key_id(), "2026-09-22");
}

TEST_F(EnrolmentCacheTest, AnotherNodeKeyMakesItStartAnew) {
  ASSERT_TRUE(Open(key_)->Update(MakeWelcome()).ok());
  EXPECT_FALSE(Open(SecretKey::Make(random_))->ready());
}

TEST_F(EnrolmentCacheTest, RefusesAnotherLedger) {
  const auto cache = Open(key_);
  ASSERT_TRUE(cache->Update(MakeWelcome()).ok());
  v1::Welcome other = MakeWelcome();
  other.set_ledger_id(LedgerId::Make(random_).ToProto());
  EXPECT_TRUE(absl::IsFailedPrecondition(cache->Update(other)));
  EXPECT_EQ(cache->ledger(), ledger_);
}

}  // namespace
}  // namespace turret::node
