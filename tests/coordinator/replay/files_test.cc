#include <opus/opusfile.h>

#include <cstdlib>
#include <memory>
#include <numeric>

#include "coordinator/replay/kept_frames.h"
#include "coordinator/replay/opus_decode.h"
#include "coordinator/replay/opus_encode.h"
#include "coordinator/replay/wav.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/replay/segments.h"

namespace turret::coordinator {
namespace {

using test::kAnchorUtcNs;
using test::MadeSegment;

struct Decoded {
  int channels = 0;
  std::string tags;
  std::vector<std::vector<int16_t>> audio;  // 8 kHz, a channel each.
};

// By libopusfile, which shares nothing with the writer; every sixth of its 48 kHz samples, averaged.
Decoded ReadOgg(const Buffer& file) {
  int error = 0;
  const std::unique_ptr<OggOpusFile, decltype(&op_free)> opus(
      op_open_memory(file.data(), file.size(), &error), &op_free);
  EXPECT_NE(opus, nullptr) << error;
  if (opus == nullptr) return {};
  Decoded decoded;
  decoded.channels = op_channel_count(opus.get(), -1);
  const OpusTags* const tags = op_tags(opus.get(), -1);
  for (int i = 0; i < tags->comments; ++i) decoded.tags += std::string(tags->user_comments[i]) + "\n";
  std::vector<int16_t> pcm;
  std::vector<int16_t> chunk(5760 * 8);
  int got = 0;
  while ((got = op_read(opus.get(), chunk.data(), static_cast<int>(chunk.size()), nullptr)) > 0)
    pcm.insert(pcm.end(), chunk.begin(), chunk.begin() + got * decoded.channels);
  EXPECT_EQ(got, 0);
  const auto channels = static_cast<size_t>(decoded.channels);
  decoded.audio.resize(channels);
  for (size_t at = 0; at + 6 * channels <= pcm.size(); at += 6 * channels)
    for (size_t channel = 0; channel < channels; ++channel) {
      int sum = 0;
      for (size_t i = 0; i < 6; ++i) sum += pcm[at + i * channels + channel];
      decoded.audio[channel].push_back(static_cast<int16_t>(sum / 6));
    }
  return decoded;
}

// Within an hour from the anchor.
StreamPlacer Placer() {
  const CallTimes times{.begin_utc_ns = kAnchorUtcNs,
                        .end_utc_ns = std::nullopt,
                        .credible = {kAnchorUtcNs, kAnchorUtcNs + 3'600'000'000'000}};
  return StreamPlacer(times, kAnchorUtcNs);
}

struct KeptFile {
  Buffer file;
  std::vector<FileRun> runs;
  size_t piece_bytes_max = 0;
};
KeptFile MakeKept(const std::vector<MadeSegment>& segments, std::optional<int64_t> begin_utc_ns) {
  KeptFile made;
  auto file = KeptFramesFile::Create({.tags = {{"TITLE", "x"}}}, Placer(), begin_utc_ns, [&](Bytes piece) {
    made.piece_bytes_max = std::max(made.piece_bytes_max, piece.size());
    Append(made.file, piece);
    return absl::OkStatus();
  });
  EXPECT_TRUE(file.ok());
  for (const MadeSegment& segment : segments) EXPECT_TRUE(file->Add(segment.body, segment.media).ok());
  EXPECT_TRUE(file->Finish().ok());
  made.runs = file->kept_runs();
  return made;
}

TEST(Wav, HeaderIsTheCanonicalOne) {
  EXPECT_EQ(ToHex(WavHeader(8000, 2, 3)),
            "524946463000000057415645666d74201000000001000200401f0000007d0000040010006461746"
            "10c000000");
  EXPECT_EQ(WavBytes(2, 3), 56U);
  const Buffer endless = WavHeader(8000, 2, uint64_t{1} << 31);
  EXPECT_EQ(ToHex(Bytes(endless).subspan(40)), "ffffffff");
}

TEST(KeptFrames, TheRunsInTheFileAreTheFramesByteForByte) {
  const std::vector<int16_t> said = test::Babble(8000 * 31, 11);
  const std::vector<MadeSegment> segments = test::MakeOpus(said, {.lost = {99, 500, 501}});
  const KeptFile made = MakeKept(segments, std::nullopt);
  Buffer media;
  for (const MadeSegment& segment : segments) Append(media, segment.media);
  Buffer kept;
  for (const FileRun& run : made.runs)
    Append(kept, Bytes(made.file).subspan(run.offset_bytes, run.length_bytes));
  EXPECT_EQ(kept, media);
}

TEST(KeptFrames, AStockDecoderHearsTheStreamOnItsTimeLineWithHolesSilent) {
  const std::vector<int16_t> said = test::Babble(8000 * 31, 12);
  const KeptFile made = MakeKept(test::MakeOpus(said, {.lost = {99, 500, 501}}), kAnchorUtcNs - 500'000'000);
  const Decoded decoded = ReadOgg(made.file);
  ASSERT_EQ(decoded.channels, 1);
  EXPECT_EQ(decoded.tags, "TITLE=x\n");
  ASSERT_EQ(decoded.audio[0].size(), said.size() + 4000);
  std::vector<int16_t> expected(4000, 0);
  expected.insert(expected.end(), said.begin(), said.end());
  for (const int packet : {99, 500, 501})
    std::fill_n(expected.begin() + 4000 + packet * 160, 160, int16_t{0});
  EXPECT_LE(std::abs(test::BestLag(expected, decoded.audio[0], 40)), 8);
  EXPECT_GE(test::WorstWindow(expected, decoded.audio[0]), 0.85);
}

TEST(KeptFrames, AHoldOfTenMinutesIsWrittenAsItGoesAndTheVoiceBehindItIsInItsPlace) {
  const std::vector<int16_t> said = test::Babble(8000 * 4, 13);
  std::vector<MadeSegment> segments = test::MakeOpus(said, {.packets_a_segment = 100});
  segments[1] = test::MakeOpus(said, {.first_timestamp = 1000 + 8000 * 600})[0];
  segments[1].body.set_anchor_timestamp(1000);
  const KeptFile made = MakeKept({segments[0], segments[1]}, std::nullopt);
  EXPECT_LT(made.piece_bytes_max, 20'000U) << "a page, and no more, is ever held";
  const Decoded decoded = ReadOgg(made.file);
  ASSERT_EQ(decoded.audio[0].size(), 8000U * 604);
  const auto behind = std::span(decoded.audio[0]).subspan(size_t{8000} * 600);
  EXPECT_LE(std::abs(test::BestLag(said, behind, 40)), 8);
}

TEST(KeptFrames, ASourceWhoseTimestampsJumpIsPlacedByItsNewMapNotByDaysOfSilence) {
  const std::vector<int16_t> said = test::Babble(8000 * 4, 14);
  std::vector<MadeSegment> segments = test::MakeOpus(said, {.packets_a_segment = 100});
  const int64_t jumped = int64_t{4'000'000'000};  // Nearly six days of ticks.
  segments[1] = test::MakeOpus(said, {.first_timestamp = jumped})[0];
  segments[1].body.set_anchor_utc_ns(kAnchorUtcNs + 3'000'000'000);
  const Decoded decoded = ReadOgg(MakeKept({segments[0], segments[1]}, std::nullopt).file);
  ASSERT_EQ(decoded.audio[0].size(), 8000U * 7);
  EXPECT_LE(std::abs(test::BestLag(said, std::span(decoded.audio[0]).subspan(size_t{8000} * 3), 40)), 8);
}

TEST(KeptFrames, PayloadIsNotTakenForFramesAndMakesNoFile) {
  const std::vector<MadeSegment> exact = test::MakeExact("PCMA", test::Babble(1600, 1), {});
  auto file = KeptFramesFile::Create({}, Placer(), std::nullopt, [](Bytes) { return absl::OkStatus(); });
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->Add(exact[0].body, exact[0].media).ok());
  EXPECT_EQ(file->Finish().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(OpusEncode, EachChannelIsHeardInItsPlaceAndNoOther) {
  for (const uint8_t channels : {1, 2, 3}) {
    const size_t length = 8000 * 3 + 37;
    std::vector<std::vector<int16_t>> said;
    for (uint32_t channel = 0; channel < channels; ++channel)
      said.push_back(test::Babble(length, 20 + channel));
    if (channels == 2) std::fill(said[1].begin(), said[1].end(), int16_t{0});  // Nothing may leak into it.
    std::vector<int16_t> interleaved;
    for (size_t i = 0; i < length; ++i)
      for (const auto& channel : said) interleaved.push_back(channel[i]);
    auto encoder = OpusFileEncoder::Create({.channels = channels});
    ASSERT_TRUE(encoder.ok()) << encoder.status();
    const std::span<const int16_t> all(interleaved);
    const size_t half = length / 2 * channels;
    ASSERT_TRUE(encoder->Add(all.first(half)).ok());
    ASSERT_TRUE(encoder->Add(all.subspan(half)).ok());
    ASSERT_TRUE(encoder->Finish().ok());
    const Decoded decoded = ReadOgg(encoder->Take());
    ASSERT_EQ(decoded.channels, channels);
    for (size_t channel = 0; channel < channels; ++channel) {
      EXPECT_EQ(decoded.audio[channel].size(), length);
      if (channels == 2 && channel == 1) continue;
      EXPECT_LE(std::abs(test::BestLag(said[channel], decoded.audio[channel], 40)), 8);
      EXPECT_GE(test::WorstWindow(said[channel], decoded.audio[channel]), 0.85);
    }
    if (channels == 2)
      for (const int16_t sample : decoded.audio[1]) ASSERT_LE(std::abs(sample), 2);
  }
}

}  // namespace
}  // namespace turret::coordinator
