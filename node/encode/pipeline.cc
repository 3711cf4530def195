#include "node/encode/pipeline.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "node/encode/worker.h"

namespace turret::node {
namespace {

constexpr int kWorkersMax = 64;

// Puts together what a snapshot holds of each call.
class ResumedCalls final : public RecordVisitor {
 public:
  void OnDatagram(uint64_t, const Datagram&) override {}
  void OnFact(uint64_t, v1::Fact) override {}
  void OnUnitKey(uint64_t, UnitKeyRecord unit) override {
    calls[unit.call.ToProto()].units.push_back(std::move(unit));
  }
  void OnCallState(v1::CallState state) override {
    const std::string call_id = state.call_id();
    calls[call_id].state = std::move(state);
  }
  void OnStreamState(v1::StreamState state) override {
    calls[state.call_id()].streams.push_back(std::move(state));
  }
  std::map<std::string, ResumedCall> calls;
};

// Sorts a block's records by the worker that owns their call.
class Router final : public RecordVisitor {
 public:
  explicit Router(size_t workers) : workers_(workers) {}

  std::vector<Batch> Split(const std::shared_ptr<const Block>& block, absl::Status& status) {
    now_utc_ns_ = 0;
    batches_.clear();
    batches_.resize(workers_);
    for (Batch& batch : batches_) batch.packets.reserve(packets_before_);
    status = block->Visit(*this);
    packets_before_ = 0;
    for (Batch& batch : batches_) {
      packets_before_ = std::max(packets_before_, batch.packets.size());
      batch.block = block;
      batch.position = block->position();
      batch.now_utc_ns = now_utc_ns_;
      batch.newest_utc_ns = newest_utc_ns_;
    }
    return std::move(batches_);
  }

  /// What each worker takes up of `snapshot`.
  std::vector<Batch> Resume(const Snapshot& snapshot, absl::Status& status) {
    ResumedCalls resumed;
    for (const Buffer& part : snapshot.parts)
      if (absl::Status whole = Block(0, part).Visit(resumed); !whole.ok()) status = std::move(whole);
    std::vector<Batch> batches(workers_);
    for (auto& [call_id, call] : resumed.calls) {
      const size_t worker = WorkerOf(call_id);
      for (const v1::StreamState& stream : call.streams) {
        v1::Fact opened;
        opened.set_call_id(call_id);
        *opened.mutable_stream_opened() = stream.opened();
        if (workers_ > 1) Learn(opened, worker);
      }
      batches[worker].resumed.push_back(std::move(call));
    }
    return batches;
  }

 private:
  void OnDatagram(uint64_t position, const Datagram& datagram) override {
    Passed(datagram.arrival_utc_ns);
    size_t worker = 0;
    if (workers_ > 1) {
      const auto at = streams_.find(datagram.stream);
      if (at != streams_.end()) worker = at->second;
    }
    batches_[worker].packets.push_back({position, newest_utc_ns_, datagram});
  }
  void OnUnitKey(uint64_t position, UnitKeyRecord unit) override {
    const size_t worker = WorkerOf(unit.call.ToProto());
    Add(worker, position, std::move(unit));
  }
  void OnFact(uint64_t position, v1::Fact fact) override {
    Passed(fact.utc_ns());
    const size_t worker = WorkerOf(fact.call_id());
    if (workers_ > 1) Learn(fact, worker);
    Add(worker, position, std::move(fact));
  }
  void OnRunStarted(uint64_t position) override {
    for (size_t worker = 0; worker < workers_; ++worker) Add(worker, position, RunStarted{});
  }

  void Passed(int64_t utc_ns) {
    now_utc_ns_ = std::max(now_utc_ns_, utc_ns);
    newest_utc_ns_ = std::max(newest_utc_ns_, utc_ns);
  }
  void Add(size_t worker, uint64_t position, decltype(Batch::Record::what) what) {
    Batch& batch = batches_[worker];
    batch.records.push_back({position, newest_utc_ns_, batch.packets.size(), std::move(what)});
  }
  size_t WorkerOf(const std::string& call_id) const { return absl::Hash<std::string>()(call_id) % workers_; }
  void Learn(const v1::Fact& fact, size_t worker) {
    if (fact.has_stream_opened()) {
      const auto stream = StreamId::FromProto(fact.stream_opened().stream_id());
      if (!stream.ok()) return;
      streams_.insert_or_assign(*stream, worker);
      streams_of_[fact.call_id()].push_back(*stream);
    } else if (fact.has_call_ended()) {
      for (const StreamId& stream : streams_of_[fact.call_id()]) streams_.erase(stream);
      streams_of_.erase(fact.call_id());
    }
  }

  const size_t workers_;
  std::vector<Batch> batches_;
  size_t packets_before_ = 0;  // Of a worker, in the last block: the next one is much like it.
  int64_t now_utc_ns_ = 0;
  int64_t newest_utc_ns_ = 0;
  absl::flat_hash_map<StreamId, size_t> streams_;
  absl::flat_hash_map<std::string, std::vector<StreamId>> streams_of_;  // By call.
};

}  // namespace

struct Pipeline::State final : public SnapshotSource {
  State(const PipelineOptions& options, Spool& from, IntakeKeys& with_keys, ItemSink& sink,
        NodeMetrics& with_metrics, Clock& with_clock, Random& random)
      : spool(from),
        keys(with_keys),
        metrics(with_metrics),
        clock(with_clock),
        idle(options.idle),
        common{.sink = sink,
               .metrics = metrics,
               .keys = keys,
               .random = random,
               .reorder_window_ns = absl::ToInt64Nanoseconds(options.reorder_window)},
        router(static_cast<size_t>(options.workers)),
        resumed_from(from.snapshot()),
        position(from.Oldest()) {
    if (resumed_from != nullptr) common.acknowledged = resumed_from->acknowledged;
    for (int i = 0; i < options.workers; ++i) workers.push_back(std::make_unique<Worker>(common));
  }
  ~State() override { spool.SetSnapshotSource(nullptr); }

  bool WaitForStop(absl::Duration timeout) {
    absl::MutexLock lock(&mutex);
    return mutex.AwaitWithTimeout(absl::Condition(&stopping), timeout);
  }
  void Dispatch();
  void Resume();
  bool ReadOne();
  void TellTime(uint64_t read_position);
  uint64_t OldestNeeded(uint64_t acknowledged) override;
  Snapshot Take(uint64_t acknowledged) override;

  Spool& spool;
  IntakeKeys& keys;
  NodeMetrics& metrics;
  Clock& clock;
  const absl::Duration idle;
  WorkerCommon common;
  Router router;
  std::shared_ptr<const Snapshot> resumed_from;  // Null pointer: the spool holds all from its beginning.
  std::vector<std::unique_ptr<Worker>> workers;

  mutable absl::Mutex mutex;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  uint64_t position ABSL_GUARDED_BY(mutex);  // Of the next block to read.
  std::thread dispatcher;
};

// Nothing can be sealed to an archive that is not known yet: the spool keeps it all until then.
void Pipeline::State::Dispatch() {
  bool ready = !keys.ledger().IsZero();
  while (!ready && !WaitForStop(idle)) ready = !keys.ledger().IsZero();
  if (ready) Resume();
  while (ready && ReadOne()) {
  }
  for (const std::unique_ptr<Worker>& worker : workers) worker->Finish();
}

// What was remembered is known as such before another snapshot can be taken.
void Pipeline::State::Resume() {
  absl::Status whole;
  std::vector<Batch> batches(workers.size());
  if (resumed_from != nullptr) batches = router.Resume(*resumed_from, whole);
  if (!whole.ok()) metrics.BrokenInvariant("a snapshot is a row of whole records");
  for (size_t i = 0; i < workers.size(); ++i) {
    for (const ResumedCall& call : batches[i].resumed) workers[i]->points().AddResumed(call);
    workers[i]->Give(std::move(batches[i]));
  }
  resumed_from.reset();
  spool.SetSnapshotSource(this);
}

uint64_t Pipeline::State::OldestNeeded(uint64_t acknowledged) {
  uint64_t oldest = acknowledged;
  for (const std::unique_ptr<Worker>& worker : workers)
    oldest = std::min(oldest, worker->points().OldestNeeded(acknowledged));
  return oldest;
}

Snapshot Pipeline::State::Take(uint64_t acknowledged) {
  Snapshot snapshot;
  snapshot.acknowledged = acknowledged;
  snapshot.oldest_needed = OldestNeeded(acknowledged);
  SnapshotWriter writer(snapshot);
  for (const std::unique_ptr<Worker>& worker : workers) worker->points().Write(acknowledged, writer);
  return snapshot;
}

// Time passes for what was read; not while a disk that fails holds back what came meanwhile: that would end
// in silences that there were none of, and no later process would find them again.
void Pipeline::State::TellTime(uint64_t read_position) {
  const int64_t now_utc_ns = absl::ToUnixNanos(clock.Utc());
  if (spool.Stats().position_end != read_position) return;
  for (const std::unique_ptr<Worker>& worker : workers) worker->Give({.now_utc_ns = now_utc_ns});
}

bool Pipeline::State::ReadOne() {
  const bool last = WaitForStop(absl::ZeroDuration());
  uint64_t from;
  {
    absl::MutexLock lock(&mutex);
    from = position;
  }
  absl::StatusOr<std::shared_ptr<const Block>> block = spool.Read(from, last ? absl::ZeroDuration() : idle);
  if (!block.ok()) {
    metrics.BrokenInvariant("a committed block can be read back");
    if (absl::IsDataLoss(block.status())) return true;  // Told once for each block: what follows can be read.
    return !WaitForStop(idle);
  }
  if (*block == nullptr) {
    if (last) return false;
    TellTime(from);
    return true;
  }
  absl::Status whole;
  std::vector<Batch> batches = router.Split(*block, whole);
  if (!whole.ok()) metrics.BrokenInvariant("a block is a row of whole records");
  for (size_t i = 0; i < workers.size(); ++i) workers[i]->Give(std::move(batches[i]));
  absl::MutexLock lock(&mutex);
  position = (*block)->end_position();
  return true;
}

Pipeline::Pipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Pipeline>> Pipeline::Create(const PipelineOptions& options, Spool& spool,
                                                           IntakeKeys& keys, ItemSink& sink,
                                                           NodeMetrics& metrics, Clock& clock,
                                                           Random& random) {
  if (options.workers < 1 || options.workers > kWorkersMax)
    return absl::InvalidArgumentError("pipeline: workers must be 1 to 64");
  auto state = std::make_unique<State>(options, spool, keys, sink, metrics, clock, random);
  return std::unique_ptr<Pipeline>(new Pipeline(std::move(state)));
}

void Pipeline::Start() {
  state_->dispatcher = std::thread([this] { state_->Dispatch(); });
}

bool Pipeline::Stop(absl::Duration timeout) {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
  }
  if (!state_->dispatcher.joinable()) return true;
  const absl::Duration deadline = state_->clock.Elapsed() + timeout;
  bool finished = true;
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    finished =
        worker->WaitFinished(std::max(absl::ZeroDuration(), deadline - state_->clock.Elapsed())) && finished;
  return finished;
}

uint64_t Pipeline::OldestNeeded() const {
  // The position first: it moves on only after the workers have the block.
  uint64_t oldest;
  {
    absl::MutexLock lock(&state_->mutex);
    oldest = state_->position;
  }
  for (const std::unique_ptr<Worker>& worker : state_->workers)
    oldest = std::min(oldest, worker->OldestNeeded());
  return oldest;
}

v1::PacketCounts Pipeline::Counts() const {
  Tally total;
  for (const std::unique_ptr<Worker>& worker : state_->workers) total.Add(worker->Total());
  return total.ToProto();
}

Pipeline::~Pipeline() {
  Stop(absl::ZeroDuration());
  if (state_->dispatcher.joinable()) state_->dispatcher.join();
}

}  // namespace turret::node
