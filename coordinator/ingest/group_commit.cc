#include "coordinator/ingest/group_commit.h"

#include "absl/strings/ascii.h"
#include "spdlog/spdlog.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

using Request = v1::ReplicateRequest;

// The stages share what is made on the way; each runs over all batches before the next begins.
class Group {
 public:
  Group(ArchiveParts& parts, GroupWork& work)
      : parts_(parts),
        work_(work),
        segments_(parts),
        facts_(parts, work.orphan_class),
        writer_(*parts.ledger, *parts.books, *parts.index) {}

  absl::StatusOr<std::optional<v1::TreeHead>> Run() {
    TURRET_RETURN_IF_ERROR(TakeKeys());
    TURRET_RETURN_IF_ERROR(CommitBooks());
    for (const std::string& key : work_.intake_keys)
      TURRET_RETURN_IF_ERROR(writer_.AppendIntakeKey(key).status());
    TURRET_RETURN_IF_ERROR(TakeSegments());
    TURRET_RETURN_IF_ERROR(TakeFacts());
    TURRET_RETURN_IF_ERROR(TakeRecords());
    if (writer_.empty()) return std::nullopt;
    TURRET_ASSIGN_OR_RETURN(const v1::TreeHead head, writer_.Commit());
    Count();
    return head;
  }

 private:
  // Calls visit(batch, item, outcome) for every item of a kind, in order.
  template <class Visit>
  absl::Status ForEach(Request::WhatCase kind, Visit visit) {
    for (Batch* const batch : work_.batches) {
      batch->outcomes.resize(batch->items.size());
      for (size_t i = 0; i < batch->items.size(); ++i)
        if (batch->items[i].what_case() == kind)
          TURRET_RETURN_IF_ERROR(visit(*batch, batch->items[i], batch->outcomes[i]));
    }
    return absl::OkStatus();
  }

  absl::Status TakeKeys();
  absl::Status CommitBooks();
  absl::Status TakeSegments();
  absl::Status TakeFacts();
  absl::Status TakeRecords();
  absl::StatusOr<const BookSeal*> Seal(const std::string& book_class);
  void Count() const;

  ArchiveParts& parts_;
  GroupWork& work_;
  SegmentIntake segments_;
  FactIntake facts_;
  EntryWriter writer_;
  std::map<std::string, BookSeal> seals_;
};

absl::StatusOr<const BookSeal*> Group::Seal(const std::string& book_class) {
  const auto found = seals_.find(book_class);
  if (found != seals_.end()) return &found->second;
  TURRET_ASSIGN_OR_RETURN(BookSeal seal, SealOfToday(parts_, book_class));
  return &seals_.emplace(book_class, std::move(seal)).first->second;
}

absl::Status Group::TakeKeys() {
  TURRET_RETURN_IF_ERROR(ForEach(Request::kUnit, [&](Batch& batch, const Request& item,
                                                     ItemOutcome& outcome) {
    absl::StatusOr<ItemOutcome> taken = TakeUnit(parts_, batch.node, item.unit());
    if (!taken.ok()) return taken.status();
    outcome = *std::move(taken);
    return outcome.kind == ItemOutcome::kRefused ? absl::OkStatus() : facts_.Prepare(item.unit(), batch.node);
  }));
  // A call's start says where its key belongs: it comes before the other facts, in whatever order they were
  // sent.
  for (const bool starts : {true, false})
    TURRET_RETURN_IF_ERROR(
        ForEach(Request::kFact, [&](Batch& batch, const Request& item, ItemOutcome& outcome) {
          if (item.fact().has_call_started() != starts) return absl::OkStatus();
          outcome = FactIntake::CheckForm(item.fact());
          if (outcome.kind == ItemOutcome::kRefused) return absl::OkStatus();
          return facts_.Prepare(item.fact(), batch.node);
        }));
  if (!work_.batches.empty()) TURRET_RETURN_IF_ERROR(Seal("coverage").status());
  for (const RecordRequest* const record : work_.records)
    TURRET_RETURN_IF_ERROR(Seal(record->book_class).status());
  return absl::OkStatus();
}

absl::Status Group::CommitBooks() {
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::BookState> states, parts_.books->Commit());
  KillPoint("books_synced");
  for (const v1::BookState& state : states) TURRET_RETURN_IF_ERROR(writer_.AppendBook(state).status());
  // A failed sync moves keys to a further book.
  for (auto& [book_class, seal] : seals_) {
    TURRET_ASSIGN_OR_RETURN(seal.key.book, parts_.books->BookOf(seal.key.id));
  }
  return absl::OkStatus();
}

absl::Status Group::TakeSegments() {
  TURRET_RETURN_IF_ERROR(ForEach(Request::kSegment, [&](Batch&, const Request& item, ItemOutcome& outcome) {
    absl::StatusOr<ItemOutcome> taken = segments_.Take(AsBytes(item.segment().sealed()));
    if (taken.ok()) outcome = *std::move(taken);
    return taken.status();
  }));
  std::vector<VolumeStore::Extended> volumes;
  if (segments_.segments() > 0) {
    TURRET_ASSIGN_OR_RETURN(volumes, parts_.volumes->Commit());
  }
  TURRET_ASSIGN_OR_RETURN(std::vector<VolumeStore::Extended> closed, parts_.volumes->CloseOld(/*all=*/false));
  std::move(closed.begin(), closed.end(), std::back_inserter(volumes));
  if (volumes.empty()) return absl::OkStatus();
  const bool sealed = seals_.contains("coverage");
  TURRET_ASSIGN_OR_RETURN(const BookSeal* const coverage, Seal("coverage"));
  if (!sealed)
    TURRET_RETURN_IF_ERROR(CommitBooks());  // A volume closed in a quiet minute: the key may be new.
  return AppendVolumes(std::move(volumes), segments_, coverage->under(), writer_);
}

absl::Status Group::TakeFacts() {
  return ForEach(Request::kFact, [&](Batch& batch, Request& item, ItemOutcome& outcome) -> absl::Status {
    if (outcome.kind == ItemOutcome::kRefused) return absl::OkStatus();
    TURRET_ASSIGN_OR_RETURN(const BookSeal* const coverage, Seal("coverage"));
    TURRET_ASSIGN_OR_RETURN(
        outcome, facts_.Take(std::move(*item.mutable_fact()), batch.node, coverage->under(), writer_));
    return absl::OkStatus();
  });
}

absl::Status Group::TakeRecords() {
  for (RecordRequest* const record : work_.records) {
    TURRET_ASSIGN_OR_RETURN(const BookSeal* const seal, Seal(record->book_class));
    TURRET_ASSIGN_OR_RETURN(record->ledger_index, writer_.Append(record->kind, *record->body, seal->under()));
  }
  return absl::OkStatus();
}

void Group::Count() const {
  parts_.metrics.SegmentsStored(segments_.segments(), segments_.bytes());
  facts_.Count();
}

// The metric's label: "hash_conflict" of HASH_CONFLICT.
std::string ReasonLabel(v1::Refusal::Reason reason) {
  return absl::AsciiStrToLower(v1::Refusal::Reason_Name(reason));
}

void CountOutcomes(const Batch& batch, CoordinatorMetrics& metrics) {
  for (const ItemOutcome& outcome : batch.outcomes) {
    if (outcome.kind == ItemOutcome::kRepeated) metrics.ItemsRepeated(1);
    if (outcome.kind != ItemOutcome::kRefused) continue;
    metrics.ItemRefused(ReasonLabel(outcome.reason));
    spdlog::error("alarm: an item of node {} was refused, {}: {}", batch.node.ToHex(),
                  ReasonLabel(outcome.reason), outcome.message);
  }
}

}  // namespace

absl::StatusOr<BookSeal> SealOfToday(ArchiveParts& parts, const std::string& book_class) {
  const BookName name{.book_class = book_class, .day = parts.Today()};
  TURRET_ASSIGN_OR_RETURN(KeyBooks::BodyKey key, parts.books->BookBodyKey(name));
  parts.book_names.Learn(key.book, name);
  return BookSeal{.key = std::move(key)};
}

absl::Status AppendVolumes(std::vector<VolumeStore::Extended> volumes, const SegmentIntake& segments,
                           const SealUnder& coverage, EntryWriter& writer) {
  for (VolumeStore::Extended& volume : volumes) {
    segments.Complete(volume.contents);
    TURRET_RETURN_IF_ERROR(writer.AppendVolume(volume, coverage).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<v1::TreeHead>> CommitGroup(ArchiveParts& parts, GroupWork& work) {
  const absl::Duration begin = parts.clock.Elapsed();
  TURRET_ASSIGN_OR_RETURN(std::optional<v1::TreeHead> head, Group(parts, work).Run());
  for (const Batch* const batch : work.batches) CountOutcomes(*batch, parts.metrics);
  if (head) {
    parts.metrics.Commit(parts.clock.Elapsed() - begin);
    parts.metrics.LedgerSize(head->size());
  }
  return head;
}

}  // namespace turret::coordinator
