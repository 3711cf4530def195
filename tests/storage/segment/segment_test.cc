#include "storage/segment/segment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/base/merkle.h"
#include "tests/support/support.h"

namespace turret {
namespace {

class SegmentTest : public testing::Test {
 protected:
  SegmentTest() {
    names_.ledger = LedgerId::Make(random_);
    names_.unit = UnitId::Make(random_);
    names_.stream = StreamId::Make(random_);
    names_.sequence = 7;
    names_.storage_class = "mifid";
    random_.Fill(names_.predecessor);
    plaintext_.resize(1000);
    random_.Fill(plaintext_);
  }
  Buffer Seal() { return *SealSegment(names_, key_, plaintext_, random_); }

  test::SeededRandom random_{test::Seed(1)};
  SecretKey key_ = SecretKey::Make(random_);
  SegmentNames names_;
  Buffer plaintext_;
};

TEST_F(SegmentTest, OpensToWhatWasSealedAndTellsItsNamesWithoutAKey) {
  const Buffer sealed = Seal();
  EXPECT_EQ(sealed.size(), plaintext_.size() + kSegmentOverheadBytes);
  EXPECT_EQ(ReadSegmentHeader(sealed)->names, names_);
  EXPECT_EQ(ReadSegmentHeader(sealed)->opening_digest, Sha256(plaintext_));
  EXPECT_EQ(*OpenSegment(sealed, key_), plaintext_);
}

TEST_F(SegmentTest, EachSealHasItsOwnSaltAndBytes) { EXPECT_NE(Seal(), Seal()); }

TEST_F(SegmentTest, AnySingleFlippedBitIsNoticed) {  // R09
  const Buffer sealed = Seal();
  for (size_t at = 0; at < sealed.size(); ++at) {
    Buffer altered = sealed;
    altered[at] ^= static_cast<uint8_t>(1U << (at % 8));
    EXPECT_FALSE(OpenSegment(altered, key_).ok()) << "byte " << at;
    EXPECT_NE(SegmentHash(altered), SegmentHash(sealed));
    EXPECT_NE(SegmentLeafHash(altered), SegmentLeafHash(sealed));
  }
}

TEST_F(SegmentTest, AnotherKeyDoesNotOpenIt) {
  const absl::StatusOr<Buffer> opened = OpenSegment(Seal(), SecretKey::Make(random_));
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SegmentTest, EveryCutOrLengthenedSegmentIsRefused) {
  Buffer sealed = Seal();
  for (size_t size = 0; size < sealed.size(); size += 13)
    EXPECT_FALSE(ReadSegmentHeader(Bytes(sealed).first(size)).ok()) << size;
  sealed.push_back(0);
  EXPECT_FALSE(ReadSegmentHeader(sealed).ok());
}

TEST_F(SegmentTest, OnlyTheFirstSegmentHasNoPredecessor) {
  names_.predecessor = {};
  EXPECT_EQ(SealSegment(names_, key_, plaintext_, random_).status().code(),
            absl::StatusCode::kInvalidArgument);
  names_.sequence = 0;
  EXPECT_TRUE(SealSegment(names_, key_, plaintext_, random_).ok());
  random_.Fill(names_.predecessor);
  EXPECT_EQ(SealSegment(names_, key_, plaintext_, random_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SegmentTest, RefusesClassNamesThatAreNoneAndPlaintextsThatAreTooLarge) {
  for (const char* name : {"", "MiFID", "a class", "abcdefghijklmnopq"}) {
    names_.storage_class = name;
    EXPECT_FALSE(SealSegment(names_, key_, plaintext_, random_).ok()) << name;
  }
  names_.storage_class = "abcdefghijklmno9";
  EXPECT_EQ(ReadSegmentHeader(Seal())->names, names_);
  plaintext_.resize(kSegmentBytesMax + 1);
  EXPECT_FALSE(SealSegment(names_, key_, plaintext_, random_).ok());
}

TEST_F(SegmentTest, LeafIsOverHeaderAndDigestOfTheSealedPart) {
  const Buffer sealed = Seal();
  const Digest part = Sha256(Bytes(sealed).subspan(180));
  EXPECT_EQ(SegmentLeafHash(sealed), MerkleLeafHash({Bytes(sealed).first(180), Bytes(part)}));
}

}  // namespace
}  // namespace turret
