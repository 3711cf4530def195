// Durable before said: what must be on disk before an answer goes out waits here, so that the SIP thread
// never waits. One thread; everything that is waiting shares one commit of spool and journal.
#pragma once

#include <functional>
#include <memory>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "node/session/session_journal.h"
#include "node/spool/spool.h"

namespace turret::node {

class DurabilityGate {
 public:
  using Work = std::function<absl::Status()>;
  using Done = std::function<void(const absl::Status&)>;

  /// `wake` is called on the gate's thread when something is done; the owner then calls RunDone() on its own.
  DurabilityGate(Spool& spool ABSL_ATTRIBUTE_LIFETIME_BOUND,
                 SessionJournal& journal ABSL_ATTRIBUTE_LIFETIME_BOUND, std::function<void()> wake);
  /// Finishes what was submitted; its Done functions run no more.
  ~DurabilityGate();
  DurabilityGate(const DurabilityGate&) = delete;
  DurabilityGate& operator=(const DurabilityGate&) = delete;

  /// Runs `work` (may be null) on the gate's thread, then commits the spool, then the journal: what that
  /// names stands in the spool. `done` gets the first error. In the order of submission. From any thread.
  void Submit(Work work, Done done);
  /// Runs the Done functions that are due, on the calling thread.
  void RunDone();
  /// Waits until nothing is submitted that is not done.
  void Flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
