#include "storage/ledger/checkpoint.h"

#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  test::SeededRandom random_{3};
  SecretKey seed_ = SecretKey::Make(random_);
  Ed25519Public key_ = Ed25519PublicOf(seed_);
  Checkpoint checkpoint_{"turret-recorder/00112233445566778899aabbccddeeff", 42, Sha256(AsBytes("root"))};
  std::string text_ = SignCheckpoint(checkpoint_, seed_);
};

TEST_F(CheckpointTest, ComesBackAsItWasSigned) {
  const auto read = ReadCheckpoint(text_, key_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->origin, checkpoint_.origin);
  EXPECT_EQ(read->size, 42u);
  EXPECT_EQ(read->root, checkpoint_.root);
}

TEST_F(CheckpointTest, IsASignedNoteAsC2spSays) {
  const std::string signed_text = SignedText(text_).value();
  EXPECT_EQ(signed_text.substr(0, signed_text.find("\n42\n")), checkpoint_.origin);
  EXPECT_EQ(text_.substr(signed_text.size(), 4), "\n\u2014");
  EXPECT_TRUE(text_.ends_with("\n"));
}

TEST_F(CheckpointTest, AnyFlippedBitIsRefused) {
  for (size_t bit = 0; bit < text_.size() * 8; ++bit) {
    std::string altered = text_;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(ReadCheckpoint(altered, key_).ok()) << "bit " << bit;
  }
}

TEST_F(CheckpointTest, AnotherKeyIsPermissionDenied) {
  const Ed25519Public other = Ed25519PublicOf(SecretKey::Make(random_));
  EXPECT_EQ(ReadCheckpoint(text_, other).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CheckpointTest, SignaturesOfWitnessesStandBesideOurs) {
  const std::string signed_text = SignedText(text_).value();
  const std::string ours = text_.substr(signed_text.size() + 1);
  const std::string witnessed = signed_text + "\n\u2014 witness.example/w1 AAAAAAAA\n" + ours;
  EXPECT_TRUE(ReadCheckpoint(witnessed, key_).ok());
}

TEST_F(CheckpointTest, TextThatIsNoCheckpointIsInvalidArgument) {
  for (const char* text : {"", "\n\n", "origin\n1\n\nx\n", "origin\n01\nAAAA\n\nx\n", "one line"})
    EXPECT_EQ(ReadCheckpoint(text, key_).status().code(), absl::StatusCode::kInvalidArgument) << text;
}

}  // namespace
}  // namespace turret
