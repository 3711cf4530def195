#include "tests/interop/port_slot.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "fmt/format.h"
#include "tests/support/process.h"

namespace turret::test {
namespace {

constexpr int kSlots = 5;
constexpr int kFirstPort = 10000;
constexpr int kPortsEach = 4400;

// A descriptor that holds the lock of `slot`; -1 when another process does.
int Lock(int slot) {
  const std::string path = fmt::format("/tmp/turret-test-ports-{}-{}.lock", getuid(), slot);
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

}  // namespace

PortSlot::PortSlot() {
  for (slot_ = 0; (lock_ = Lock(slot_)) < 0; slot_ = (slot_ + 1) % kSlots) PauseBriefly();
}

PortSlot::~PortSlot() { close(lock_); }

uint16_t PortSlot::port_min() const { return static_cast<uint16_t>(kFirstPort + slot_ * kPortsEach); }
uint16_t PortSlot::port_max() const { return static_cast<uint16_t>(port_min() + kPortsEach - 1); }

}  // namespace turret::test
