#include "node/session/sip_server.h"

#include <atomic>
#include <future>
#include <thread>

#include "absl/memory/memory.h"
#include "node/session/durability_gate.h"
#include "node/session/sip_agent.h"
#include "node/session/sip_dialogs.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int kStepMsMax = 100;
constexpr int kLeaving = -1;
constexpr int kStepsAfterTheEnd = 5;  // For the BYEs to leave, and their answers to come.

}  // namespace

struct SipServer::State {
  State(const SessionParts& parts_in, SessionJournal& journal_in)
      : parts(parts_in),
        journal(journal_in),
        gate(parts_in.spool, journal_in, [this] { Wake(); }),
        dialogs(parts_in, journal_in, gate, draining, running) {}

  void Wake() {
    if (SipAgent* const live = agent.load()) live->Wake();
  }
  void Run(const SipOptions& options, std::promise<absl::Status> started);
  void Loop(SipAgent& sip);

  const SessionParts parts;
  SessionJournal& journal;
  std::atomic<bool> draining = false;
  std::atomic<uint32_t> running = 0;
  std::atomic<int> stopping_with = 0;  // A CallEnded::Reason, or kLeaving.
  std::atomic<bool> ended = false;     // The last ends are durable.
  std::atomic<SipAgent*> agent = nullptr;
  DurabilityGate gate;
  SipDialogs dialogs;
  uint16_t udp_port = 0;
  uint16_t tcp_port = 0;
  std::promise<void> all_submitted;
  std::thread thread;
};

void SipServer::State::Run(const SipOptions& options, std::promise<absl::Status> started) {
  absl::StatusOr<std::unique_ptr<SipAgent>> sip = SipAgent::Create(
      options, parts.clock,
      [this](nta_incoming_t* irq, const sip_t& message) { return dialogs.OnOutside(irq, message); });
  if (!sip.ok()) {
    started.set_value(sip.status());
    return;
  }
  udp_port = (*sip)->udp_port();
  tcp_port = (*sip)->tcp_port();
  dialogs.SetAgent(sip->get());
  agent = sip->get();
  dialogs.Rebuild();
  started.set_value(absl::OkStatus());
  Loop(**sip);
  agent = nullptr;
}

void SipServer::State::Loop(SipAgent& sip) {
  while (stopping_with == 0) {
    sip.Step(kStepMsMax);
    gate.RunDone();
    dialogs.Tick();
  }
  if (stopping_with == kLeaving) return;
  dialogs.EndAll(static_cast<v1::CallEnded::Reason>(stopping_with.load()));
  all_submitted.set_value();
  for (int step = 0; step < kStepsAfterTheEnd || !ended; ++step) {
    sip.Step(kStepMsMax / kStepsAfterTheEnd);
    gate.RunDone();
  }
}

SipServer::SipServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<SipServer>> SipServer::Start(const SipOptions& options,
                                                            const SessionParts& parts,
                                                            SessionJournal& journal) {
  auto server = absl::WrapUnique(new SipServer(std::make_unique<State>(parts, journal)));
  State& state = *server->state_;
  std::promise<absl::Status> started;
  std::future<absl::Status> outcome = started.get_future();
  state.thread = std::thread(
      [&state, options, promise = std::move(started)]() mutable { state.Run(options, std::move(promise)); });
  if (absl::Status status = outcome.get(); !status.ok()) {
    state.thread.join();
    return status;
  }
  return server;
}

uint16_t SipServer::udp_port() const { return state_->udp_port; }
uint16_t SipServer::tcp_port() const { return state_->tcp_port; }
uint32_t SipServer::sessions() const { return state_->running; }
void SipServer::Drain() { state_->draining = true; }

void SipServer::Stop(v1::CallEnded::Reason reason) {
  State& state = *state_;
  if (!state.thread.joinable()) return;
  state.draining = true;
  std::future<void> submitted = state.all_submitted.get_future();
  state.stopping_with = reason;
  state.Wake();
  submitted.wait();
  state.gate.Flush();
  state.ended = true;
  state.thread.join();
  state.journal.Commit().IgnoreError();  // Else the next start finds them ended in the spool.
}

absl::Status SipServer::Leave() {
  State& state = *state_;
  if (!state.thread.joinable()) return absl::OkStatus();
  state.stopping_with = kLeaving;
  state.Wake();
  state.thread.join();
  state.gate.Flush();
  return state.journal.Commit();
}

SipServer::~SipServer() { Stop(v1::CallEnded::NODE_STOPPED); }

}  // namespace turret::node
