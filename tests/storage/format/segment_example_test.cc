// FORMAT.md's examples of sealed box, segment and volume: read from the page, parsed, made again.
#include "storage/base/record_file.h"
#include "storage/base/sealed_box.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_plaintext.h"
#include "storage/volume/volume_store.h"
#include "tests/storage/format/example.h"

namespace turret {
namespace {

using test::ExpectOnPage;
using test::KeyOnPage;
using test::OnPage;

class SegmentExample : public test::Example {
 protected:
  SegmentNames Names() const { return {ledger_, unit_, stream_, 0, class_, Digest{}}; }

  v1::SegmentBody Body() const {
    v1::SegmentBody body;
    body.set_media(v1::SegmentBody::PAYLOAD);
    EncodePackets({{.sequence = 700,
                    .timestamp = 160,
                    .arrival_utc_ns = kArrivalNs,
                    .payload_bytes = 8,
                    .payload_digest = 0xabcdef01,
                    .marker = true},
                   {.sequence = 701,
                    .timestamp = 320,
                    .arrival_utc_ns = kArrivalNs + 20'000'000,
                    .payload_bytes = 8,
                    .payload_digest = 0xabcdef02}},
                  *body.mutable_packets());
    body.set_codec("PCMA");
    body.set_clock_rate_hz(8000);
    const Buffer opening(kDigestBytes, 0xdd);
    body.set_payload_opening(ToString(opening));
    body.set_payload_digest(ToString(Sha256({Bytes(opening), AsBytes(kMedia)})));
    body.set_call_id(call_.ToProto());
    return body;
  }

  static constexpr int64_t kArrivalNs = 1'793'613'600'000'000'000;
  static constexpr std::string_view kMedia = "payload0payload1";
};

TEST_F(SegmentExample, SealedBox) {
  const SecretKey key = KeyOnPage("box-key");
  ExpectOnPage("sealed-box", SealBox(key, AsBytes("aad"), AsBytes("plaintext"), random_));
  const auto opened = OpenBox(key, AsBytes("aad"), OnPage("sealed-box"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(AsText(*opened), "plaintext");
}

TEST_F(SegmentExample, Plaintext) {
  ExpectOnPage("segment-plaintext", BuildPlaintext(Body(), AsBytes(kMedia), random_));
  const Buffer shown = OnPage("segment-plaintext");
  const auto parsed = ParsePlaintext(shown);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->body.SerializeAsString(), Body().SerializeAsString());
  EXPECT_EQ(AsText(parsed->media), kMedia);
}

TEST_F(SegmentExample, Segment) {
  const SecretKey unit_key = KeyOnPage("unit-key");
  ExpectOnPage("segment", SealSegment(Names(), unit_key, OnPage("segment-plaintext"), random_).value());
  const Buffer shown = OnPage("segment");
  const auto header = ReadSegmentHeader(shown);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->names, Names());
  const auto opened = OpenSegment(shown, unit_key);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(ToHex(*opened), ToHex(OnPage("segment-plaintext")));
  EXPECT_EQ(header->opening_digest, Sha256(*opened));
  ExpectOnPage("segment-hash", SegmentHash(shown));
  ExpectOnPage("segment-leaf", SegmentLeafHash(shown));
}

TEST_F(SegmentExample, VolumeOfTwoRecords) {
  const auto none = [](const VolumeId&) { return std::nullopt; };
  auto opened =
      LocalVolumeStore::Open(environment_, folder_ / "volumes", ledger_, clock_, random_, none).value();
  ASSERT_TRUE(opened.store->Append(class_, day_, OnPage("segment")).ok());
  const v1::VolumeState state = opened.store->Commit().value().at(0).state;
  const std::string path = folder_ / "volumes/mifid/2026-11-02/000102030405060708090a0b0c0d0e0f.vol";
  ExpectOnPage("volume", environment_.ReadAll(path).value());
  EXPECT_EQ(state.leaves(), 2u);
  EXPECT_EQ(state.bytes(), OnPage("volume").size());

  test::Overwrite(folder_ / "shown", OnPage("volume"));
  std::vector<Buffer> records;
  const auto scan = ScanRecords(environment_, folder_ / "shown", "TRTVOL01", [&](uint64_t, Bytes payload) {
    records.push_back(ToBuffer(payload));
    return absl::OkStatus();
  });
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ(scan->tail_bytes, 0u);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(ToHex(records[1]), ToHex(OnPage("segment")));
  const Digest root = MerkleNodeHash(MerkleLeafHash({records[0]}), SegmentLeafHash(records[1]));
  ExpectOnPage("volume-root", root);
  EXPECT_EQ(state.root(), ToString(root));
}

}  // namespace
}  // namespace turret
