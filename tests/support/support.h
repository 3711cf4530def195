// What tests share: a clock that stands still, seeded randomness, folders that go away.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "storage/base/clock.h"
#include "storage/base/random.h"

namespace turret::test {

/// Thread-safe. Moves only when told.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time utc = absl::FromUnixSeconds(1'790'000'000)) : utc_(utc) {}
  absl::Duration Elapsed() const override;
  absl::Time Utc() const override;
  void Advance(absl::Duration by);
  void StepUtc(absl::Duration by);  // As a wall clock that is set.

 private:
  mutable std::mutex mutex_;
  absl::Duration elapsed_ = absl::Seconds(1000);
  absl::Time utc_;
};

/// Repeatable. Thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(std::span<uint8_t> out) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

/// A number below `bound`, which is not 0.
uint64_t Below(Random& random, uint64_t bound);

/// TURRET_TEST_SEED, or `fallback`: print it on failure (SCOPED_TRACE(SeedTrace(seed))).
uint64_t Seed(uint64_t fallback);
std::string SeedTrace(uint64_t seed);

/// A fresh folder under the system's temporary one; gone with the object, flags on files included.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace turret::test
