#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "coordinator/replay/call_mixer.h"
#include "coordinator/replay/stream_decoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/replay/segments.h"

namespace turret::coordinator {
namespace {

using test::kAnchorUtcNs;
using test::MadeSegment;
using test::StreamShape;
using ::testing::Each;
using ::testing::ElementsAre;

absl::StatusOr<StreamDecoder> Decoder() {
  const CallTimes times{.begin_utc_ns = kAnchorUtcNs,
                        .end_utc_ns = std::nullopt,
                        .credible = {kAnchorUtcNs, kAnchorUtcNs + 3'600'000'000'000}};
  return StreamDecoder::Create(StreamPlacer(times, kAnchorUtcNs));
}

std::vector<AudioPiece> Decode(const std::vector<MadeSegment>& segments) {
  auto decoder = Decoder();
  EXPECT_TRUE(decoder.ok());
  std::vector<AudioPiece> all;
  for (const MadeSegment& segment : segments) {
    auto pieces = decoder->Decode(segment.body, segment.media);
    EXPECT_TRUE(pieces.ok()) << pieces.status();
    if (pieces.ok()) all.insert(all.end(), pieces->begin(), pieces->end());
  }
  EXPECT_EQ(decoder->undecodable_frames(), 0U);
  return all;
}

MixerSource SourceOf(size_t channel, std::vector<AudioPiece> pieces) {
  auto left = std::make_shared<std::vector<AudioPiece>>(std::move(pieces));
  return {channel, [left]() -> absl::StatusOr<std::optional<std::vector<AudioPiece>>> {
            if (left->empty()) return std::nullopt;
            std::vector<AudioPiece> first{left->front()};
            left->erase(left->begin());
            return first;
          }};
}

// One channel that begins at the anchor, read in windows of an odd size.
std::vector<int16_t> Mix(std::vector<AudioPiece> pieces, size_t samples) {
  CallMixer mixer(kAnchorUtcNs, 1, {SourceOf(0, std::move(pieces))});
  std::vector<int16_t> all;
  while (all.size() < samples) {
    const auto window = mixer.Next(std::min<size_t>(777, samples - all.size()));
    EXPECT_TRUE(window.ok());
    all.insert(all.end(), window->begin(), window->end());
  }
  return all;
}

TEST(StreamDecoder, ExactPolicyComesOutSampleForSampleWithZerosWherePacketsAreMissing) {
  const std::vector<int16_t> said = test::Babble(8000 * 12, 1);
  for (const char* codec : {"PCMA", "PCMU"}) {
    const std::vector<int16_t> heard =
        Mix(Decode(test::MakeExact(codec, said, {.lost = {10, 11, 250, 599}})), said.size());
    std::vector<int16_t> expected = test::DecodeG711(codec, test::EncodeG711(codec, said));
    for (const size_t packet : {10, 11, 250, 599})
      std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(packet * 160), 160, int16_t{0});
    EXPECT_EQ(heard, expected) << codec;
  }
}

TEST(StreamDecoder, OpusPolicyHasNoLagAndKeepsTheWaveformOverSegmentBorders) {
  const std::vector<int16_t> said = test::Babble(8000 * 25, 2);
  const std::vector<int16_t> heard = Mix(Decode(test::MakeOpus(said, {})), said.size());
  EXPECT_LE(std::abs(test::BestLag(said, heard, 40)), 8) << "more than 1 ms";
  EXPECT_GE(test::WorstWindow(said, heard), 0.9);
}

TEST(StreamDecoder, OpusRunsBeginExactlyBehindAHoleAndTheHoleIsSilent) {
  const std::vector<int16_t> said = test::Babble(8000 * 12, 3);
  for (const int64_t packet_samples : {80, 160, 240, 480}) {
    const StreamShape shape{.packet_samples = packet_samples, .packets_a_segment = 70, .lost = {50, 51, 100}};
    const std::vector<int16_t> heard = Mix(Decode(test::MakeOpus(said, shape)), said.size());
    const auto at = [&](int64_t packet) { return heard.begin() + packet * packet_samples; };
    EXPECT_THAT(std::vector<int16_t>(at(50), at(52)), Each(0)) << packet_samples;
    EXPECT_THAT(std::vector<int16_t>(at(100), at(101)), Each(0)) << packet_samples;
    EXPECT_NE(*(at(52) + packet_samples / 2), 0);
    std::vector<int16_t> expected = said;
    for (const int64_t packet : {50, 51, 100})
      std::fill_n(expected.begin() + packet * packet_samples, packet_samples, int16_t{0});
    EXPECT_LE(std::abs(test::BestLag(expected, heard, 40)), 8);
    EXPECT_GE(test::WorstWindow(expected, heard), 0.9) << packet_samples;
  }
}

TEST(StreamDecoder, NothingIsHeardBehindTheLastPacket) {
  const std::vector<int16_t> said = test::Babble(8000, 4);
  const auto pieces = Decode(test::MakeOpus(said, {}));
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].begin_utc_ns, kAnchorUtcNs);
  EXPECT_EQ(pieces[0].samples.size(), said.size());
}

TEST(StreamDecoder, ADriftFitThatMovesBendsNoContinuousAudio) {
  const std::vector<int16_t> said = test::Babble(8000 * 20, 5);
  std::vector<MadeSegment> segments = test::MakeExact("PCMA", said, {});
  for (size_t i = 0; i < segments.size(); ++i) segments[i].body.set_drift_ppb(i % 2 == 0 ? 90'000 : -90'000);
  EXPECT_EQ(Mix(Decode(segments), said.size()), test::DecodeG711("PCMA", test::EncodeG711("PCMA", said)));
}

TEST(StreamDecoder, AnotherSourceIsPlacedByItsOwnMap) {
  const std::vector<int16_t> said = test::Babble(8000, 6);
  std::vector<MadeSegment> segments = test::MakeExact("PCMA", said, {});
  MadeSegment second = segments[0];
  second.body.set_ssrc(8);
  second.body.set_anchor_utc_ns(kAnchorUtcNs + 3'000'000'000);
  segments.push_back(second);
  const auto pieces = Decode(segments);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[1].begin_utc_ns - pieces[0].begin_utc_ns, 3'000'000'000);
}

TEST(StreamDecoder, AnUnknownCodecIsNamedAndSilent) {
  const std::vector<int16_t> said = test::Babble(1600, 7);
  std::vector<MadeSegment> segments = test::MakeExact("PCMA", said, {});
  segments[0].body.set_codec("G729");
  auto decoder = Decoder();
  const auto pieces = decoder->Decode(segments[0].body, segments[0].media);
  ASSERT_TRUE(pieces.ok());
  EXPECT_TRUE(pieces->empty());
  EXPECT_EQ(decoder->unknown_codec(), "G729/8000");
}

TEST(StreamDecoder, AFrameThatDoesNotDecodeIsSilenceAndCounted) {
  const std::vector<int16_t> said = test::Babble(8000, 8);
  std::vector<MadeSegment> segments = test::MakeOpus(said, {});
  segments[0].media[0] = 0xFF;  // Code 3 with a count that does not fit.
  segments[0].media[1] = 0x00;
  auto decoder = Decoder();
  const auto pieces = decoder->Decode(segments[0].body, segments[0].media);
  ASSERT_TRUE(pieces.ok());
  EXPECT_EQ(decoder->undecodable_frames(), 1U);
  EXPECT_EQ((*pieces)[0].samples.size(), said.size());
}

TEST(CallMixer, StreamsOfOneChannelAreAddedWithinTheRangeOfASample) {
  CallMixer mixer(0, 2,
                  {SourceOf(0, {{0, {1, 2, 30000}}}), SourceOf(0, {{125'000, {10, 30000}}}),
                   SourceOf(1, {{250'000, {-30000}}}), SourceOf(1, {{250'000, {-30000}}})});
  EXPECT_THAT(*mixer.Next(4), ElementsAre(1, 0, 12, 0, 32767, -32768, 0, 0));
}

TEST(CallMixer, AHoldOfTenHoursIsSilenceThatNobodyReadsAheadFor) {
  constexpr int64_t kHoldSeconds = 36'000;
  std::vector<AudioPiece> pieces;
  for (int64_t second = kHoldSeconds; second < kHoldSeconds + 60; ++second)
    pieces.push_back({second * 1'000'000'000, std::vector<int16_t>(8000, 7)});
  size_t read = 0;
  CallMixer mixer(0, 1, {{0, [&]() -> absl::StatusOr<std::optional<std::vector<AudioPiece>>> {
                            if (read == pieces.size()) return std::nullopt;
                            return std::vector<AudioPiece>{pieces[read++]};
                          }}});
  for (int64_t second = 0; second < kHoldSeconds; ++second) {
    const auto window = mixer.Next(8000);
    ASSERT_TRUE(window.ok());
    ASSERT_TRUE(std::all_of(window->begin(), window->end(), [](int16_t sample) { return sample == 0; }));
    ASSERT_LE(read, 2U) << "after " << second << " s";
  }
  EXPECT_THAT(*mixer.Next(8000), Each(7));
}

TEST(CallMixer, AudioBeforeTheBeginningComesLateRatherThanNever) {
  CallMixer mixer(1'000'000'000, 1, {SourceOf(0, {{999'000'000, {5, 6}}})});
  EXPECT_THAT(*mixer.Next(3), ElementsAre(5, 6, 0));
}

}  // namespace
}  // namespace turret::coordinator
