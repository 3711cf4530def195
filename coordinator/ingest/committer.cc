#include "coordinator/ingest/committer.h"

#include "absl/synchronization/notification.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::coordinator {

namespace {

void Tell(const Archive::Done& done, const std::function<void(const absl::Status&)>& record_done,
          const absl::Status& status, const std::vector<ItemOutcome>& outcomes, const v1::TreeHead& head) {
  if (record_done) return record_done(status);
  done(status, outcomes, head);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Committer>> Committer::Start(ArchiveParts& parts, Options options,
                                                            std::function<void()> on_new_keys) {
  std::unique_ptr<Committer> committer(new Committer(parts, std::move(options), std::move(on_new_keys)));
  std::deque<Work> nothing;
  TURRET_RETURN_IF_ERROR(committer->Write(nothing));
  committer->thread_ = std::thread([self = committer.get()] { self->Run(); });
  return committer;
}

Committer::Committer(ArchiveParts& parts, Options options, std::function<void()> on_new_keys)
    : parts_(parts),
      commit_interval_(options.commit_interval),
      on_new_keys_(std::move(on_new_keys)),
      intake_keys_known_(std::move(options.intake_keys_known)) {}

Committer::~Committer() { Stop(); }

void Committer::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status Committer::Enqueue(Work work) {
  absl::MutexLock lock(&mutex_);
  if (!health_.ok()) return health_;
  if (stopping_) return absl::UnavailableError("the archive is being closed");
  queue_.push_back(std::move(work));
  return absl::OkStatus();
}

void Committer::Submit(NodeId node, std::vector<v1::ReplicateRequest> items, Archive::Done done) {
  size_t bytes = 0;
  for (const v1::ReplicateRequest& item : items) bytes += item.ByteSizeLong();
  Work work{.batch = {.node = node, .items = std::move(items), .outcomes = {}},
            .done = done,
            .bytes = bytes,
            .record = nullptr,
            .record_done = nullptr};
  if (const absl::Status status = Enqueue(std::move(work)); !status.ok()) done(status, {}, {});
}

absl::StatusOr<uint64_t> Committer::Record(v1::EntryKind kind, const std::string& book_class,
                                           const v1::EntryBody& body) {
  RecordRequest request{.kind = kind, .book_class = book_class, .body = &body};
  absl::Status result;
  absl::Notification finished;
  Work work{.batch = {},
            .done = nullptr,
            .bytes = body.ByteSizeLong(),
            .record = &request,
            .record_done = [&](const absl::Status& status) {
              result = status;
              finished.Notify();
            }};
  TURRET_RETURN_IF_ERROR(Enqueue(std::move(work)));
  finished.WaitForNotification();
  if (!result.ok()) return result;
  return request.ledger_index;
}

absl::Status Committer::Between(const std::function<absl::Status()>& inspect) {
  absl::MutexLock lock(&write_mutex_);
  return inspect();
}

void Committer::SetOrphanClass(const std::string& orphan_class) {
  absl::MutexLock lock(&mutex_);
  orphan_class_ = orphan_class;
}

std::vector<v1::IntakeKey> Committer::IntakeKeys() const {
  absl::MutexLock lock(&mutex_);
  return intake_keys_;
}

absl::Status Committer::health() const {
  absl::MutexLock lock(&mutex_);
  return health_;
}

// Waits for work, or for the idle tick; takes no more than a group may hold.
std::deque<Committer::Work> Committer::NextGroup() {
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); };
  const auto is_stopping = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_; };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&has_work), kIdleTick);
  // A busy archive gathers more into one group; an idle one writes at once.
  const absl::Duration rest = commit_interval_ - (parts_.clock.Elapsed() - last_begin_);
  if (!queue_.empty() && rest > absl::ZeroDuration())
    mutex_.AwaitWithTimeout(absl::Condition(&is_stopping), rest);
  std::deque<Work> group;
  for (size_t bytes = 0;
       !queue_.empty() && (group.empty() || bytes + queue_.front().bytes <= kGroupBytesMax);) {
    bytes += queue_.front().bytes;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

bool Committer::finished() const {
  absl::MutexLock lock(&mutex_);
  return stopping_ && queue_.empty();
}

// Makes the intake keys of the days around today; returns those that have no entry yet.
absl::StatusOr<std::vector<std::string>> Committer::RefreshIntakeKeys() {
  std::vector<std::string> fresh;
  const std::string today = parts_.Today();
  if (today == intake_day_) return fresh;
  std::vector<v1::IntakeKey> keys;
  for (int day = -kIntakeDaysBehind; day <= kIntakeDaysAhead; ++day) {
    TURRET_ASSIGN_OR_RETURN(v1::IntakeKey key,
                            parts_.keys->Intake(UtcDay(parts_.clock.Utc() + day * absl::Hours(24))));
    if (intake_keys_known_.insert(key.public_key()).second) fresh.push_back(key.public_key());
    keys.push_back(std::move(key));
  }
  intake_day_ = today;
  absl::MutexLock lock(&mutex_);
  intake_keys_ = std::move(keys);
  return fresh;
}

absl::Status Committer::Write(std::deque<Work>& group) {
  last_begin_ = parts_.clock.Elapsed();
  const std::string day_before = intake_day_;
  GroupWork work;
  TURRET_ASSIGN_OR_RETURN(work.intake_keys, RefreshIntakeKeys());
  for (Work& one : group) {
    if (one.record != nullptr)
      work.records.push_back(one.record);
    else
      work.batches.push_back(&one.batch);
  }
  {
    absl::MutexLock lock(&mutex_);
    work.orphan_class = orphan_class_;
  }
  absl::StatusOr<std::optional<v1::TreeHead>> head = std::nullopt;
  {
    absl::MutexLock lock(&write_mutex_);
    head = CommitGroup(parts_, work);
  }
  if (!head.ok()) return head.status();
  const v1::TreeHead covering = head->has_value() ? **head : parts_.ledger->Head();
  for (Work& one : group) Tell(one.done, one.record_done, absl::OkStatus(), one.batch.outcomes, covering);
  if (intake_day_ != day_before) on_new_keys_();
  return absl::OkStatus();
}

// What is in memory may differ from what is on disk now: only opening the archive again tells.
void Committer::Fail(const absl::Status& why, std::deque<Work> group) {
  const absl::Status told = absl::UnavailableError(
      fmt::format("the archive takes nothing until it is opened again. Cause: {}", why.ToString()));
  spdlog::critical("{}", std::string(told.message()));
  {
    absl::MutexLock lock(&mutex_);
    health_ = told;
    std::move(queue_.begin(), queue_.end(), std::back_inserter(group));
    queue_.clear();
  }
  for (const Work& work : group) Tell(work.done, work.record_done, told, {}, {});
}

void Committer::Run() {
  while (!finished()) {
    std::deque<Work> group = NextGroup();
    if (const absl::Status status = Write(group); !status.ok()) return Fail(status, std::move(group));
  }
}

}  // namespace turret::coordinator
