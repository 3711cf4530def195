// Child processes of a test: started, watched, stopped by their id.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace turret::test {

/// Not thread-safe. Killed and reaped when it goes.
class Process {
 public:
  /// Runs `argv` with standard output and error appended to `log_path`. `environment` is added to ours.
  static absl::StatusOr<std::unique_ptr<Process>> Start(const std::vector<std::string>& argv,
                                                        const std::string& log_path,
                                                        const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void Signal(int signal);
  /// Waits for the end; -1 at the timeout, 128 + n when signal n ended it.
  int Wait(absl::Duration timeout);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}
  pid_t pid_;
  bool reaped_ = false;
  int exit_code_ = -1;
};

struct CommandResult {
  int exit_code = -1;
  std::string out;
  std::string err;
};
/// Runs a command to its end. A command that outlives `timeout` is killed: exit code -1.
CommandResult Run(const std::vector<std::string>& argv, absl::Duration timeout = absl::Seconds(60),
                  const std::vector<std::string>& environment = {});

/// Polls `condition` every few milliseconds; false at the timeout.
template <class Condition>
bool WaitUntil(Condition condition, absl::Duration timeout);

/// Whole file; "" when there is none.
std::string ReadFileOrEmpty(const std::string& path);
void WriteFileOrDie(const std::string& path, const std::string& content);

void PauseBriefly();
absl::Duration Now();

template <class Condition>
bool WaitUntil(Condition condition, absl::Duration timeout) {
  const absl::Duration deadline = Now() + timeout;
  while (!condition()) {
    if (Now() > deadline) return false;
    PauseBriefly();
  }
  return true;
}

}  // namespace turret::test
