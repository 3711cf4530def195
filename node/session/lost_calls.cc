#include "node/session/lost_calls.h"

#include <algorithm>
#include <map>
#include <set>

#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

class OpenCalls final : public RecordVisitor {
 public:
  void OnDatagram(uint64_t, const Datagram& datagram) override {
    if (const auto call = call_of_.find(datagram.stream); call != call_of_.end())
      Seen(call->second, datagram.arrival_utc_ns);
  }
  void OnUnitKey(uint64_t, UnitKeyRecord) override {}
  void OnFact(uint64_t, v1::Fact fact) override {
    const std::string& call = fact.call_id();
    if (fact.has_call_started()) open_[call] = fact.call_started().answered_utc_ns();
    if (fact.has_call_ended()) {
      open_.erase(call);
      ended_.insert(call);
    }
    if (!fact.has_stream_opened()) return;
    if (const auto stream = StreamId::FromProto(fact.stream_opened().stream_id()); stream.ok())
      call_of_[*stream] = call;
  }
  // What began before the oldest record that is still there.
  void OnCallState(v1::CallState state) override { open_[state.call_id()] = state.begin_utc_ns(); }
  void OnStreamState(v1::StreamState state) override {
    if (const auto stream = StreamId::FromProto(state.opened().stream_id()); stream.ok())
      call_of_[*stream] = state.call_id();
    Seen(state.call_id(), state.last_arrival_ns());
  }
  const std::map<std::string, int64_t>& open() const { return open_; }
  bool HasEnd(const std::string& call) const { return ended_.contains(call); }

 private:
  void Seen(const std::string& call, int64_t utc_ns) {
    if (const auto found = open_.find(call); found != open_.end())
      found->second = std::max(found->second, utc_ns);
  }
  std::map<std::string, int64_t> open_;  // Call id → its last evidence.
  std::set<std::string> ended_;
  std::map<StreamId, std::string> call_of_;
};

}  // namespace

v1::Fact EndOfLostCall(const std::string& call_id, int64_t utc_ns, Random& random) {
  v1::Fact fact;
  fact.set_fact_id(FactId::Make(random).ToProto());
  fact.set_call_id(call_id);
  fact.set_utc_ns(utc_ns);
  fact.mutable_call_ended()->set_ended_utc_ns(utc_ns);
  fact.mutable_call_ended()->set_reason(v1::CallEnded::NODE_LOST);
  return fact;
}

absl::StatusOr<int> EndLostCalls(Spool& spool, SessionJournal& journal, Random& random) {
  OpenCalls calls;
  const std::optional<uint64_t> settled = journal.settled();
  const auto snapshot = spool.snapshot();
  if (!settled && snapshot != nullptr)
    for (const Buffer& part : snapshot->parts) TURRET_RETURN_IF_ERROR(Block(0, part).Visit(calls));
  const uint64_t end = spool.Stats().position_durable;
  for (uint64_t position = std::max(spool.Oldest(), settled.value_or(0)); position < end;) {
    const absl::StatusOr<std::shared_ptr<const Block>> block = spool.Read(position, absl::ZeroDuration());
    if (!block.ok()) {
      spdlog::error("spool: {}; going on behind it", block.status().ToString());
      continue;  // The next Read goes on behind what does not open.
    }
    if (*block == nullptr) break;
    TURRET_RETURN_IF_ERROR((*block)->Visit(calls));
    position = (*block)->end_position();
  }
  std::set<std::string> running;
  for (v1::JournaledDialog& dialog : journal.Dialogs()) {
    running.insert(dialog.call_id());
    if (!calls.HasEnd(dialog.call_id())) continue;
    dialog.set_over(true);
    journal.Put(std::move(dialog));
  }
  int lost = 0;
  for (const auto& [call_id, utc_ns] : calls.open()) {
    if (running.contains(call_id)) continue;
    TURRET_RETURN_IF_ERROR(spool.AppendFact(EndOfLostCall(call_id, utc_ns, random)).status());
    ++lost;
  }
  return lost;
}

}  // namespace turret::node
