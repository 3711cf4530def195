#include "tests/coordinator/replay/segments.h"

#include <opus/opus.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>

#include "storage/segment/g711.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::test {
namespace {

constexpr size_t kFrameSamples = 160;

v1::SegmentBody Body(const std::string& codec, const StreamShape& shape) {
  v1::SegmentBody body;
  body.set_codec(codec);
  body.set_clock_rate_hz(8000);
  body.set_ssrc(7);
  body.set_anchor_timestamp(shape.first_timestamp);
  body.set_anchor_utc_ns(kAnchorUtcNs);
  return body;
}

bool IsLost(const StreamShape& shape, size_t packet) {
  return std::find(shape.lost.begin(), shape.lost.end(), packet) != shape.lost.end();
}

PacketRow Row(const StreamShape& shape, size_t packet, size_t bytes) {
  PacketRow row;
  row.sequence = static_cast<int64_t>(packet);
  row.timestamp = shape.first_timestamp + static_cast<int64_t>(packet) * shape.packet_samples;
  row.payload_bytes = static_cast<uint32_t>(bytes);
  return row;
}

using Nearest = std::vector<uint8_t>;

Nearest NearestBytes(const std::string& codec) {
  Buffer all(256);
  for (size_t byte = 0; byte < 256; ++byte) all[byte] = static_cast<uint8_t>(byte);
  const std::vector<int16_t> table = DecodeG711(codec, all);
  Nearest nearest(65536);
  for (int sample = -32768; sample < 32768; ++sample) {
    size_t best = 255;
    for (size_t byte = 255; byte-- > 0;)
      if (std::abs(table[byte] - sample) < std::abs(table[best] - sample)) best = byte;
    nearest[static_cast<size_t>(sample + 32768)] = static_cast<uint8_t>(best);
  }
  return nearest;
}

double Correlation(std::span<const int16_t> a, std::span<const int16_t> b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    ab += double{1} * a[i] * b[i];
    aa += double{1} * a[i] * a[i];
    bb += double{1} * b[i] * b[i];
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

// Encodes runs of packets as a node does, and cuts segments every `packets_a_segment`.
class OpusNode {
 public:
  explicit OpusNode(const StreamShape& shape)
      : shape_(shape),
        encoder_(opus_encoder_create(8000, 1, OPUS_APPLICATION_AUDIO, nullptr), &opus_encoder_destroy) {
    opus_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(24000));
    opus_encoder_ctl(encoder_.get(), OPUS_GET_LOOKAHEAD(&lookahead_));
  }

  void Packet(size_t number, std::span<const int16_t> samples) {
    if (pending_.empty() && run_samples_ == 0)
      Begin(shape_.first_timestamp + static_cast<int64_t>(number) * shape_.packet_samples);
    packets_.push_back(Row(shape_, number, samples.size()));
    pending_.insert(pending_.end(), samples.begin(), samples.end());
    run_samples_ += samples.size();
    EncodeWhole();
    if (packets_.size() == shape_.packets_a_segment) Cut();
  }
  void EndRun() {
    if (run_samples_ == 0) return;
    const size_t wanted = run_samples_ + static_cast<size_t>(lookahead_);
    while (encoded_samples_ < wanted) {
      pending_.resize(kFrameSamples, 0);
      EncodeWhole();
    }
    run_samples_ = 0;
    pending_.clear();
  }
  std::vector<MadeSegment> Finish() {
    EndRun();
    Cut();
    return std::move(segments_);
  }

 private:
  void Begin(int64_t timestamp) {
    opus_encoder_ctl(encoder_.get(), OPUS_RESET_STATE);
    next_timestamp_ = timestamp;
    encoded_samples_ = 0;
    starts_run_ = true;
  }
  void EncodeWhole() {
    size_t done = 0;
    for (; pending_.size() - done >= kFrameSamples; done += kFrameSamples) {
      uint8_t packet[1276];
      const int bytes =
          opus_encode(encoder_.get(), pending_.data() + done, kFrameSamples, packet, sizeof packet);
      frames_.push_back({next_timestamp_, static_cast<uint32_t>(bytes), kFrameSamples, starts_run_});
      Append(media_, {packet, static_cast<size_t>(bytes)});
      starts_run_ = false;
      next_timestamp_ += kFrameSamples;
      encoded_samples_ += kFrameSamples;
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
  }
  void Cut() {
    MadeSegment segment{Body("PCMA", shape_), std::exchange(media_, {})};
    segment.body.set_media(v1::SegmentBody::OPUS);
    segment.body.set_pre_skip_samples(static_cast<uint32_t>(lookahead_));
    EncodePackets(packets_, *segment.body.mutable_packets());
    EncodeFrames(frames_, *segment.body.mutable_frames());
    packets_.clear();
    frames_.clear();
    segments_.push_back(std::move(segment));
  }

  const StreamShape& shape_;
  std::unique_ptr<OpusEncoder, decltype(&opus_encoder_destroy)> encoder_;
  opus_int32 lookahead_ = 0;
  std::vector<int16_t> pending_;
  size_t run_samples_ = 0;
  size_t encoded_samples_ = 0;
  int64_t next_timestamp_ = 0;
  bool starts_run_ = false;
  std::vector<PacketRow> packets_;
  std::vector<FrameRow> frames_;
  Buffer media_;
  std::vector<MadeSegment> segments_;
};

}  // namespace

std::vector<int16_t> Babble(size_t samples, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int16_t> out;
  double phase = 0;
  double pitch = 200;
  double loudness = 8000;
  for (size_t i = 0; i < samples; ++i) {
    if (i % 800 == 0) {
      pitch = 120 + static_cast<double>(random() % 400);
      loudness = 3000 + static_cast<double>(random() % 9000);
    }
    phase += 2 * M_PI * pitch / 8000;
    const double voice = std::sin(phase) + 0.4 * std::sin(2.7 * phase) + 0.2 * std::sin(4.1 * phase);
    out.push_back(static_cast<int16_t>(loudness * voice / 1.6));
  }
  return out;
}

std::vector<int16_t> DecodeG711(const std::string& codec, Bytes payload) {
  G711Law law;
  std::vector<int16_t> samples;
  if (IsG711(codec, law)) turret::DecodeG711(law, payload, samples);
  return samples;
}

Buffer EncodeG711(const std::string& codec, std::span<const int16_t> samples) {
  static const Nearest kAlaw = NearestBytes("PCMA");
  static const Nearest kUlaw = NearestBytes("PCMU");
  const Nearest& nearest = codec == "PCMA" ? kAlaw : kUlaw;
  Buffer out;
  for (const int16_t sample : samples) out.push_back(nearest[static_cast<size_t>(sample + 32768)]);
  return out;
}

std::vector<MadeSegment> MakeExact(const std::string& codec, std::span<const int16_t> samples,
                                   const StreamShape& shape) {
  const Buffer payload = EncodeG711(codec, samples);
  const auto packet_samples = static_cast<size_t>(shape.packet_samples);
  std::vector<MadeSegment> segments;
  std::vector<PacketRow> rows;
  Buffer media;
  const size_t packets = samples.size() / packet_samples;
  for (size_t packet = 0; packet < packets; ++packet) {
    if (!IsLost(shape, packet)) {
      rows.push_back(Row(shape, packet, packet_samples));
      Append(media, Bytes(payload).subspan(packet * packet_samples, packet_samples));
    }
    if (rows.size() == shape.packets_a_segment || (packet + 1 == packets && !rows.empty())) {
      MadeSegment segment{Body(codec, shape), std::exchange(media, {})};
      segment.body.set_media(v1::SegmentBody::PAYLOAD);
      EncodePackets(rows, *segment.body.mutable_packets());
      rows.clear();
      segments.push_back(std::move(segment));
    }
  }
  return segments;
}

std::vector<MadeSegment> MakeOpus(std::span<const int16_t> samples, const StreamShape& shape) {
  OpusNode node(shape);
  const auto packet_samples = static_cast<size_t>(shape.packet_samples);
  for (size_t packet = 0; packet < samples.size() / packet_samples; ++packet) {
    if (IsLost(shape, packet))
      node.EndRun();
    else
      node.Packet(packet, samples.subspan(packet * packet_samples, packet_samples));
  }
  return node.Finish();
}

int BestLag(std::span<const int16_t> said, std::span<const int16_t> heard, int lag_max) {
  constexpr size_t kSamplesMax = 40'000;  // Five seconds tell it.
  said = said.first(std::min(said.size(), kSamplesMax));
  heard = heard.first(std::min(heard.size(), kSamplesMax));
  int best = 0;
  double best_correlation = -2;
  for (int lag = -lag_max; lag <= lag_max; ++lag) {
    const auto from_said = said.subspan(static_cast<size_t>(std::max(-lag, 0)));
    const auto from_heard = heard.subspan(static_cast<size_t>(std::max(lag, 0)));
    const double correlation = Correlation(from_said, from_heard);
    if (correlation > best_correlation) {
      best_correlation = correlation;
      best = lag;
    }
  }
  return best;
}

double WorstWindow(std::span<const int16_t> said, std::span<const int16_t> heard) {
  constexpr size_t kWindow = 1600;
  double worst = 1;
  for (size_t at = 0; at + kWindow <= std::min(said.size(), heard.size()); at += kWindow) {
    const auto window = said.subspan(at, kWindow);
    double energy = 0;
    for (const int16_t sample : window) energy += double{1} * sample * sample;
    if (std::sqrt(energy / kWindow) < 327.68) continue;
    worst = std::min(worst, Correlation(window, heard.subspan(at, kWindow)));
  }
  return worst;
}

}  // namespace turret::test
