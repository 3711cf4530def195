#include "node/session/session_journal.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/memory/memory.h"
#include "absl/synchronization/mutex.h"
#include "node/receive/media_ports.h"
#include "node/session/journal_file.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr uint64_t kFileBytesMin = uint64_t{1} << 20;  // Smaller ones are not worth a new one.
constexpr uint64_t kFileGrowthMax = 4;                 // Times what stands in the snapshot.

std::vector<uint16_t> PortsOf(const v1::JournaledSession& session) {
  std::vector<uint16_t> ports;
  for (const v1::JournaledStream& stream : session.streams())
    ports.push_back(static_cast<uint16_t>(stream.port()));
  for (const v1::JournaledSession::HeldPort& held : session.held())
    ports.push_back(static_cast<uint16_t>(held.port()));
  std::erase(ports, 0);
  return ports;
}

}  // namespace

struct SessionJournal::State {
  State(Environment& in, std::string in_directory, SecretKey with, Random& from)
      : environment(in), directory(std::move(in_directory)), key(std::move(with)), random(from) {}

  absl::Status AppendTo(JournalWriter& writer, const std::vector<v1::JournalEntry>& entries);
  absl::Status Rewrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex);
  void RemoveOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex);
  void ForgetRested() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  Environment& environment;
  const std::string directory;
  const SecretKey key;
  Random& random;
  uint64_t unopened = 0;
  std::atomic<uint64_t> commits_failed = 0;

  absl::Mutex commit_mutex;                                         // Taken before `mutex`.
  std::optional<JournalWriter> file ABSL_GUARDED_BY(commit_mutex);  // None: the next commit writes all.
  uint64_t generation ABSL_GUARDED_BY(commit_mutex) = 0;
  uint64_t snapshot_bytes ABSL_GUARDED_BY(commit_mutex) = 0;
  std::vector<std::string> old_files ABSL_GUARDED_BY(commit_mutex);

  mutable absl::Mutex mutex;
  std::map<std::string, v1::JournaledDialog> live ABSL_GUARDED_BY(mutex);
  std::optional<uint64_t> settled ABSL_GUARDED_BY(mutex);
  std::map<uint16_t, int64_t> freed ABSL_GUARDED_BY(mutex);
  std::vector<v1::JournalEntry> pending ABSL_GUARDED_BY(mutex);
};

absl::Status SessionJournal::State::AppendTo(JournalWriter& writer,
                                             const std::vector<v1::JournalEntry>& entries) {
  for (const v1::JournalEntry& entry : entries) TURRET_RETURN_IF_ERROR(writer.Append(entry));
  return writer.Sync();
}

// A generation that was begun is never gone back from: it may be whole on the disk whatever an error said.
absl::Status SessionJournal::State::Rewrite() {
  std::vector<v1::JournalEntry> entries;
  {
    absl::MutexLock lock(&mutex);
    for (const auto& [call, dialog] : live) *entries.emplace_back().mutable_dialog() = dialog;
    entries.emplace_back().set_snapshot(live.size());
    if (settled) entries.emplace_back().set_settled(*settled);
    ForgetRested();
    for (const auto& [port, utc_ns] : freed) {
      entries.emplace_back().mutable_freed()->add_ports(port);
      entries.back().mutable_freed()->set_utc_ns(utc_ns);
    }
    pending.clear();
  }
  file.reset();
  ++generation;
  absl::StatusOr<JournalWriter> next = JournalWriter::Create(environment, directory, generation, key, random);
  const absl::Status written = next.ok() ? AppendTo(*next, entries) : next.status();
  if (written.ok()) {
    file.emplace(*std::move(next));
    snapshot_bytes = file->size_bytes();
    RemoveOld();
  } else {
    ++commits_failed;
  }
  old_files.push_back(JournalPath(directory, generation));
  return written;
}

void SessionJournal::State::ForgetRested() {
  int64_t newest = 0;
  for (const auto& [port, utc_ns] : freed) newest = std::max(newest, utc_ns);
  std::erase_if(freed,
                [&](const auto& one) { return one.second < newest - absl::ToInt64Nanoseconds(kPortRest); });
}

// One that cannot be removed is not read as long as a newer one stands; the next start tries again.
void SessionJournal::State::RemoveOld() {
  for (const std::string& path : old_files) environment.Remove(path).IgnoreError();
  old_files.clear();
}

SessionJournal::SessionJournal(std::unique_ptr<State> state) : state_(std::move(state)) {}
SessionJournal::~SessionJournal() = default;

absl::StatusOr<std::unique_ptr<SessionJournal>> SessionJournal::Open(Environment& environment,
                                                                     const std::string& directory,
                                                                     SecretKey key, Random& random) {
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(directory));
  auto journal = absl::WrapUnique(
      new SessionJournal(std::make_unique<State>(environment, directory, std::move(key), random)));
  State& state = *journal->state_;
  TURRET_ASSIGN_OR_RETURN(FoundJournal found, ReadJournal(environment, directory, state.key));
  absl::MutexLock committing(&state.commit_mutex);
  state.unopened = found.unopened;
  state.generation = found.generation_last;
  state.old_files = std::move(found.files);
  {
    absl::MutexLock lock(&state.mutex);
    state.live = std::move(found.dialogs);
    state.settled = found.settled;
    state.freed = std::move(found.freed);
  }
  TURRET_RETURN_IF_ERROR(state.Rewrite());
  return journal;
}

std::vector<v1::JournaledDialog> SessionJournal::Dialogs() const {
  absl::MutexLock lock(&state_->mutex);
  std::vector<v1::JournaledDialog> out;
  for (const auto& [call, dialog] : state_->live) out.push_back(dialog);
  return out;
}

void SessionJournal::Put(v1::JournaledDialog dialog) {
  absl::MutexLock lock(&state_->mutex);
  *state_->pending.emplace_back().mutable_dialog() = dialog;
  const std::string call = dialog.call_id();
  state_->live[call] = std::move(dialog);
}

void SessionJournal::Forget(const CallId& call) {
  absl::MutexLock lock(&state_->mutex);
  if (state_->live.erase(call.ToProto()) == 0) return;
  state_->pending.emplace_back().set_forgotten(call.ToProto());
}

void SessionJournal::Settle(uint64_t position) {
  absl::MutexLock lock(&state_->mutex);
  if (state_->settled == position) return;
  state_->settled = position;
  state_->pending.emplace_back().set_settled(position);
}

std::optional<uint64_t> SessionJournal::settled() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->settled;
}

void SessionJournal::Forget(const CallId& call, int64_t freed_utc_ns) {
  {
    absl::MutexLock lock(&state_->mutex);
    const auto found = state_->live.find(call.ToProto());
    const std::vector<uint16_t> ports =
        found == state_->live.end() ? std::vector<uint16_t>() : PortsOf(found->second.session());
    if (!ports.empty()) {
      v1::FreedPorts& freed = *state_->pending.emplace_back().mutable_freed();
      freed.set_utc_ns(freed_utc_ns);
      for (const uint16_t port : ports) {
        freed.add_ports(port);
        state_->freed[port] = freed_utc_ns;
      }
    }
  }
  Forget(call);
}

std::map<uint16_t, int64_t> SessionJournal::Freed(int64_t now_utc_ns) const {
  absl::MutexLock lock(&state_->mutex);
  std::map<uint16_t, int64_t> freed = state_->freed;
  for (const auto& [call, dialog] : state_->live)
    if (dialog.over())
      for (const uint16_t port : PortsOf(dialog.session())) freed[port] = now_utc_ns;
  return freed;
}

bool SessionJournal::dirty() const {
  absl::MutexLock lock(&state_->mutex);
  return !state_->pending.empty();
}

absl::Status SessionJournal::Commit() {
  State& state = *state_;
  absl::MutexLock committing(&state.commit_mutex);
  if (!state.file) return state.Rewrite();
  std::vector<v1::JournalEntry> changes;
  {
    absl::MutexLock lock(&state.mutex);
    changes.swap(state.pending);
  }
  if (changes.empty()) return absl::OkStatus();
  if (!state.AppendTo(*state.file, changes).ok()) {
    ++state.commits_failed;
    return state.Rewrite();
  }
  const uint64_t limit = std::max(kFileBytesMin, kFileGrowthMax * state.snapshot_bytes);
  if (state.file->size_bytes() > limit) state.Rewrite().IgnoreError();  // The next commit tries again.
  return absl::OkStatus();
}

uint64_t SessionJournal::files_unopened() const { return state_->unopened; }

uint64_t SessionJournal::commits_failed() const { return state_->commits_failed; }

uint64_t SessionJournal::size_bytes() const {
  absl::MutexLock lock(&state_->commit_mutex);
  return state_->file ? state_->file->size_bytes() : 0;
}

}  // namespace turret::node
