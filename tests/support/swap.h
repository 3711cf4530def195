// Memory pressure on chosen processes, with a swap file on: what of them reaches the disk then.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace turret::test {

/// A memory cgroup (version 1) below our own, gone with the object once nobody is in it. Not thread-safe.
class MemoryGroup {
 public:
  /// Errors: Unavailable where there are no such groups, or we may not make one.
  static absl::StatusOr<std::unique_ptr<MemoryGroup>> Create();
  ~MemoryGroup();
  /// Runs a command in the group: its words go before the command's.
  std::vector<std::string> Runner() const;
  /// Takes a process in.
  void Take(pid_t pid) const;
  /// Has the kernel take all memory from those in it that it can take.
  void Squeeze() const;

 private:
  explicit MemoryGroup(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// A process in a group that holds `text` in memory that it does not lock, until the object goes.
class Unlocked {
 public:
  static absl::StatusOr<std::unique_ptr<Unlocked>> Start(const MemoryGroup& group, const std::string& text);
  ~Unlocked();
  /// Whether all of that memory is in swap (/proc/PID/pagemap).
  bool InSwap() const;

 private:
  Unlocked(pid_t pid, uintptr_t pages) : pid_(pid), pages_(pages) {}
  pid_t pid_;
  uintptr_t pages_;  // Address in the process.
};

/// A swap file that is on until Off(), or until the object or this process goes. Not thread-safe.
class SwapFile {
 public:
  /// Errors: Unavailable where we may not turn one on.
  static absl::StatusOr<std::unique_ptr<SwapFile>> On(const std::string& path);
  ~SwapFile();
  /// Turns it off, and writes to `pages` every page of it that holds anything.
  [[nodiscard]] absl::Status Off(const std::string& pages);

 private:
  SwapFile(std::string path, pid_t guard, int guard_pipe)
      : path_(std::move(path)), guard_(guard), guard_pipe_(guard_pipe) {}
  void TurnOff();
  std::string path_;
  pid_t guard_;  // Turns it off when the pipe to it closes: also when this process is killed.
  int guard_pipe_;
};

/// What /proc tells of a process' memory, bytes.
struct MemoryOf {
  size_t resident = 0;
  size_t unlocked = 0;  // Resident, could be written to swap: not of a file, and not locked.
  size_t swapped = 0;
};
MemoryOf ReadMemoryOf(pid_t pid);

}  // namespace turret::test
