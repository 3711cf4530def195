// A crowd: many calls at once, and RTP that is made as it is sent, so that thousands of streams cost little
// memory and a fraction of a core. What was sent is known by its number.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/floor/sip_client.h"

namespace turret::floor {

struct CrowdOptions {
  std::string server = "127.0.0.1:5060";
  int calls = 1000;  // Each with two streams; traders as floor::TraderOf.
  int first_call = 0;
  absl::Duration packet = absl::Milliseconds(20);  // G.711 A-law; at most 100 ms.
  absl::Duration stagger = absl::Milliseconds(2);  // Between two INVITEs.
  uint64_t seed = 1;
};

/// Threading: one thread of its own does all of it; the methods from any one other thread.
class Crowd {
 public:
  /// Places the calls; each plays from its answer on. Errors: Unavailable.
  static absl::StatusOr<std::unique_ptr<Crowd>> Start(const CrowdOptions& options);
  ~Crowd();

  int on() const { return on_; }  // Calls that were answered and are not hung up.
  int refused() const { return refused_; }
  int ended() const { return ended_; }  // Hung up, and answered with 200.
  uint64_t packets_sent() const { return packets_sent_; }
  /// No more packets; then BYE to all.
  void HangUp() { hanging_up_ = true; }
  /// An UPDATE in each of the first `calls` dialogs; refreshed() counts the 200s.
  void Refresh(int calls) { refresh_ = calls; }
  int refreshed() const { return refreshed_; }

  struct Sent {
    std::string sip_call_id;
    std::string label;
    uint32_t packets;
  };
  /// Of each stream; once all calls have ended.
  std::vector<Sent> sent() const;
  /// What packet `number` of stream `index` (of sent()) carries.
  std::string PayloadOf(size_t index, uint32_t number) const;

 private:
  struct Stream {
    size_t call;
    uint16_t port = 0;  // 0: does not play.
    uint16_t first_sequence;
    uint32_t first_timestamp;
    uint32_t ssrc;
    uint32_t packets = 0;
  };
  Crowd(const CrowdOptions& options, std::unique_ptr<SipClient> sip, int fd);
  void Run();
  void Place();
  void Follow();
  void SendRound(absl::Time now);
  void Make(const Stream& stream, size_t index, std::vector<uint8_t>& bytes) const;
  void Flush();
  size_t PayloadOffset(size_t index, uint32_t number) const;

  const CrowdOptions options_;
  const size_t payload_bytes_;
  const std::unique_ptr<SipClient> sip_;
  const int fd_;
  std::vector<uint8_t> noise_;
  std::vector<Stream> streams_;  // In the order of sending within a packet time.
  std::vector<size_t> dialogs_;  // Of each call that was placed.
  absl::Time begin_;
  uint64_t round_ = 0;
  size_t next_ = 0;  // Of streams_, in this round.
  size_t batched_ = 0;
  std::vector<std::vector<uint8_t>> batch_;
  std::vector<uint16_t> targets_;
  bool hung_up_ = false;
  int refresh_sent_ = 0;

  std::atomic<int> on_ = 0;
  std::atomic<int> refused_ = 0;
  std::atomic<int> ended_ = 0;
  std::atomic<int> refresh_ = 0;
  std::atomic<int> refreshed_ = 0;
  std::atomic<uint64_t> packets_sent_ = 0;
  std::atomic<bool> hanging_up_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace turret::floor
