#include "node/encode/worker.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/base/kill_point.h"

namespace turret::node {
namespace {

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
constexpr size_t kQueueMax = 8;  // Batches; each keeps its block in memory.

}  // namespace

Worker::Worker(WorkerCommon& common)
    : common_(common),
      parts_{.items = *this,
             .tally = tally_,
             .metrics = common.metrics,
             .keys = common.keys,
             .random = common.random,
             .reorder_window_ns = common.reorder_window_ns,
             .points = &points_,
             .newest_utc_ns = &newest_utc_ns_},
      processing_position_(kNone),
      streams_oldest_(kNone),
      thread_([this] { Run(); }) {}

Worker::~Worker() {
  Finish();
  thread_.join();
}

void Worker::Give(Batch batch) {
  const auto room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return queue_.size() < kQueueMax; };
  absl::MutexLock lock(&mutex_, absl::Condition(&room));
  queue_.push_back(std::move(batch));
}

void Worker::Finish() {
  absl::MutexLock lock(&mutex_);
  finishing_ = true;
}

bool Worker::WaitFinished(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&finished_), timeout);
}

uint64_t Worker::OldestNeeded() const {
  absl::MutexLock lock(&mutex_);
  uint64_t oldest = std::min(processing_position_, streams_oldest_);
  for (const Batch& batch : queue_) oldest = std::min(oldest, batch.block ? batch.position : kNone);
  return oldest;
}

Tally Worker::Total() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

void Worker::Run() {
  while (std::optional<Batch> batch = Take()) {
    Process(*batch);
    Settle(*batch);
  }
}

std::optional<Batch> Worker::Take() {
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty() || finishing_; };
  absl::MutexLock lock(&mutex_, absl::Condition(&ready));
  if (queue_.empty()) {
    finished_ = true;
    return std::nullopt;
  }
  Batch batch = std::move(queue_.front());
  queue_.pop_front();
  if (batch.block) processing_position_ = std::min(processing_position_, batch.position);
  return batch;
}

void Worker::Process(Batch& batch) {
  for (ResumedCall& resumed : batch.resumed) Resume(std::move(resumed));
  const std::span<const Batch::Packet> packets(batch.packets);
  size_t done = 0;
  for (Batch::Record& record : batch.records) {
    OnPackets(packets.subspan(done, record.packets_before - done));
    done = record.packets_before;
    if (sink_stopped_) return;
    newest_utc_ns_ = record.newest_utc_ns;
    OnRecord(record);
  }
  OnPackets(packets.subspan(done));
  if (sink_stopped_) return;
  if (batch.block) read_position_ = batch.block->end_position();
  newest_utc_ns_ = std::max(newest_utc_ns_, batch.newest_utc_ns);
  for (auto& [id, call] : calls_)
    if (!sink_stopped_) call.OnTime(batch.now_utc_ns, read_position_);
}

// Stream by stream, each in its order: what a recorder needs is fetched into the cache once for all of its
// packets. What one stream makes of them does not depend on the others.
void Worker::OnPackets(std::span<const Batch::Packet> packets) {
  next_of_.assign(packets.size(), kNoPacket);
  row_.clear();
  for (uint32_t i = 0; i < packets.size(); ++i) {
    const auto found = streams_.find(packets[i].datagram.stream);
    if (found == streams_.end()) {
      if (packets[i].position < common_.acknowledged) continue;  // Of a call that is done with.
      ++tally_.received;
      tally_.Drop(Discard::kNoStream);
      continue;
    }
    StreamEntry& stream = found->second;
    if (stream.first == kNoPacket) {
      stream.first = i;
      row_.push_back(&stream);
    } else {
      next_of_[stream.last] = i;
    }
    stream.last = i;
  }
  for (StreamEntry* const stream : row_) {
    for (uint32_t i = std::exchange(stream->first, kNoPacket); i != kNoPacket && !sink_stopped_;
         i = next_of_[i]) {
      newest_utc_ns_ = packets[i].newest_utc_ns;
      stream->recorder->OnDatagram(packets[i].position, packets[i].datagram);
    }
  }
}

void Worker::OnRecord(Batch::Record& record) {
  if (auto* unit = std::get_if<UnitKeyRecord>(&record.what)) {
    if (CallRecorder* const call = CallOf(record.position, unit->call))
      call->OnUnitKey(record.position, std::move(*unit));
  } else if (std::holds_alternative<RunStarted>(record.what)) {
    for (auto& [id, call] : calls_) call.OnRunStarted(record.position, newest_utc_ns_);
  } else {
    OnFact(record.position, std::get<v1::Fact>(std::move(record.what)));
  }
}

void Worker::OnFact(uint64_t position, v1::Fact fact) {
  const absl::StatusOr<CallId> call_id = CallId::FromProto(fact.call_id());
  if (!call_id.ok()) {
    if (position >= common_.acknowledged) Emit(std::move(fact), position, fact.utc_ns());
    return;
  }
  CallRecorder* const found = CallOf(position, *call_id);
  if (found == nullptr) return;
  CallRecorder& call = *found;
  const std::string stream_id = fact.stream_opened().stream_id();
  if (StreamRecorder* const stream = call.OnFact(position, std::move(fact)))
    streams_.insert_or_assign(*StreamId::FromProto(stream_id), StreamEntry{*call_id, stream});
  if (!call.ended()) return;
  absl::erase_if(streams_, [&](const auto& entry) { return entry.second.call == *call_id; });
  calls_.erase(*call_id);
}

// Null pointer: the call was done with before this process began.
CallRecorder* Worker::CallOf(uint64_t position, const CallId& call) {
  const auto known = calls_.find(call);
  if (known != calls_.end()) return &known->second;
  if (position < common_.acknowledged) return nullptr;
  return &calls_.try_emplace(call, call, parts_).first->second;
}

void Worker::Resume(ResumedCall resumed) {
  const absl::StatusOr<CallId> id = CallId::FromProto(resumed.state.call_id());
  if (!id.ok()) return common_.metrics.BrokenInvariant("a remembered call has an id");
  CallRecorder& call = calls_.try_emplace(*id, *id, parts_).first->second;
  call.Resume(std::move(resumed));
  for (const auto& [stream_id, stream] : call.streams())
    streams_.insert_or_assign(stream_id, StreamEntry{*id, stream.get()});
}

void Worker::Emit(decltype(Item::what) what, uint64_t position, int64_t made_utc_ns) {
  if (sink_stopped_) return;
  if (std::holds_alternative<SealedSegment>(what)) KillPoint("sealed");
  sink_stopped_ =
      !common_.sink.Push({.what = std::move(what), .spool_position = position, .made_utc_ns = made_utc_ns});
}

// What the batch changed becomes visible. Once the sink is stopped nothing moves on any more: what was not
// handed over stays needed.
void Worker::Settle(const Batch& batch) {
  CountBatch();
  uint64_t oldest = kNone;
  int64_t absent = 0;
  for (const auto& [id, call] : calls_) {
    oldest = std::min(oldest, call.OldestNeeded());
    absent += call.AbsentStreams(batch.now_utc_ns);
  }
  if (absent != absent_told_) {
    const int64_t all = common_.absent_streams.fetch_add(absent - absent_told_) + absent - absent_told_;
    common_.metrics.GapsOpen(all);
    absent_told_ = absent;
  }
  if (!sink_stopped_) points_.Read(read_position_);
  absl::MutexLock lock(&mutex_);
  total_ = tally_;
  if (sink_stopped_) return;
  processing_position_ = kNone;
  streams_oldest_ = oldest;
}

// Received is counted where it is received, before the spool.
void Worker::CountBatch() {
  Tally more = tally_;
  more.Subtract(tally_told_);
  tally_told_ = tally_;
  if (more.recorded > 0) common_.metrics.RtpRecorded(more.recorded);
  if (more.duplicate > 0) common_.metrics.RtpDuplicate(more.duplicate);
  if (more.late > 0) common_.metrics.RtpLate(more.late);
  if (more.lost > 0) common_.metrics.RtpLost(more.lost);
  for (int i = 0; i < kDiscardCount; ++i)
    if (const uint64_t count = more.dropped[static_cast<size_t>(i)]; count > 0)
      common_.metrics.RtpDropped(DiscardName(static_cast<Discard>(i)), count);
}

}  // namespace turret::node
