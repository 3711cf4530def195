// Opus frames on the RTP timestamp grid: 20 ms each, in runs. Within a run the encoder never stops; what it
// holds back (its lookahead) comes out in a last frame, so that nothing is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "turret/v1/spool.pb.h"

struct OpusEncoder;

namespace turret::node {

inline constexpr uint32_t kOpusBitrateDefault = 24'000;
inline constexpr int64_t kOpusGapTicksMax =
    8000;  // A gap up to 1 s is fed as zeros; a longer one ends the run.
/// Enough for an encoder and a decoder to agree again: 80 ms.
inline constexpr size_t kOpusPastFrames = 4;

/// For 8 kHz speech. Threading: one thread.
class OpusRunEncoder {
 public:
  struct Frame {
    int64_t timestamp;  // Extended RTP timestamp of the first sample that was fed for it.
    uint32_t duration_samples;
    bool starts_run;  // The encoder was reset: skip pre_skip_samples() of what decodes.
    Bytes bytes;      // Valid during the call.
  };
  using Emit = absl::FunctionRef<void(const Frame&)>;

  /// Errors: Internal when libopus refuses the settings.
  static absl::StatusOr<OpusRunEncoder> Create(uint32_t bitrate);

  /// Feeds samples whose first stands at `timestamp`. What overlaps earlier samples is skipped.
  void Feed(int64_t timestamp, const std::vector<int16_t>& samples, Emit emit);
  /// Ends the run: pads the last frame, flushes the lookahead. The next Feed starts another.
  void EndRun(Emit emit);

  /// From here on, of what was encoded only the last kOpusPastFrames count: who begins anew with these goes
  /// on the same.
  void ForgetPast();
  bool running() const { return running_; }
  /// Of a run that goes on, after ForgetPast; only the encoder's own fields are set.
  v1::OpusRunState Save() const;
  void Restore(const v1::OpusRunState& state);

  uint32_t pre_skip_samples() const { return pre_skip_samples_; }
  /// Samples that were fed and not yet emitted: less than a frame.
  size_t pending_samples() const { return pending_.size(); }
  /// Encoder and settings, for the record.
  const std::string& identity() const { return identity_; }

 private:
  struct Deleter {
    void operator()(OpusEncoder* encoder) const;
  };
  OpusRunEncoder(std::unique_ptr<OpusEncoder, Deleter> encoder, uint32_t pre_skip, std::string identity)
      : encoder_(std::move(encoder)), pre_skip_samples_(pre_skip), identity_(std::move(identity)) {}
  void EmitFrame(const int16_t* samples, Emit emit);
  void EmitWhole(Emit emit);

  std::unique_ptr<OpusEncoder, Deleter> encoder_;
  uint32_t pre_skip_samples_;
  std::string identity_;
  bool running_ = false;
  bool first_of_run_ = false;
  int64_t frame_timestamp_ = 0;  // Of pending_[0].
  std::vector<int16_t> pending_;
  std::vector<int16_t> past_;  // What was encoded last, in whole frames.
};

}  // namespace turret::node
