// A TCP relay that a test can cut: the network between node and coordinator.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace turret::test {

/// Thread-safe.
class TcpRelay {
 public:
  /// Listens on a free loopback port and passes bytes to 127.0.0.1:`target_port`.
  static absl::StatusOr<std::unique_ptr<TcpRelay>> Start(uint16_t target_port);
  ~TcpRelay();
  uint16_t port() const { return port_; }
  /// Resets every connection, and refuses new ones until Mend().
  void Cut();
  void Mend();
  /// Bytes passed towards the target so far.
  uint64_t bytes_passed() const { return bytes_passed_; }

 private:
  TcpRelay(int listener, uint16_t port, uint16_t target)
      : listener_(listener), port_(port), target_port_(target) {}
  void Serve();
  void Accept();

  struct Pair {
    int near;
    int far;
  };
  int listener_;
  uint16_t port_;
  uint16_t target_port_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<uint64_t> bytes_passed_ = 0;
  std::vector<Pair> pairs_;  // The serving thread's own.
  std::thread thread_;
};

}  // namespace turret::test
