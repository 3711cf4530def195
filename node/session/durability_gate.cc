#include "node/session/durability_gate.h"

#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace turret::node {
namespace {

constexpr int kCommitAttempts = 3;  // Each goes to a new extent; a disk that is broken stays so.

}  // namespace

struct DurabilityGate::State {
  struct Job {
    Work work;
    Done done;
    absl::Status status;
  };

  State(Spool& spool_in, SessionJournal& journal_in, std::function<void()> wake_in)
      : spool(spool_in), journal(journal_in), wake(std::move(wake_in)) {}

  void Run();
  void Perform(std::vector<Job>& jobs);

  Spool& spool;
  SessionJournal& journal;
  const std::function<void()> wake;
  absl::Mutex mutex;
  std::vector<Job> waiting ABSL_GUARDED_BY(mutex);
  std::vector<Job> due ABSL_GUARDED_BY(mutex);
  bool performing ABSL_GUARDED_BY(mutex) = false;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::thread thread;
};

void DurabilityGate::State::Perform(std::vector<Job>& jobs) {
  for (Job& job : jobs)
    if (job.work) job.status = job.work();
  absl::Status committed;
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt)
    if (committed = spool.Commit(); committed.ok()) break;
  committed.Update(journal.Commit());
  for (Job& job : jobs) job.status.Update(committed);
}

void DurabilityGate::State::Run() {
  const auto woken = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return stopping || !waiting.empty(); };
  while (true) {
    std::vector<Job> jobs;
    {
      absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(&woken));
      if (waiting.empty()) return;
      jobs = std::exchange(waiting, {});
      performing = true;
    }
    Perform(jobs);
    {
      absl::MutexLock lock(&mutex);
      for (Job& job : jobs) due.push_back(std::move(job));
    }
    wake();
    absl::MutexLock lock(&mutex);
    performing = false;
  }
}

DurabilityGate::DurabilityGate(Spool& spool, SessionJournal& journal, std::function<void()> wake)
    : state_(std::make_unique<State>(spool, journal, std::move(wake))) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

DurabilityGate::~DurabilityGate() {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
  }
  state_->thread.join();
}

void DurabilityGate::Submit(Work work, Done done) {
  absl::MutexLock lock(&state_->mutex);
  state_->waiting.push_back({std::move(work), std::move(done), absl::OkStatus()});
}

void DurabilityGate::RunDone() {
  std::vector<State::Job> jobs;
  {
    absl::MutexLock lock(&state_->mutex);
    jobs = std::exchange(state_->due, {});
  }
  for (const State::Job& job : jobs) job.done(job.status);
}

void DurabilityGate::Flush() {
  State& state = *state_;
  const auto idle = [&state]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mutex) {
    return state.waiting.empty() && !state.performing;
  };
  absl::MutexLock lock(&state.mutex);
  state.mutex.Await(absl::Condition(&idle));
}

}  // namespace turret::node
