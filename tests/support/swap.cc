#include "tests/support/swap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "fmt/format.h"
#include "tests/support/clear_text.h"
#include "tests/support/process.h"

namespace turret::test {
namespace {

constexpr int kSwapMib = 128;  // Fits all that the programs hold, should nothing be locked.
constexpr size_t kPageBytes = 4096;
constexpr size_t kUnlockedPages = 64;
constexpr int kSqueezes = 3;  // Pages are taken at the second look only when they were touched of late.

std::string OwnGroup() {
  std::istringstream lines(ReadFileOrEmpty("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);)
    if (const size_t at = line.find(":memory:"); at != std::string::npos)
      return "/sys/fs/cgroup/memory" + line.substr(at + 8);
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<MemoryGroup>> MemoryGroup::Create() {
  const std::string path = fmt::format("{}/turret-test-{}", OwnGroup(), getpid());
  if (!path.starts_with("/sys/fs/") || mkdir(path.c_str(), 0700) != 0)
    return absl::UnavailableError("no memory cgroup can be made");
  return std::unique_ptr<MemoryGroup>(new MemoryGroup(path));
}

MemoryGroup::~MemoryGroup() { rmdir(path_.c_str()); }

std::vector<std::string> MemoryGroup::Runner() const {
  return {"/bin/sh", "-c", fmt::format("echo $$ > {}/cgroup.procs && exec \"$@\"", path_), "sh"};
}

void MemoryGroup::Take(pid_t pid) const { std::ofstream(path_ + "/cgroup.procs") << pid; }

void MemoryGroup::Squeeze() const {
  for (int i = 0; i < kSqueezes; ++i)  // Fails for what stays, and has taken all else.
    std::ofstream(path_ + "/memory.limit_in_bytes") << kPageBytes;
}

absl::StatusOr<std::unique_ptr<Unlocked>> Unlocked::Start(const MemoryGroup& group, const std::string& text) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return absl::ResourceExhaustedError("no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    group.Take(getpid());
    void* const pages = mmap(nullptr, kUnlockedPages * kPageBytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t page = 0; page < kUnlockedPages; ++page)
      std::memcpy(static_cast<char*>(pages) + page * kPageBytes, text.data(), text.size());
    (void)!write(ready[1], &pages, sizeof pages);
    while (true) pause();
  }
  close(ready[1]);
  uintptr_t pages = 0;
  const bool started = pid > 0 && read(ready[0], &pages, sizeof pages) == sizeof pages;
  close(ready[0]);
  if (!started) return absl::ResourceExhaustedError("no process");
  return std::unique_ptr<Unlocked>(new Unlocked(pid, pages));
}

bool Unlocked::InSwap() const {
  constexpr uint64_t kSwapped = uint64_t{1} << 62;  // Linux, Documentation/admin-guide/mm/pagemap.rst.
  std::array<uint64_t, kUnlockedPages> entries{};
  const int pagemap = open(fmt::format("/proc/{}/pagemap", pid_).c_str(), O_RDONLY | O_CLOEXEC);
  const auto at = static_cast<off_t>(pages_ / kPageBytes * sizeof entries[0]);
  const bool read = pread(pagemap, entries.data(), sizeof entries, at) == sizeof entries;
  close(pagemap);
  return read && std::ranges::all_of(entries, [](uint64_t entry) { return (entry & kSwapped) != 0; });
}

Unlocked::~Unlocked() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::unique_ptr<SwapFile>> SwapFile::On(const std::string& path) {
  // Blocks that were set aside but never written would be read back as zeros, and so would those in the page
  // cache.
  const CommandResult made =
      Run({"/bin/sh", "-c",
           fmt::format("umask 077; dd if=/dev/zero of={0} bs=1M count={1} oflag=direct && mkswap {0}", path,
                       kSwapMib)});
  int guard_pipe[2];
  if (pipe2(guard_pipe, O_CLOEXEC) != 0) return absl::ResourceExhaustedError("no pipe");
  const pid_t guard = fork();
  if (guard == 0) {
    setsid();  // Whoever ends our process group does not end it.
    close(guard_pipe[1]);
    char byte = 0;
    (void)!read(guard_pipe[0], &byte, 1);
    _exit(swapoff(path.c_str()));
  }
  close(guard_pipe[0]);
  std::unique_ptr<SwapFile> swap(new SwapFile(path, guard, guard_pipe[1]));
  if (made.exit_code != 0 || guard < 0 || swapon(path.c_str(), 0) != 0)
    return absl::UnavailableError("no swap file can be turned on: " + made.err);
  return swap;
}

void SwapFile::TurnOff() {
  if (guard_pipe_ < 0) return;
  (void)!write(guard_pipe_, "", 1);  // Others may have inherited this end.
  close(guard_pipe_);
  guard_pipe_ = -1;
  waitpid(guard_, nullptr, 0);
}

SwapFile::~SwapFile() { TurnOff(); }

absl::Status SwapFile::Off(const std::string& pages) {
  TurnOff();
  if (ReadFileOrEmpty("/proc/swaps").find(path_) != std::string::npos)
    return absl::UnavailableError("the swap file stays on");
  CopyPages(path_, pages);
  return absl::OkStatus();
}

MemoryOf ReadMemoryOf(pid_t pid) {
  MemoryOf memory;
  size_t resident = 0;
  size_t swappable = 0;
  std::istringstream lines(ReadFileOrEmpty(fmt::format("/proc/{}/smaps", pid)));
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&](const char* name) {
      const std::string start = std::string(name) + ":";
      return line.starts_with(start) ? std::strtoull(line.c_str() + start.size(), nullptr, 10) * 1024 : 0;
    };
    if (line.starts_with("Rss:")) resident = value("Rss");
    if (line.starts_with("Anonymous:")) swappable = value("Anonymous");
    memory.swapped += value("Swap");
    if (!line.starts_with("VmFlags:")) continue;
    memory.resident += resident;
    if ((line + " ").find(" lo ") == std::string::npos) memory.unlocked += swappable;
  }
  return memory;
}

}  // namespace turret::test
