#include "tests/interop/disk_stalls.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/time/clock.h"

namespace turret::test {
namespace {

constexpr size_t kWriteBytes = 65536;
constexpr absl::Duration kPause = absl::Milliseconds(20);
constexpr absl::Duration kAround = absl::Seconds(2);

}  // namespace

DiskStalls::DiskStalls(const std::string& folder)
    : thread_([this, path = folder + "/disk-stalls"] { Run(path); }) {}

DiskStalls::~DiskStalls() {
  stopping_ = true;
  thread_.join();
}

absl::Duration DiskStalls::LossMax(absl::Time killed, absl::Duration on_an_idle_disk) const {
  absl::MutexLock lock(&mutex_);
  absl::Duration longest;
  for (auto took = took_.lower_bound(killed - kAround); took != took_.end(); ++took)
    if (took->first - took->second <= killed + kAround) longest = std::max(longest, took->second);
  return on_an_idle_disk + 2 * longest;
}

// A pause that lasts too long is a stall as well: of the processor.
void DiskStalls::Run(const std::string& path) {
  const std::string bytes(kWriteBytes, 'x');
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  while (!stopping_) {
    const absl::Time begin = absl::Now();
    absl::SleepFor(kPause);
    (void)!pwrite(fd, bytes.data(), bytes.size(), 0);
    (void)fdatasync(fd);
    const absl::Time end = absl::Now();
    absl::MutexLock lock(&mutex_);
    took_[end] = end - begin - kPause;
  }
  close(fd);
}

}  // namespace turret::test
