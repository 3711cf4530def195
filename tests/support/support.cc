#include "tests/support/support.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "storage/base/bytes.h"

namespace turret::test {
namespace {

void ClearFlags(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const int none = 0;
  (void)ioctl(fd, FS_IOC_SETFLAGS, &none);
  close(fd);
}

}  // namespace

absl::Duration ManualClock::Elapsed() const {
  std::lock_guard lock(mutex_);
  return elapsed_;
}

absl::Time ManualClock::Utc() const {
  std::lock_guard lock(mutex_);
  return utc_;
}

void ManualClock::Advance(absl::Duration by) {
  std::lock_guard lock(mutex_);
  elapsed_ += by;
  utc_ += by;
}

void ManualClock::StepUtc(absl::Duration by) {
  std::lock_guard lock(mutex_);
  utc_ += by;
}

void SeededRandom::Fill(std::span<uint8_t> out) {
  std::lock_guard lock(mutex_);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(engine_());
}

uint64_t Below(Random& random, uint64_t bound) {
  std::array<uint8_t, 8> raw;
  random.Fill(raw);
  return LoadU64(raw) % bound;
}

uint64_t Seed(uint64_t fallback) {
  const char* const given = std::getenv("TURRET_TEST_SEED");
  return given == nullptr ? fallback : std::strtoull(given, nullptr, 10);
}

std::string SeedTrace(uint64_t seed) { return "run again with TURRET_TEST_SEED=" + std::to_string(seed); }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "turret-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_, ignored))
    if (entry.is_regular_file(ignored)) ClearFlags(entry.path());
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace turret::test
