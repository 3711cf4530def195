#include "storage/base/process_memory.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>

#include "fmt/format.h"

namespace turret {
namespace {

bool HasCapability(uint64_t capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[capability / 32].effective & (uint32_t{1} << (capability % 32))) != 0;
}

// Memory that is locked only as it is touched, else each thread's stack would be there from the start.
absl::Status LockMemory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  rlimit limit{};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  getrlimit(RLIMIT_MEMLOCK, &limit);
  // Under a limit a later allocation would fail, which is worse than a page in swap.
  if (limit.rlim_cur != RLIM_INFINITY && !HasCapability(CAP_IPC_LOCK))
    return absl::ResourceExhaustedError(fmt::format(
        "memory is not locked and may reach swap: RLIMIT_MEMLOCK is {} bytes; set LimitMEMLOCK=infinity",
        limit.rlim_cur));
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
    return absl::ResourceExhaustedError(
        fmt::format("memory is not locked and may reach swap: errno {}", errno));
  return absl::OkStatus();
}

}  // namespace

absl::Status KeepMemoryOffDisk() {
  // Before the process becomes undumpable: its /proc files belong to root from then on.
  std::ofstream("/proc/self/coredump_filter") << "0";
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  return LockMemory();
}

absl::Status KeepFileOffSwap(const std::string& path) {
  const auto failed = [&] {
    return absl::UnavailableError(fmt::format("{} may reach swap: errno {}", path, errno));
  };
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return failed();
  const auto bytes = static_cast<size_t>(status.st_size);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const pages = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (pages == MAP_FAILED || mlock(pages, bytes) != 0) return failed();
  return absl::OkStatus();
}

}  // namespace turret
