#include "storage/key/signing.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace turret {
namespace {

// RFC 8032 7.1, test 2.
SecretKey Seed() {
  return SecretKey::From(FromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").value())
      .value();
}
constexpr uint8_t kMessage[] = {0x72};

TEST(Signing, SignsTheVectorOfRfc8032) {
  EXPECT_EQ(ToHex(Ed25519PublicOf(Seed())),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(ToHex(Ed25519Sign(Seed(), kMessage)),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Signing, AnyFlippedBitOfASignatureIsRefused) {
  const Ed25519Public key = Ed25519PublicOf(Seed());
  const Ed25519Signature good = Ed25519Sign(Seed(), kMessage);
  EXPECT_TRUE(Ed25519Verify(key, kMessage, good));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Ed25519Signature altered = good;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(Ed25519Verify(key, kMessage, altered)) << "bit " << bit;
  }
  EXPECT_FALSE(Ed25519Verify(key, {}, good));
}

TEST(Signing, PublicKeyIsWrittenAsSubjectPublicKeyInfo) {
  EXPECT_EQ(Ed25519PublicPem(Ed25519PublicOf(Seed())),
            "-----BEGIN PUBLIC KEY-----\n"
            "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
            "-----END PUBLIC KEY-----\n");
}

}  // namespace
}  // namespace turret
