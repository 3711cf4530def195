// Where random bytes come from; injected, so that tests can seed it.
#pragma once

#include <cstdint>
#include <span>

namespace turret {

class Random {
 public:
  virtual ~Random() = default;
  /// Fills all of `out`. Thread-safe.
  virtual void Fill(std::span<uint8_t> out) = 0;
};

/// OpenSSL's generator, seeded by the kernel. Aborts when it fails: no key may ever be made of anything less.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override;
};

}  // namespace turret
