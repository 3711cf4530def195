// Ogg Opus files (RFC 7845): opus packets in, pages out, and where in the file the packets' bytes lie.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "storage/base/bytes.h"

namespace turret::coordinator {

inline constexpr uint32_t kOggOpusRateHz =
    48'000;  // Of granule positions and pre-skip, whatever the input's rate.

struct OggOpusOptions {
  uint32_t serial = 1;
  uint16_t pre_skip_48k = 0;
  uint32_t input_rate_hz = 8000;
  // Each channel is a mono stream of its own, so that no voice leaks into another: mapping family 0 for one
  // channel, 1 for up to eight, 255 beyond.
  uint8_t channels = 1;
  std::vector<std::pair<std::string, std::string>> tags;  // NAME, value.
};

/// A run of bytes in the file.
struct FileRun {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;

  bool operator==(const FileRun&) const = default;
};

/// Not thread-safe. Usage: Add packets, Finish; Take the file as it grows.
class OggOpusWriter {
 public:
  explicit OggOpusWriter(const OggOpusOptions& options);
  ~OggOpusWriter();
  OggOpusWriter(OggOpusWriter&&) noexcept;
  OggOpusWriter& operator=(OggOpusWriter&&) noexcept;

  /// `samples_48k`: what the packet decodes to. `tracked`: its bytes are told by tracked_runs().
  void Add(Bytes packet, uint32_t samples_48k, bool tracked);
  /// Samples at 48 kHz of all packets so far, pre-skip included.
  uint64_t samples_48k() const;
  /// Ends the file. Players drop what lies behind `end_samples_48k` (pre-skip included); it lies within the
  /// last packet, or is moved there.
  void Finish(uint64_t end_samples_48k);

  /// Bytes of the file that were not taken yet.
  Buffer Take();
  /// In order, neighbours joined: one after another they are the tracked packets, byte for byte. Whole after
  /// Finish.
  const std::vector<FileRun>& tracked_runs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace turret::coordinator
