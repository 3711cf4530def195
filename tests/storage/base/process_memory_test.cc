#include "storage/base/process_memory.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::test {
namespace {

constexpr size_t kSecretsBytes = size_t{8} << 20;

// Pages of secrets, there until the process ends.
void Touched() {
  void* const pages =
      mmap(nullptr, kSecretsBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::fill_n(static_cast<volatile char*>(pages), kSecretsBytes, 's');
}

// What the kernel says of this process, behind a name: "VmLck" in kB.
size_t OwnStatusKib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::stoul(line.substr(name.size() + 1));
  return 0;
}

// In a child, since it holds for a whole process and for good: 0 when `holds` does.
int InChild(bool (*holds)()) {
  const pid_t child = fork();
  if (child == 0) _exit(holds() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool MayLock() { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0; }

// S6.
TEST(ProcessMemory, WhatIsAllocatedBeforeAndAfterIsLocked) {
  if (InChild(MayLock) != 0) GTEST_SKIP() << "needs CAP_IPC_LOCK, or RLIMIT_MEMLOCK without a limit";
  EXPECT_EQ(InChild([] {
              Touched();
              if (!KeepMemoryOffDisk().ok()) return false;
              Touched();
              return OwnStatusKib("VmLck") >= 2 * kSecretsBytes / 1024;
            }),
            0);
}

// A limit on locked memory would make later allocations fail: nothing is locked then, and the caller is told.
TEST(ProcessMemory, UnderALimitNothingIsLockedAndTheRestHolds) {
  EXPECT_EQ(InChild([] {
              const rlimit small{1 << 20, 1 << 20};
              setrlimit(RLIMIT_MEMLOCK, &small);
              if (geteuid() == 0 && setuid(65534) != 0) return false;
              const absl::Status off_disk = KeepMemoryOffDisk();
              Touched();
              return absl::IsResourceExhausted(off_disk) && OwnStatusKib("VmLck") == 0 &&
                     prctl(PR_GET_DUMPABLE) == 0;
            }),
            0);
}

TEST(ProcessMemory, NoCoreFileAndNothingInOneThatIsForced) {
  EXPECT_EQ(InChild([] {
              (void)KeepMemoryOffDisk();
              rlimit core{1, 1};
              getrlimit(RLIMIT_CORE, &core);
              std::string filter;
              std::ifstream("/proc/self/coredump_filter") >> filter;
              return core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 && filter == "00000000";
            }),
            0);
}

}  // namespace
}  // namespace turret::test
