// Runs one program and keeps its sockets: starts it again when it ends, hands it what it stored, lets it be
// replaced.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "node/sockets/notify_socket.h"
#include "node/sockets/socket_store.h"
#include "storage/base/clock.h"

namespace turret::node {

struct SupervisorOptions {
  std::vector<std::string> program;  // With its arguments.
  absl::Duration restart_wait_min =
      absl::Milliseconds(100);                         // Before the second start of one that dies at once;
  absl::Duration restart_wait_max = absl::Seconds(5);  // doubled each time, up to this.
  absl::Duration steady_after = absl::Seconds(10);     // Who ran so long did not die at once.
  absl::Duration leave_timeout = absl::Seconds(5);     // As long as the sockets' buffers hold.
};

/// For a process of one thread that has SIGTERM, SIGINT, SIGHUP and SIGCHLD blocked. Not thread-safe.
class Supervisor {
 public:
  /// Begins with what an earlier image kept. Errors: ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<Supervisor>> Create(const SupervisorOptions& options,
                                                            std::vector<NamedDescriptor> kept,
                                                            const Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND);
  struct End {
    bool upgrade = false;  // Go on in a new image, with TakeKept().
    int exit_code = 0;     // The program's; 128 + n when signal n ended it.
  };
  /// Runs the program until it shall not be started again:
  ///   SIGTERM, SIGINT  the program gets SIGTERM, and its end is ours;
  ///   SIGHUP           it gets SIGUSR2: it leaves, nothing ends, its sockets stay here; then `upgrade`. Who
  ///   has not
  ///                    left in time is killed;
  ///   it never said READY=1 and nothing is kept: it cannot start, and its end is ours.
  End Run();
  std::vector<NamedDescriptor> TakeKept() { return store_.TakeAll(); }

 private:
  enum class Asked { kNothing, kStop, kUpgrade };
  Supervisor(const SupervisorOptions& options, std::vector<NamedDescriptor> kept, const Clock& clock,
             NotifySocket notify, Descriptor signals)
      : options_(options),
        clock_(clock),
        notify_(std::move(notify)),
        signals_(std::move(signals)),
        store_(std::move(kept)) {}

  void Start();
  [[noreturn]] void Become(pid_t parent);
  void Wait();
  void ReadNotifications();
  void ReadSignals();
  void Ask(Asked what);
  bool Reap();  // True when the program ended.
  bool Over() const;
  void PlanRestart();

  const SupervisorOptions options_;
  const Clock& clock_;
  NotifySocket notify_;
  Descriptor signals_;
  SocketStore store_;
  Asked asked_ = Asked::kNothing;
  pid_t child_ = 0;  // 0: does not run.
  bool ready_ever_ = false;
  int exit_code_ = 0;
  int starts_in_vain_ = 0;
  absl::Duration started_at_;
  absl::Duration start_at_;                            // When it does not run.
  absl::Duration kill_at_ = absl::InfiniteDuration();  // When it does not leave.
};

}  // namespace turret::node
