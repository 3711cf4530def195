// Plays streams of RTP (RFC 3550) on their own clocks, with loss, reordering and duplicates from a seed, and
// writes down what it sent. One socket, one thread; packets that are due together go out in one system call.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/floor/truth.h"

namespace turret::floor {

struct Impairments {
  double loss = 0;       // Probability of each packet; the first and the last of a stream are never lost.
  double reorder = 0;    // Sent 30 ms late.
  double duplicate = 0;  // Sent once more, 5 ms later.
  uint64_t seed = 1;
};

class RtpPlayer {
 public:
  static absl::StatusOr<std::unique_ptr<RtpPlayer>> Create();
  ~RtpPlayer();
  RtpPlayer(const RtpPlayer&) = delete;
  RtpPlayer& operator=(const RtpPlayer&) = delete;

  /// Plays `stream.payload` to `stream.port`, from `start` on; fills `stream.packets`. `stream` must stay
  /// where it is.
  void Add(StreamTruth& stream, const Impairments& impairments, absl::Time start);
  /// Plays no more of it.
  void Stop(const StreamTruth& stream) { stopped_.insert(&stream); }
  /// Sends what is due at `now`. Returns when the next packet is due; InfiniteFuture when all is sent.
  absl::Time SendDue(absl::Time now);
  uint64_t datagrams_sent() const { return datagrams_sent_; }

 private:
  struct Event {
    int64_t due_utc_ns;
    StreamTruth* stream;
    uint32_t packet;
    bool operator>(const Event& other) const { return due_utc_ns > other.due_utc_ns; }
  };
  explicit RtpPlayer(int fd) : fd_(fd) {}
  void Flush();

  static constexpr size_t kBatch = 64;
  int fd_;
  uint64_t datagrams_sent_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::set<const StreamTruth*> stopped_;
  std::vector<std::vector<uint8_t>> batch_;
  std::vector<sockaddr_in> targets_;
};

}  // namespace turret::floor
