#include <cstdlib>

#include "gtest/gtest.h"
#include "node/encode/pairing_digest.h"
#include "node/encode/payload_codec.h"
#include "storage/base/digest.h"
#include "storage/segment/g711.h"

namespace turret::node {
namespace {

TEST(G711, KnownCodesHaveTheirValues) {  // ITU-T G.711, tables 1a to 2b.
  EXPECT_EQ(DecodeG711(G711Law::kALaw, 0xD5), 8);
  EXPECT_EQ(DecodeG711(G711Law::kALaw, 0x55), -8);
  EXPECT_EQ(DecodeG711(G711Law::kALaw, 0xAA), 32'256);
  EXPECT_EQ(DecodeG711(G711Law::kALaw, 0x2A), -32'256);
  EXPECT_EQ(DecodeG711(G711Law::kMuLaw, 0xFF), 0);
  EXPECT_EQ(DecodeG711(G711Law::kMuLaw, 0x7F), 0);
  EXPECT_EQ(DecodeG711(G711Law::kMuLaw, 0x80), 32'124);
  EXPECT_EQ(DecodeG711(G711Law::kMuLaw, 0x00), -32'124);
}

TEST(G711, BothLawsAreOddAndGrow) {
  for (const G711Law law : {G711Law::kALaw, G711Law::kMuLaw}) {
    const uint8_t flip = law == G711Law::kALaw ? 0x55 : 0xFF;
    int before = -1;
    for (int code = 0; code < 128; ++code) {
      const int value = std::abs(DecodeG711(law, static_cast<uint8_t>(code) ^ flip));
      EXPECT_GT(value, before);
      EXPECT_EQ(DecodeG711(law, static_cast<uint8_t>(code) ^ flip),
                -DecodeG711(law, static_cast<uint8_t>(code | 0x80) ^ flip));
      before = value;
    }
  }
}

TEST(PairingDigest, IsTheHeadOfHmacSha256) {
  for (const size_t key_bytes : {1U, 32U, 64U, 65U, 200U}) {
    const Buffer key(key_bytes, 0x0B);
    PairingDigest digest(key);
    for (const size_t bytes : {1U, 160U, 1'000U}) {
      const Buffer payload(bytes, 0x61);
      const Buffer hashed_key = key_bytes > 64 ? ToBuffer(Sha256(Bytes(key))) : key;
      EXPECT_EQ(digest.Of(payload), LoadU32(HmacSha256(hashed_key, payload)));
    }
    digest.Of({});
  }
}

TEST(PayloadCodec, NegotiatedTypesGoBeforeStaticOnes) {
  v1::StreamOpened stream;
  stream.set_payload_type(0);
  stream.set_codec("pcma");
  EXPECT_TRUE(CodecOf(0, stream).is_g711);
  EXPECT_EQ(CodecOf(0, stream).law, G711Law::kALaw);
  EXPECT_EQ(CodecOf(8, stream).name, "PCMA");
  EXPECT_TRUE(CodecOf(13, stream).comfort_noise);
  EXPECT_EQ(CodecOf(101, stream).name, "");
}

TEST(PayloadCodec, LengthIsToldByThePayloadWhereItCanBe) {
  v1::StreamOpened stream;
  stream.set_payload_type(8);
  stream.set_codec("PCMA");
  const Buffer audio(240);
  EXPECT_EQ(MediaOf(CodecOf(8, stream), audio).duration_ticks, 240);
  EXPECT_EQ(MediaOf(CodecOf(18, stream), audio).duration_ticks, -1);
  EXPECT_TRUE(MediaOf(CodecOf(13, stream), Buffer(1)).comfort_noise);
  EXPECT_EQ(MediaOf(CodecOf(101, stream), Buffer{5, 10, 0x03, 0x20}).duration_ticks, 800);
}

}  // namespace
}  // namespace turret::node
