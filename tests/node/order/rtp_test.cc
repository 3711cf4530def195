#include "node/order/rtp.h"

#include <random>
#include <set>

#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

Buffer Datagram(uint8_t first = 0x80, uint8_t second = 0x08, size_t payload_bytes = 160) {
  Buffer datagram{first, second};
  StoreU16(datagram, 4711);
  StoreU32(datagram, 0x01020304);
  StoreU32(datagram, 0xCAFEBABE);
  datagram.resize(datagram.size() + payload_bytes, 0xD5);
  return datagram;
}

TEST(Rtp, ReadsEveryFieldOfAPlainPacket) {
  const Buffer datagram = Datagram(0x80, 0x88);
  ASSERT_EQ(CheckRtp(datagram), std::nullopt);
  const RtpPacket packet = ReadRtp(datagram);
  EXPECT_EQ(packet.sequence, 4711);
  EXPECT_EQ(packet.timestamp, 0x01020304U);
  EXPECT_EQ(packet.ssrc, 0xCAFEBABEU);
  EXPECT_EQ(packet.payload_type, 8);
  EXPECT_TRUE(packet.marker);
  EXPECT_EQ(packet.payload.size(), 160U);
}

TEST(Rtp, PayloadIsWithoutSourcesExtensionAndPadding) {
  Buffer datagram = Datagram(0x80 | 0x20 | 0x10 | 2, 8, 0);
  StoreU64(datagram, 0);           // Two contributing sources.
  StoreU32(datagram, 0xBEDE0001);  // An extension of one word.
  StoreU32(datagram, 0);
  Append(datagram, Buffer{1, 2, 3, 0, 0, 3});
  ASSERT_EQ(CheckRtp(datagram), std::nullopt);
  EXPECT_EQ(ToBuffer(ReadRtp(datagram).payload), (Buffer{1, 2, 3}));
}

TEST(Rtp, EachDefectHasItsOwnReason) {
  EXPECT_EQ(CheckRtp(Buffer(11, 0x80)), Discard::kTooShort);
  EXPECT_EQ(CheckRtp({}), Discard::kTooShort);
  EXPECT_EQ(CheckRtp(Datagram(0x40)), Discard::kBadVersion);
  EXPECT_EQ(CheckRtp(Datagram(0x8F, 8, 20)), Discard::kCsrcOverrun);
  EXPECT_EQ(CheckRtp(Datagram(0x90, 8, 3)), Discard::kExtensionOverrun);
  EXPECT_EQ(CheckRtp(Datagram(0x90, 8, 160)), Discard::kExtensionOverrun);  // 0xD5D5 words.
  EXPECT_EQ(CheckRtp(Datagram(0xA0, 8, 160)), Discard::kPaddingOverrun);    // 0xD5 > 160.
  EXPECT_EQ(CheckRtp(Datagram(0xA0, 8, 0)), Discard::kPaddingOverrun);
  EXPECT_EQ(CheckRtp(Datagram(0x80, 8, kRtpDatagramBytesMax)), Discard::kOversized);
}

TEST(Rtp, RtcpOnTheRtpPortIsToldApart) {
  for (int type = 200; type <= 207; ++type)
    EXPECT_EQ(CheckRtp(Datagram(0x80, static_cast<uint8_t>(type))), Discard::kRtcp);
  EXPECT_EQ(CheckRtp(Buffer{0x80, 201, 0, 1, 1, 2, 3, 4}), Discard::kRtcp);  // Shorter than any RTP packet.
  EXPECT_EQ(CheckRtp(Datagram(0x80, 0x80 | 8)), std::nullopt);
}

TEST(Rtp, EveryReasonHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < kDiscardCount; ++i) names.insert(DiscardName(static_cast<Discard>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(kDiscardCount));
}

TEST(Rtp, RandomBytesAreDiscardedOrReadWithinTheirBounds) {
  const uint64_t seed = test::Seed(3);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    Buffer datagram(random() % 80);
    for (uint8_t& byte : datagram) byte = static_cast<uint8_t>(random());
    if (!datagram.empty()) datagram[0] = static_cast<uint8_t>(0x80 | (datagram[0] & 0x3F));
    if (CheckRtp(datagram)) continue;
    const RtpPacket packet = ReadRtp(datagram);
    EXPECT_GE(packet.payload.data(), datagram.data() + 12);
    EXPECT_LE(packet.payload.data() + packet.payload.size(), datagram.data() + datagram.size());
  }
}

}  // namespace
}  // namespace turret::node
