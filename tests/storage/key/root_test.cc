#include "storage/key/root.h"

#include "tests/storage/key/key_fixture.h"

namespace turret {
namespace {

class RootTest : public test::KeyFixture {
 protected:
  std::string path_ = folder_ / "root";
};

TEST_F(RootTest, OpensWithItsPassphraseAndDerivesTheSameKeysEachTime) {
  const auto again = OpenRootFile(environment_, path_, test::kPassphrase, random_).value();
  EXPECT_TRUE(test::Same(root_->Derive("index-token").value(), again->Derive("index-token").value()));
  EXPECT_FALSE(test::Same(root_->Derive("index-token").value(), again->Derive("other").value()));
  const v1::RootSealed sealed = root_->Seal("month:mifid:2026-11", "id", AsBytes("secret")).value();
  EXPECT_EQ(AsText(again->Open("month:mifid:2026-11", sealed).value()), "secret");
}

TEST_F(RootTest, AWrongPassphraseIsPermissionDenied) {
  EXPECT_EQ(OpenRootFile(environment_, path_, "incorrect horse battery", random_).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(RootTest, AnyFlippedBitOfTheFileIsRefused) {
  const Buffer good = environment_.ReadAll(path_).value();
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    test::Overwrite(path_, test::WithFlippedBit(good, bit));
    EXPECT_EQ(OpenRootFile(environment_, path_, test::kPassphrase, random_).status().code(),
              absl::StatusCode::kDataLoss)
        << "bit " << bit;
  }
}

TEST_F(RootTest, IsCreatedOnceAndWithALongPassphrase) {
  EXPECT_EQ(CreateRootFile(environment_, path_, test::kPassphrase, random_).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(CreateRootFile(environment_, folder_ / "other", "elevenchars", random_).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenRootFile(environment_, folder_ / "none", test::kPassphrase, random_).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RootTest, TheDefaultCostOpensToo) {
  ASSERT_TRUE(CreateRootFile(environment_, folder_ / "dear", test::kPassphrase, random_).ok());
  EXPECT_TRUE(OpenRootFile(environment_, folder_ / "dear", test::kPassphrase, random_).ok());
}

TEST_F(RootTest, ASecretSealedForOneUseOpensForNoOther) {
  v1::RootSealed sealed = root_->Seal("ledger-signing", "id", AsBytes("secret")).value();
  EXPECT_EQ(root_->Open("index-token", sealed).status().code(), absl::StatusCode::kDataLoss);
  sealed.set_use("index-token");
  EXPECT_EQ(root_->Open("index-token", sealed).status().code(), absl::StatusCode::kDataLoss);
  sealed.set_use("ledger-signing");
  sealed.set_id("other");
  EXPECT_EQ(root_->Open("ledger-signing", sealed).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace turret
