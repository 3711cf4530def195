#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "storage/base/clock.h"

namespace turret::test {
namespace {

constexpr timespec kPause{0, 5'000'000};

// In the child: becomes `argv`; the child dies with its parent, so that a test that is killed leaves nothing
// behind.
[[noreturn]] void Become(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const std::string& setting : environment) putenv(const_cast<char*>(setting.c_str()));
  std::vector<char*> raw;
  for (const std::string& argument : argv) raw.push_back(const_cast<char*>(argument.c_str()));
  raw.push_back(nullptr);
  execvp(raw[0], raw.data());
  _exit(127);
}

int ExitCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

absl::Duration Now() { return SystemClock().Elapsed(); }
void PauseBriefly() { nanosleep(&kPause, nullptr); }

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const std::vector<std::string>& argv,
                                                        const std::string& log_path,
                                                        const std::vector<std::string>& environment) {
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return absl::UnavailableError("cannot write " + log_path);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    Become(argv, environment);
  }
  close(log);
  if (pid < 0) return absl::ResourceExhaustedError("cannot fork");
  return std::unique_ptr<Process>(new Process(pid));
}

Process::~Process() {
  if (reaped_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Process::running() { return Wait(absl::ZeroDuration()) < 0; }

void Process::Signal(int signal) {
  if (!reaped_) kill(pid_, signal);
}

int Process::Wait(absl::Duration timeout) {
  const auto ended = [this] {
    if (reaped_) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    reaped_ = true;
    exit_code_ = ExitCode(status);
    return true;
  };
  return WaitUntil(ended, timeout) ? exit_code_ : -1;
}

CommandResult Run(const std::vector<std::string>& argv, absl::Duration timeout,
                  const std::vector<std::string>& environment) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) return {};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    Become(argv, environment);
  }
  close(out[1]);
  close(err[1]);
  CommandResult result;
  std::array<pollfd, 2> pipes{{{out[0], POLLIN, 0}, {err[0], POLLIN, 0}}};
  std::array<std::string*, 2> texts{&result.out, &result.err};
  const absl::Duration deadline = Now() + timeout;
  std::string chunk(65536, '\0');
  bool killed = false;
  for (int open_pipes = 2; open_pipes > 0;) {
    if (Now() > deadline && !killed) {
      kill(pid, SIGKILL);
      killed = true;
    }
    poll(pipes.data(), pipes.size(), 100);
    for (size_t i = 0; i < pipes.size(); ++i) {
      if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
      const ssize_t n = read(pipes[i].fd, chunk.data(), chunk.size());
      if (n > 0) {
        texts[i]->append(chunk.data(), static_cast<size_t>(n));
      } else {
        close(pipes[i].fd);
        pipes[i].fd = -1;
        --open_pipes;
      }
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  result.exit_code = killed ? -1 : ExitCode(status);
  return result;
}

std::string ReadFileOrEmpty(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFileOrDie(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  if (!file.flush()) std::abort();
}

}  // namespace turret::test
