#include <opus.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>

#include "node/encode/opus_encoder.h"
#include "storage/segment/g711.h"
#include "tests/node/encode/recorder_fixture.h"

namespace turret::node {
namespace {

// Something like speech: a pitch that moves, three formants that change with every syllable, pauses, and
// hiss.
std::vector<int16_t> Speech(size_t samples, Random& random) {
  std::vector<int16_t> speech(samples);
  std::array<double, 3> formant{}, a{}, b{};
  double phase = 0;
  uint32_t word = 1;
  const auto uniform = [&] {
    word = word * 1664525U + 1013904223U;
    return static_cast<double>(word >> 8) / (1 << 24);
  };
  std::array<uint8_t, 4> seed;
  random.Fill(seed);
  word = LoadU32(seed);
  double loud = 0;
  for (size_t i = 0; i < samples; ++i) {
    if (i % 1'500 == 0) {
      formant = {300 + 500 * uniform(), 900 + 1'200 * uniform(), 2'300 + 700 * uniform()};
      loud = i / 1'500 % 5 == 4 ? 0 : 0.3 + 0.7 * uniform();
    }
    const double syllable = std::sin(std::numbers::pi * static_cast<double>(i % 1'500) / 1'500);
    phase += (110 + 40 * std::sin(static_cast<double>(i) / 5'000)) / 8'000;
    double source = 0.02 * (uniform() - 0.5);
    if (phase >= 1) phase -= 1, source += 1;
    double sum = 0;
    for (size_t f = 0; f < 3; ++f) {  // A resonator each.
      const double r = 0.97 - 0.01 * static_cast<double>(f);
      const double out =
          source + 2 * r * std::cos(2 * std::numbers::pi * formant[f] / 8'000) * a[f] - r * r * b[f];
      b[f] = a[f], a[f] = out;
      sum += out / (1 + static_cast<double>(f));
    }
    speech[i] = static_cast<int16_t>(std::clamp(sum * loud * syllable * 2'500, -30'000.0, 30'000.0));
  }
  return speech;
}

// The code whose value is nearest.
uint8_t EncodeALaw(int16_t sample) {
  static const auto table = [] {
    std::array<uint8_t, 4096> codes{};
    for (int i = 0; i < 4096; ++i) {
      int best = 1 << 20;
      for (int code = 0; code < 256; ++code) {
        const int distance =
            std::abs(DecodeG711(G711Law::kALaw, static_cast<uint8_t>(code)) - (i - 2048) * 16);
        if (distance < best) best = distance, codes[static_cast<size_t>(i)] = static_cast<uint8_t>(code);
      }
    }
    return codes;
  }();
  return table[static_cast<size_t>(sample / 16 + 2048)];
}

struct Decoded {
  int64_t begin_timestamp = 0;
  std::vector<double> samples;
};

class OpusTest : public CallFixture {
 protected:
  OpusTest() {
    v1::StreamOpened opened = Opened(stream_);
    opened.set_policy(v1::POLICY_OPUS);
    Begin(opened);
  }
  void SendAll(const std::vector<int16_t>& speech, double loss = 0) {
    for (size_t at = 0; at + 160 <= speech.size(); at += 160) {
      Buffer payload;
      for (size_t i = 0; i < 160; ++i) payload.push_back(EncodeALaw(speech[at + i]));
      const Buffer datagram = source_.Next(payload);
      const auto n = static_cast<double>(at / 160);
      if (std::floor((n + 1) * loss) > std::floor(n * loss)) continue;
      Send(10 + static_cast<int64_t>(at / 8), datagram);
    }
    End(10 + static_cast<int64_t>(speech.size() / 8));
  }
  // As a reader does: each frame at its timestamp less the lookahead, what lies before the run's start
  // dropped.
  Decoded Decode() {
    Decoded out;
    int error = 0;
    OpusDecoder* const decoder = opus_decoder_create(8'000, 1, &error);
    const RecordedStream recorded = Open(stream_);
    bool first = true;
    for (size_t s = 0; s < recorded.bodies.size(); ++s) {
      const v1::SegmentBody& body = recorded.bodies[s];
      EXPECT_EQ(body.media(), v1::SegmentBody::OPUS);
      const std::vector<FrameRow> rows = *DecodeFrames(body.frames());
      size_t at = 0;
      for (const FrameRow& row : rows) {
        if (row.starts_run) opus_decoder_ctl(decoder, OPUS_RESET_STATE);
        std::array<int16_t, 960> pcm;
        const int count = opus_decode(decoder, recorded.media[s].data() + at,
                                      static_cast<int>(row.frame_bytes), pcm.data(), pcm.size(), 0);
        EXPECT_EQ(count, static_cast<int>(row.duration_samples));
        at += row.frame_bytes;
        if (first) out.begin_timestamp = row.timestamp, first = false;
        for (int i = 0; i < count; ++i) {
          const int64_t to = row.timestamp - body.pre_skip_samples() + i - out.begin_timestamp;
          if (to < 0) continue;
          if (out.samples.size() <= static_cast<size_t>(to)) out.samples.resize(static_cast<size_t>(to) + 1);
          out.samples[static_cast<size_t>(to)] = pcm[static_cast<size_t>(i)];
        }
      }
    }
    opus_decoder_destroy(decoder);
    return out;
  }
  RtpSource source_;
};

double Correlation(const std::vector<int16_t>& a, size_t at, const std::vector<double>& b, int lag,
                   size_t count) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < count; ++i) {
    const auto j = static_cast<int64_t>(at + i) + lag;
    const double y = j < 0 || j >= static_cast<int64_t>(b.size()) ? 0 : b[static_cast<size_t>(j)];
    ab += a[at + i] * y, aa += static_cast<double>(a[at + i]) * a[at + i], bb += y * y;
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

double LevelDbfs(const std::vector<int16_t>& samples, size_t at, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += static_cast<double>(samples[at + i]) * samples[at + i];
  return 10 * std::log10(sum / static_cast<double>(count) / (32'768.0 * 32'768.0) + 1e-12);
}

TEST_F(OpusTest, OneLagFitsTheWholeCallAndEveryLoudWindowCorrelates) {  // R05
  const std::vector<int16_t> speech = Speech(8'000 * 35, random_);
  SendAll(speech);
  const Decoded decoded = Decode();
  EXPECT_GE(decoded.samples.size(), speech.size());
  int best_lag = 0;
  double best = 0;
  for (int lag = -16; lag <= 16; ++lag) {
    const double fit = Correlation(speech, 0, decoded.samples, lag, speech.size());
    if (fit > best) best = fit, best_lag = lag;
  }
  EXPECT_LE(std::abs(best_lag), 8);  // 1 ms.
  size_t loud = 0;
  for (size_t at = 0; at + 1'600 <= speech.size(); at += 1'600) {
    if (LevelDbfs(speech, at, 1'600) < -40) continue;
    ++loud;
    EXPECT_GE(Correlation(speech, at, decoded.samples, best_lag, 1'600), 0.9)
        << "window at " << at / 8 << " ms";
  }
  EXPECT_GT(loud, 100U);
}

TEST_F(OpusTest, LostPacketsLeaveTheRestOnTheGrid) {
  const std::vector<int16_t> speech = Speech(8'000 * 12, random_);
  SendAll(speech, 0.01);
  EXPECT_EQ(Gaps().size(), 5U);  // The last packet, lost too, is an edge.
  const Decoded decoded = Decode();
  for (size_t at = 0; at + 1'600 <= speech.size(); at += 1'600) {
    if (LevelDbfs(speech, at, 1'600) < -40) continue;
    EXPECT_GE(Correlation(speech, at, decoded.samples, 0, 1'600), 0.75) << "window at " << at / 8 << " ms";
  }
}

TEST_F(OpusTest, SegmentsHoldTenSecondsAndTheirPacketsDigests) {
  SendAll(Speech(8'000 * 25, random_));
  const RecordedStream recorded = Open(stream_);
  ASSERT_EQ(recorded.bodies.size(), 3U);
  EXPECT_EQ(recorded.bodies[0].packets().payload_bytes_size(), 500);
  EXPECT_EQ(recorded.bodies[0].frames().frame_bytes_size(), 500);
  EXPECT_FALSE(recorded.bodies[0].encoder().empty());
  EXPECT_EQ(recorded.bodies[0].payload_digest().size(), 32U);
  EXPECT_LT(recorded.AllMedia().size(), 25U * 24'000 / 8 * 3 / 2);
  ExpectTiled(10 + 25'000);
}

TEST(OpusRun, AGapOfASecondGoesOnAndALongerOneEndsTheRun) {
  absl::StatusOr<OpusRunEncoder> encoder = OpusRunEncoder::Create(0);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  std::vector<int64_t> timestamps;
  int runs = 0;
  const auto emit = [&](const OpusRunEncoder::Frame& frame) {
    timestamps.push_back(frame.timestamp);
    runs += frame.starts_run ? 1 : 0;
  };
  const std::vector<int16_t> samples(160, 1'000);
  encoder->Feed(1'000, samples, emit);
  encoder->Feed(1'160 + 8'000, samples, emit);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(timestamps.size(), 52U);
  encoder->Feed(1'320 + 8'000 + 8'001, samples, emit);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(timestamps.back(), 17'321);
  EXPECT_EQ(timestamps.size(), 54U);  // The first run's last frame brought out its lookahead.
}

TEST(OpusRun, OverlapsAreFedOnce) {
  absl::StatusOr<OpusRunEncoder> encoder = OpusRunEncoder::Create(0);
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  int frames = 0;
  const auto emit = [&](const OpusRunEncoder::Frame&) { ++frames; };
  encoder->Feed(0, std::vector<int16_t>(160), emit);
  encoder->Feed(80, std::vector<int16_t>(160), emit);
  encoder->Feed(0, std::vector<int16_t>(160), emit);
  EXPECT_EQ(frames, 1);
  EXPECT_EQ(encoder->pending_samples(), 80U);
}

}  // namespace
}  // namespace turret::node
