#include "coordinator/ingest/archive.h"

#include "absl/synchronization/mutex.h"
#include "coordinator/ingest/archive_parts.h"
#include "coordinator/ingest/committer.h"
#include "coordinator/ingest/entry_writer.h"
#include "coordinator/ingest/index_check.h"
#include "coordinator/ingest/recovery.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"
#include "storage/segment/segment.h"

namespace turret::coordinator {

struct Archive::State {
  std::unique_ptr<ArchiveParts> parts;
  std::unique_ptr<Committer> committer;

  absl::Mutex enrol_mutex;  // One new enrolment at a time.
  mutable absl::Mutex mutex;
  v1::EnrolmentChanged enrolment ABSL_GUARDED_BY(mutex);
  absl::Mutex listener_mutex;
  std::function<void()> listener ABSL_GUARDED_BY(listener_mutex);

  void TellListener() ABSL_LOCKS_EXCLUDED(listener_mutex) {
    absl::MutexLock lock(&listener_mutex);
    if (listener) listener();
  }
  void Enrol(const v1::EnrolmentChanged& changed) ABSL_LOCKS_EXCLUDED(mutex) {
    if (!changed.orphan_storage_class().empty()) committer->SetOrphanClass(changed.orphan_storage_class());
    absl::MutexLock lock(&mutex);
    enrolment = changed;
  }
};

absl::StatusOr<std::unique_ptr<Archive>> Archive::Open(const ArchiveOptions& options,
                                                       Environment& environment, Clock& clock, Random& random,
                                                       CoordinatorMetrics& metrics) {
  TURRET_ASSIGN_OR_RETURN(OpenedArchive opened, OpenArchive(options, environment, clock, random, metrics));
  auto state = std::make_unique<State>();
  state->parts = std::move(opened.parts);
  TURRET_ASSIGN_OR_RETURN(state->committer,
                          Committer::Start(*state->parts,
                                           {.commit_interval = options.commit_interval,
                                            .intake_keys_known = std::move(opened.intake_keys_known)},
                                           [self = state.get()] { self->TellListener(); }));
  TURRET_ASSIGN_OR_RETURN(const auto enrolment, state->parts->index->LatestEnrolment());
  if (enrolment) state->Enrol(*enrolment);
  const std::string warning = state->parts->volumes->ProtectionWarning();
  metrics.WormClaim(warning.empty());
  metrics.LedgerSize(state->parts->ledger->Head().size());
  if (!warning.empty()) spdlog::warn("volumes are not protected by the file system: {}", warning);
  return std::unique_ptr<Archive>(new Archive(std::move(state)));
}

Archive::Archive(std::unique_ptr<State> state) : state_(std::move(state)) {}
Archive::~Archive() { state_->committer->Stop(); }

absl::Status Archive::Close() {
  state_->committer->Stop();
  TURRET_RETURN_IF_ERROR(state_->committer->health());
  ArchiveParts& parts = *state_->parts;
  TURRET_ASSIGN_OR_RETURN(std::vector<VolumeStore::Extended> closed, parts.volumes->CloseOld(/*all=*/true));
  if (closed.empty()) return absl::OkStatus();
  EntryWriter writer(*parts.ledger, *parts.books, *parts.index);
  TURRET_ASSIGN_OR_RETURN(const BookSeal seal, SealOfToday(parts, "coverage"));
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::BookState> books, parts.books->Commit());
  for (const v1::BookState& book : books) TURRET_RETURN_IF_ERROR(writer.AppendBook(book).status());
  TURRET_RETURN_IF_ERROR(AppendVolumes(std::move(closed), SegmentIntake(parts), seal.under(), writer));
  return writer.Commit().status();
}

void Archive::Submit(NodeId node, std::vector<v1::ReplicateRequest> items, Done done) {
  state_->committer->Submit(node, std::move(items), std::move(done));
}

absl::StatusOr<uint64_t> Archive::Record(v1::EntryKind kind, const std::string& book_class,
                                         const v1::EntryBody& body) {
  return state_->committer->Record(kind, book_class, body);
}

absl::StatusOr<v1::EnrolmentChanged> Archive::Enrol(const v1::EnrolmentChanged& document) {
  absl::MutexLock one_at_a_time(&state_->enrol_mutex);
  const v1::EnrolmentChanged current = enrolment();
  ArchiveParts& parts = *state_->parts;
  TURRET_ASSIGN_OR_RETURN(
      const std::optional<v1::EnrolmentChanged> next,
      NextEnrolment(current.version() == 0 ? nullptr : &current, document, parts.clock.Utc(), parts.random));
  if (!next) return current;
  v1::EntryBody body;
  *body.mutable_enrolment_changed() = *next;
  TURRET_RETURN_IF_ERROR(Record(v1::ENROLMENT, "coverage", body).status());
  state_->Enrol(*next);
  state_->TellListener();
  return *next;
}

v1::EnrolmentChanged Archive::enrolment() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->enrolment;
}

absl::StatusOr<v1::ResumeAnswer> Archive::Resume(const v1::ResumeQuery& query) const {
  v1::ResumeAnswer answer;
  for (const std::string& raw : query.stream_ids()) {
    TURRET_ASSIGN_OR_RETURN(const StreamId stream, StreamId::FromProto(raw));
    v1::StreamPosition& position = *answer.add_positions();
    position.set_stream_id(raw);
    const absl::StatusOr<v1::StreamRow> row = index().Stream(stream);
    if (absl::IsNotFound(row.status())) continue;
    if (!row.ok()) return row.status();
    position.set_segments(row->segments());
    position.set_last_segment_hash(row->last_segment_hash());
    position.set_end_sequence(row->end_sequence());
    position.set_end_timestamp(row->end_timestamp());
  }
  return answer;
}

absl::StatusOr<v1::Welcome> Archive::MakeWelcome() {
  v1::Welcome welcome;
  for (v1::IntakeKey& key : state_->committer->IntakeKeys()) *welcome.add_intake_keys() = std::move(key);
  welcome.set_ledger_id(ledger().id().ToProto());
  welcome.set_coordinator_utc_ns(absl::ToUnixNanos(clock().Utc()));
  *welcome.mutable_enrolment() = ForNode(enrolment());
  return welcome;
}

void Archive::OnWelcomeChanged(std::function<void()> changed) {
  absl::MutexLock lock(&state_->listener_mutex);
  state_->listener = std::move(changed);
}

absl::StatusOr<IndexedEntry> Archive::ReadEntry(uint64_t index) const {
  std::optional<IndexedEntry> found;
  TURRET_RETURN_IF_ERROR(
      ledger().Read(index, index + 1, [&](uint64_t at, const StoredEntry& stored) -> absl::Status {
        TURRET_ASSIGN_OR_RETURN(found, OpenEntry(*state_->parts->books, at, stored));
        return absl::OkStatus();
      }));
  if (!found) return absl::NotFoundError(fmt::format("the ledger has no entry {}", index));
  return *std::move(found);
}

absl::StatusOr<Buffer> Archive::ReadBodyBytes(uint64_t index) const {
  TURRET_ASSIGN_OR_RETURN(const IndexedEntry entry, ReadEntry(index));
  if (!entry.body) return Buffer{};
  TURRET_ASSIGN_OR_RETURN(const KeyId key_id, KeyId::FromProto(entry.leaf.body_key_id()));
  TURRET_ASSIGN_OR_RETURN(const SecretKey key, state_->parts->books->Find(key_id));
  Buffer bytes;
  TURRET_RETURN_IF_ERROR(
      ledger().Read(index, index + 1, [&](uint64_t, const StoredEntry& stored) -> absl::Status {
        TURRET_ASSIGN_OR_RETURN(bytes, OpenBodyBytes(entry.leaf, stored.sealed_body, key));
        return absl::OkStatus();
      }));
  return bytes;
}

absl::StatusOr<Buffer> Archive::OpenSegmentAt(const Index::Placed& placed) const {
  TURRET_ASSIGN_OR_RETURN(const Buffer sealed,
                          volumes().ReadSegment(placed.volume, placed.placement.offset_bytes()));
  if (SegmentHash(sealed) != DigestFrom(placed.placement.segment_hash()))
    return absl::DataLossError(fmt::format("volume {}, offset {}: not the segment that the ledger names",
                                           placed.volume.ToHex(), placed.placement.offset_bytes()));
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(sealed));
  if (header.names.stream.ToProto() != placed.placement.stream_id() ||
      header.names.sequence != placed.placement.sequence() || header.names.ledger != ledger().id())
    return absl::DataLossError(fmt::format("volume {}, offset {}: the segment of another place",
                                           placed.volume.ToHex(), placed.placement.offset_bytes()));
  TURRET_ASSIGN_OR_RETURN(const SecretKey key, state_->parts->books->Find(KeyId{header.names.unit.random}));
  return OpenSegment(sealed, key);
}

absl::StatusOr<std::unique_ptr<Index>> Archive::RebuildIndex(const std::string& directory) const {
  TURRET_ASSIGN_OR_RETURN(Index::Keys keys, state_->parts->IndexKeys());
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Index> rebuilt, Index::Open(directory, std::move(keys)));
  TURRET_RETURN_IF_ERROR(CatchUp(ledger(), *state_->parts->books, *rebuilt));
  return rebuilt;
}

absl::StatusOr<v1::CheckIndexReport> Archive::CheckIndex(const std::string& directory) {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<Index> rebuilt, RebuildIndex(directory));
  v1::CheckIndexReport report;
  TURRET_RETURN_IF_ERROR(state_->committer->Between([&]() -> absl::Status {
    TURRET_RETURN_IF_ERROR(CatchUp(ledger(), *state_->parts->books, *rebuilt));
    TURRET_ASSIGN_OR_RETURN(IndexComparison comparison, CompareIndexes(*rebuilt, index()));
    report.set_entries(rebuilt->Position());
    report.set_rows(comparison.rows);
    for (std::string& difference : comparison.differences) report.add_differences(std::move(difference));
    return absl::OkStatus();
  }));
  return report;
}

absl::Status Archive::health() const { return state_->committer->health(); }
const Ledger& Archive::ledger() const { return *state_->parts->ledger; }
const Index& Archive::index() const { return *state_->parts->index; }
const VolumeStore& Archive::volumes() const { return *state_->parts->volumes; }
KeyTree& Archive::key_tree() { return *state_->parts->keys; }
Clock& Archive::clock() const { return state_->parts->clock; }
Random& Archive::random() const { return state_->parts->random; }

}  // namespace turret::coordinator
