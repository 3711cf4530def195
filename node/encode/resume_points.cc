#include "node/encode/resume_points.h"

#include <algorithm>

namespace turret::node {
namespace {

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
constexpr size_t kPositionBytesMax = 16;  // A field of its own, behind the state.

template <class State>
Buffer ToState(const State& state) {
  Buffer bytes(state.ByteSizeLong());
  state.SerializeWithCachedSizesToArray(bytes.data());
  return bytes;
}

// The last field of a name counts: so a message is followed by another one that holds its position only.
template <class State>
Buffer PositionField(uint64_t position) {
  State state;
  state.set_position(position);
  return ToState(state);
}

}  // namespace

Buffer& SnapshotWriter::Room(size_t bytes) {
  if (snapshot_.parts.empty() || snapshot_.parts.back().size() + bytes > kSnapshotPartBytesMax) {
    snapshot_.parts.emplace_back();
    snapshot_.parts.back().reserve(std::max(bytes, kSnapshotPartBytesMax));  // No copies left by growing.
  }
  return snapshot_.parts.back();
}

void SnapshotWriter::Add(const UnitKeyRecord& unit) { AppendUnitKeyRecord(Room(1024), unit); }

void SnapshotWriter::AddCall(Bytes state, uint64_t position) {
  AppendCallStateRecord(Room(state.size() + kPositionBytesMax), state,
                        PositionField<v1::CallState>(position));
}

void SnapshotWriter::AddStream(Bytes state, uint64_t position) {
  AppendStreamStateRecord(Room(state.size() + kPositionBytesMax), state,
                          PositionField<v1::StreamState>(position));
}

ResumePointList::~ResumePointList() {
  for (Point& point : points_) Wipe(point.state);
}

void ResumePointList::Add(uint64_t position, Buffer state) {
  Changes(position);
  points_.push_back({position, kNone, std::move(state)});
  if (points_.size() > kPointsMax) Thin();
}

void ResumePointList::Changes(uint64_t position) {
  if (!points_.empty()) points_.back().holds_to = std::min(points_.back().holds_to, position);
}

// Drops the one that is missed least: whose neighbours are nearest to each other. The first may be the one
// that counts.
void ResumePointList::Thin() {
  size_t least = 1;
  for (size_t i = 1; i + 1 < points_.size(); ++i)
    if (points_[i + 1].position - points_[i - 1].position <
        points_[least + 1].position - points_[least - 1].position)
      least = i;
  Wipe(points_[least].state);
  points_.erase(points_.begin() + static_cast<std::ptrdiff_t>(least));
}

const ResumePointList::Point* ResumePointList::At(uint64_t acknowledged) const {
  const auto behind =
      std::ranges::find_if(points_, [&](const Point& point) { return point.position > acknowledged; });
  return behind == points_.begin() ? nullptr : &*std::prev(behind);
}

void ResumePointList::Prune(uint64_t acknowledged) {
  const Point* const counts = At(acknowledged);
  if (counts == nullptr) return;
  const auto end = points_.begin() + (counts - points_.data());
  for (auto it = points_.begin(); it != end; ++it) Wipe(it->state);
  points_.erase(points_.begin(), end);
}

const Buffer* ResumePointList::StateAt(uint64_t acknowledged) const {
  const Point* const counts = At(acknowledged);
  return counts == nullptr ? nullptr : &counts->state;
}

uint64_t ResumePointList::PositionAt(uint64_t acknowledged, uint64_t read) const {
  const Point* const counts = At(acknowledged);
  if (counts == nullptr) return kNone;
  return std::max(counts->position, std::min({counts->holds_to, acknowledged, read}));
}

ResumePoints::Call& ResumePoints::At(const CallId& call, uint64_t position) {
  const auto [it, is_new] = calls_.try_emplace(call);
  if (is_new) it->second.first_position = position;
  return it->second;
}

void ResumePoints::AddUnit(uint64_t position, const UnitKeyRecord& unit) {
  absl::MutexLock lock(&mutex_);
  AddUnitTo(At(unit.call, position), unit);
}

void ResumePoints::AddUnitTo(Call& call, const UnitKeyRecord& unit) {
  call.units.push_back({.unit = unit.unit,
                        .call = unit.call,
                        .storage_class = unit.storage_class,
                        .day = unit.day,
                        .key = unit.key.Clone()});
}

void ResumePoints::CallChanged(const CallId& call, uint64_t position, const v1::CallState& state) {
  absl::MutexLock lock(&mutex_);
  ResumePointList& states = At(call, position).states;
  states.Changes(position);
  states.Add(position + 1, ToState(state));
}

void ResumePoints::StreamChanges(const CallId& call, const StreamId& stream, uint64_t position) {
  absl::MutexLock lock(&mutex_);
  At(call, position).streams[stream].Changes(position);
}

void ResumePoints::Remember(const CallId& call, const StreamId& stream, uint64_t position,
                            const v1::StreamState& state) {
  absl::MutexLock lock(&mutex_);
  At(call, position).streams[stream].Add(position, ToState(state));
}

void ResumePoints::CallEnded(const CallId& call, uint64_t position) {
  absl::MutexLock lock(&mutex_);
  Call& ended = At(call, position);
  ended.ended_position = position;
  ended.states.Changes(position);
  for (auto& [id, states] : ended.streams) states.Changes(position);
}

void ResumePoints::AddResumed(const ResumedCall& resumed) {
  const absl::StatusOr<CallId> id = CallId::FromProto(resumed.state.call_id());
  if (!id.ok()) return;
  absl::MutexLock lock(&mutex_);
  Call& call = At(*id, 0);
  call.states.Add(resumed.state.position(), ToState(resumed.state));
  for (const UnitKeyRecord& unit : resumed.units) AddUnitTo(call, unit);
  for (const v1::StreamState& stream : resumed.streams)
    if (const auto stream_id = StreamId::FromProto(stream.opened().stream_id()); stream_id.ok())
      call.streams[*stream_id].Add(stream.position(), ToState(stream));
}

void ResumePoints::Read(uint64_t position) {
  absl::MutexLock lock(&mutex_);
  read_ = std::max(read_, position);
}

void ResumePoints::Prune(uint64_t acknowledged) {
  std::erase_if(calls_, [&](const auto& entry) { return entry.second.ended_position < acknowledged; });
  for (auto& [id, call] : calls_) {
    call.states.Prune(acknowledged);
    for (auto& [stream, states] : call.streams) states.Prune(acknowledged);
  }
}

uint64_t ResumePoints::OldestNeeded(uint64_t acknowledged) {
  absl::MutexLock lock(&mutex_);
  Prune(acknowledged);
  uint64_t oldest = kNone;
  for (const auto& [id, call] : calls_) {
    if (call.first_position >= acknowledged) continue;  // It stands in the spool as a whole.
    if (call.states.StateAt(acknowledged) == nullptr) oldest = std::min(oldest, call.first_position);
    oldest = std::min(oldest, call.states.PositionAt(acknowledged, read_));
    for (const auto& [stream, states] : call.streams)
      oldest = std::min(oldest, states.PositionAt(acknowledged, read_));
  }
  return oldest;
}

void ResumePoints::Write(uint64_t acknowledged, SnapshotWriter& writer) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, call] : calls_) {
    const Buffer* const state = call.states.StateAt(acknowledged);
    if (call.first_position >= acknowledged || state == nullptr) continue;
    for (const UnitKeyRecord& unit : call.units) writer.Add(unit);
    writer.AddCall(*state, call.states.PositionAt(acknowledged, read_));
    for (const auto& [stream, states] : call.streams)
      if (const Buffer* const stream_state = states.StateAt(acknowledged))
        writer.AddStream(*stream_state, states.PositionAt(acknowledged, read_));
  }
}

}  // namespace turret::node
