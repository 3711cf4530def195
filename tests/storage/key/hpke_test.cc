#include "storage/key/hpke.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret {
namespace {

Buffer Hex(std::string_view hex) { return FromHex(hex).value(); }
SecretKey SecretHex(std::string_view hex) { return SecretKey::From(Hex(hex)).value(); }
X25519Public PublicHex(std::string_view hex) {
  X25519Public key{};
  const Buffer raw = Hex(hex);
  std::copy(raw.begin(), raw.end(), key.begin());
  return key;
}

// Gives the ephemeral private key of the vector.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(Buffer bytes) : bytes_(std::move(bytes)) {}
  void Fill(std::span<uint8_t> out) override { std::copy_n(bytes_.begin(), out.size(), out.begin()); }

 private:
  Buffer bytes_;
};

// The CFRG's test vectors of RFC 9180: mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, first
// message.
constexpr std::string_view kInfo = "Ode on a Grecian Urn";
constexpr std::string_view kRecipientPrivate =
    "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d";
constexpr std::string_view kRecipientPublic =
    "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c";
constexpr std::string_view kEphemeralPrivate =
    "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11";
constexpr std::string_view kEncapsulated = "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256";
constexpr std::string_view kAad = "Count-0";
constexpr std::string_view kPlaintext = "Beauty is truth, truth beauty";
constexpr std::string_view kCiphertext =
    "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a";

TEST(Hpke, SealsTheVectorOfRfc9180) {
  FixedRandom ephemeral(Hex(kEphemeralPrivate));
  const auto sealed =
      HpkeSeal(PublicHex(kRecipientPublic), kInfo, AsBytes(kAad), AsBytes(kPlaintext), ephemeral);
  ASSERT_TRUE(sealed.ok()) << sealed.status();
  EXPECT_EQ(ToHex(sealed->encapsulated_key), kEncapsulated);
  EXPECT_EQ(ToHex(sealed->ciphertext), kCiphertext);
}

TEST(Hpke, OpensTheVectorOfRfc9180) {
  const auto plaintext = HpkeOpen(SecretHex(kRecipientPrivate), PublicHex(kEncapsulated), kInfo,
                                  AsBytes(kAad), Hex(kCiphertext));
  ASSERT_TRUE(plaintext.ok()) << plaintext.status();
  EXPECT_EQ(AsText(*plaintext), kPlaintext);
}

TEST(Hpke, PublicKeyOfThePrivateOneIsTheVectors) {
  EXPECT_EQ(ToHex(X25519PublicOf(SecretHex(kRecipientPrivate))), kRecipientPublic);
}

TEST(Hpke, AnyFlippedBitOrOtherContextIsDataLoss) {
  const SecretKey recipient = SecretHex(kRecipientPrivate);
  const Buffer sealed = Hex(kCiphertext);
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Buffer altered = sealed;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_EQ(HpkeOpen(recipient, PublicHex(kEncapsulated), kInfo, AsBytes(kAad), altered).status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_FALSE(HpkeOpen(recipient, PublicHex(kEncapsulated), "other", AsBytes(kAad), sealed).ok());
  EXPECT_FALSE(HpkeOpen(recipient, PublicHex(kEncapsulated), kInfo, AsBytes("Count-1"), sealed).ok());
  EXPECT_FALSE(HpkeOpen(recipient, PublicHex(kRecipientPublic), kInfo, AsBytes(kAad), sealed).ok());
}

TEST(Hpke, RefusesLowOrderPoints) {
  test::SeededRandom random(1);
  X25519Public one{};
  one[0] = 1;
  for (const X25519Public& point : {X25519Public{}, one}) {
    EXPECT_EQ(HpkeSeal(point, kInfo, {}, AsBytes(kPlaintext), random).status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(HpkeOpen(SecretHex(kRecipientPrivate), point, kInfo, {}, Hex(kCiphertext)).status().code(),
              absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace turret
