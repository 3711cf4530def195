#include "node/sockets/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int kCannotStart = 127;  // As shells have it.
constexpr absl::Duration kWaitMax = absl::Hours(1);

absl::StatusOr<Descriptor> SignalDescriptor() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  Descriptor made(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!made.valid()) return absl::ResourceExhaustedError(fmt::format("signalfd: errno {}", errno));
  return made;
}

std::string Ended(int status) {
  return WIFEXITED(status) ? fmt::format("ended with code {}", WEXITSTATUS(status))
                           : fmt::format("was ended by signal {}", WTERMSIG(status));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Supervisor>> Supervisor::Create(const SupervisorOptions& options,
                                                               std::vector<NamedDescriptor> kept,
                                                               const Clock& clock) {
  TURRET_ASSIGN_OR_RETURN(NotifySocket notify, NotifySocket::Create());
  TURRET_ASSIGN_OR_RETURN(Descriptor signals, SignalDescriptor());
  return std::unique_ptr<Supervisor>(
      new Supervisor(options, std::move(kept), clock, std::move(notify), std::move(signals)));
}

Supervisor::End Supervisor::Run() {
  start_at_ = clock_.Elapsed();
  while (true) {
    if (child_ == 0 && clock_.Elapsed() >= start_at_) Start();
    Wait();
    ReadNotifications();
    ReadSignals();
    if (Reap()) {
      ReadNotifications();  // Its last ones.
      PlanRestart();
    }
    if (child_ == 0 && Over()) return {asked_ == Asked::kUpgrade, exit_code_};
  }
}

void Supervisor::Start() {
  started_at_ = clock_.Elapsed();
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ == 0) Become(parent);
  if (child_ > 0) return;
  spdlog::error("cannot start {}: {}", options_.program.front(), std::strerror(errno));
  child_ = 0;
  exit_code_ = kCannotStart;
  PlanRestart();
}

// In the child. It leaves when we die, as when it is asked to: whoever starts us again finds its ports free,
// and its calls go on.
void Supervisor::Become(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGUSR2);
  if (getppid() != parent) _exit(kCannotStart);
  setenv("NOTIFY_SOCKET", notify_.address().c_str(), 1);
  const absl::Status passed = PassDescriptors(store_.TakeAll());
  if (!passed.ok()) spdlog::error("{}", passed.ToString());
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> arguments;
  for (const std::string& argument : options_.program)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  spdlog::error("cannot start {}: {}", options_.program.front(), std::strerror(errno));
  _exit(kCannotStart);
}

void Supervisor::Wait() {
  const absl::Duration until = child_ == 0 ? start_at_ : kill_at_;
  const absl::Duration wait =
      std::clamp(until - clock_.Elapsed(), absl::ZeroDuration(), absl::Duration(kWaitMax));
  std::array<pollfd, 2> sources{{{notify_.fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
  poll(sources.data(), sources.size(),
       static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)))));
  if (child_ == 0 || clock_.Elapsed() < kill_at_) return;
  spdlog::error("{} did not leave in time: killed", options_.program.front());
  kill(child_, SIGKILL);
  kill_at_ = absl::InfiniteDuration();
}

void Supervisor::ReadNotifications() {
  while (std::optional<NotifySocket::Received> received = notify_.Receive()) {
    if (received->sender != child_) continue;  // Closes what came with it.
    if (received->what.ready) ready_ever_ = true;
    if (const absl::Status applied = store_.Apply(*std::move(received)); !applied.ok())
      spdlog::error("a socket is not kept: {}", applied.ToString());
  }
}

void Supervisor::ReadSignals() {
  signalfd_siginfo signal;
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) Ask(Asked::kStop);
    if (signal.ssi_signo == SIGHUP && asked_ == Asked::kNothing) Ask(Asked::kUpgrade);
  }
}

void Supervisor::Ask(Asked what) {
  asked_ = what;
  if (child_ == 0) return;
  if (what == Asked::kUpgrade) kill_at_ = clock_.Elapsed() + options_.leave_timeout;
  if (what == Asked::kStop) kill_at_ = absl::InfiniteDuration();
  kill(child_, what == Asked::kStop ? SIGTERM : SIGUSR2);
}

bool Supervisor::Reap() {
  int status = 0;
  for (pid_t pid;
       (pid = waitpid(-1, &status, WNOHANG)) > 0;) {  // All: we may be a container's first process.
    if (pid != child_) continue;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    spdlog::info("{} {} after {}, {} sockets are kept", options_.program.front(), Ended(status),
                 absl::FormatDuration(absl::Trunc(clock_.Elapsed() - started_at_, absl::Milliseconds(1))),
                 store_.kept().size());
    return true;
  }
  return false;
}

bool Supervisor::Over() const {
  return asked_ != Asked::kNothing || (!ready_ever_ && store_.kept().empty() && starts_in_vain_ > 0);
}

void Supervisor::PlanRestart() {
  child_ = 0;
  kill_at_ = absl::InfiniteDuration();
  const absl::Duration now = clock_.Elapsed();
  absl::Duration wait = absl::ZeroDuration();
  if (now - started_at_ >= options_.steady_after) {
    starts_in_vain_ = 0;
  } else {
    if (starts_in_vain_ > 0)
      wait = std::min(options_.restart_wait_min * (1 << std::min(starts_in_vain_ - 1, 16)),
                      options_.restart_wait_max);
    ++starts_in_vain_;
  }
  start_at_ = now + wait;
}

}  // namespace turret::node
