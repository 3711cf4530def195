#include "storage/segment/segment_plaintext.h"

#include <limits>

#include "gtest/gtest.h"
#include "storage/segment/segment.h"
#include "tests/support/support.h"

namespace turret {
namespace {

std::vector<PacketRow> SomePackets(size_t count) {
  std::vector<PacketRow> rows;
  for (size_t i = 0; i < count; ++i) {
    const auto n = static_cast<int64_t>(i);
    rows.push_back({.sequence = 65530 + n,
                    .timestamp = 4'294'967'000 + 160 * n,
                    .arrival_utc_ns = 1'790'000'000'000'000'000 + 20'000'000 * n + n % 7,
                    .payload_bytes = 160,
                    .payload_digest = static_cast<uint32_t>(i * 2654435761U),
                    .marker = i % 5 == 0,
                    .while_paused = i % 3 == 0});
  }
  return rows;
}

bool Same(const PacketRow& a, const PacketRow& b) {
  return a.sequence == b.sequence && a.timestamp == b.timestamp && a.arrival_utc_ns == b.arrival_utc_ns &&
         a.payload_bytes == b.payload_bytes && a.payload_digest == b.payload_digest && a.marker == b.marker &&
         a.while_paused == b.while_paused;
}

TEST(SegmentPlaintext, PacketTableComesBackRowByRow) {
  std::vector<PacketRow> rows = SomePackets(250);
  rows.push_back(
      {.sequence = std::numeric_limits<int64_t>::min(), .timestamp = std::numeric_limits<int64_t>::max()});
  v1::PacketTable table;
  EncodePackets(rows, table);
  const auto decoded = DecodePackets(table);
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), decoded->begin(), decoded->end(), Same));
}

TEST(SegmentPlaintext, FrameTableComesBackRowByRow) {
  v1::FrameTable table;
  EncodeFrames({{.timestamp = 160, .frame_bytes = 60, .duration_samples = 160, .starts_run = true},
                {.timestamp = 320, .frame_bytes = 61, .duration_samples = 160, .starts_run = false}},
               table);
  const auto decoded = DecodeFrames(table);
  ASSERT_TRUE(decoded.ok());
  ASSERT_EQ(decoded->size(), 2U);
  EXPECT_EQ((*decoded)[1].timestamp, 320);
  EXPECT_EQ((*decoded)[1].frame_bytes, 61U);
  EXPECT_TRUE((*decoded)[0].starts_run);
}

TEST(SegmentPlaintext, TablesWithUnequalColumnsOrTooManyRowsAreRefused) {
  v1::PacketTable table;
  EncodePackets(SomePackets(3), table);
  table.mutable_flags()->RemoveLast();
  EXPECT_FALSE(DecodePackets(table).ok());
  table.Clear();
  EncodePackets(SomePackets(10'001), table);
  EXPECT_FALSE(DecodePackets(table).ok());
}

class PlaintextTest : public testing::Test {
 protected:
  PlaintextTest() {
    body_.set_media(v1::SegmentBody::PAYLOAD);
    EncodePackets(SomePackets(4), *body_.mutable_packets());
    media_.assign(4 * 160, 0x55);
  }
  test::SeededRandom random_{test::Seed(2)};
  v1::SegmentBody body_;
  Buffer media_;
};

TEST_F(PlaintextTest, MediaStandsInOneRunAtTheEnd) {
  const Buffer plaintext = BuildPlaintext(body_, media_, random_);
  const auto parsed = ParsePlaintext(plaintext);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ToBuffer(parsed->media), media_);
  EXPECT_EQ(parsed->media.data() + parsed->media.size(), plaintext.data() + plaintext.size());
  EXPECT_EQ(parsed->body.SerializeAsString(), body_.SerializeAsString());
}

TEST_F(PlaintextTest, EachHasAFreshOpening) {
  const Buffer one = BuildPlaintext(body_, media_, random_), two = BuildPlaintext(body_, media_, random_);
  EXPECT_NE(ToBuffer(Bytes(one).first(kOpeningBytes)), ToBuffer(Bytes(two).first(kOpeningBytes)));
}

TEST_F(PlaintextTest, MediaThatTheTablesDoNotAccountForIsRefused) {
  Buffer plaintext = BuildPlaintext(body_, media_, random_);
  plaintext.push_back(0);
  EXPECT_FALSE(ParsePlaintext(plaintext).ok());
  plaintext.resize(plaintext.size() - 2);
  EXPECT_FALSE(ParsePlaintext(plaintext).ok());
  body_.set_media(v1::SegmentBody::OPUS);
  EXPECT_FALSE(ParsePlaintext(BuildPlaintext(body_, media_, random_)).ok());
}

TEST_F(PlaintextTest, EveryCutOfThePlaintextIsRefused) {
  const Buffer plaintext = BuildPlaintext(body_, media_, random_);
  for (size_t size = 0; size < plaintext.size(); ++size)
    EXPECT_FALSE(ParsePlaintext(Bytes(plaintext).first(size)).ok()) << size;
}

}  // namespace
}  // namespace turret
