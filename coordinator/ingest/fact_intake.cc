#include "coordinator/ingest/fact_intake.h"

#include <algorithm>

#include "absl/time/time.h"
#include "google/protobuf/util/message_differencer.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

using google::protobuf::util::MessageDifferencer;

bool IsPresence(const v1::Fact& fact) { return fact.what_case() == v1::Fact::kPresence; }

absl::Duration Length(const v1::Interval& interval) {
  return absl::Nanoseconds(std::max<int64_t>(0, interval.end_utc_ns() - interval.begin_utc_ns()));
}

void CountFact(const v1::Fact& fact, CoordinatorMetrics& metrics) {
  if (fact.what_case() == v1::Fact::kGap) {
    std::set<std::string> lines;
    for (const v1::ChannelOf& channel : fact.gap().channels())
      lines.insert(ToHex(AsBytes(channel.line_id())));
    for (const std::string& line : lines)
      metrics.GapBooked(line, fact.gap().cause(), Length(fact.gap().interval()));
  } else if (fact.what_case() == v1::Fact::kStreamProgress) {
    absl::Duration recorded;
    for (const v1::Interval& interval : fact.stream_progress().recorded()) recorded += Length(interval);
    metrics.Recorded(recorded);
  } else if (fact.what_case() == v1::Fact::kCallStarted) {
    const auto& flags = fact.call_started().flags();
    if (std::find(flags.begin(), flags.end(), v1::CALL_FLAG_ORPHAN) != flags.end()) metrics.OrphanCalls(1);
  }
}

}  // namespace

ItemOutcome FactIntake::CheckForm(const v1::Fact& fact) {
  if (!FactId::FromProto(fact.fact_id()).ok()) return Refused(v1::Refusal::MALFORMED, "its fact id is no id");
  if (fact.what_case() == v1::Fact::WHAT_NOT_SET || fact.what_case() == v1::Fact::kStreamPauseChanged)
    return Refused(v1::Refusal::MALFORMED, "a fact of no kind that is kept here");
  if (!IsPresence(fact) && !CallId::FromProto(fact.call_id()).ok())
    return Refused(v1::Refusal::MALFORMED, "its call id is no id");
  return {};
}

absl::Status FactIntake::Prepare(const v1::Fact& fact, NodeId node) {
  if (IsPresence(fact)) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const CallId call, CallId::FromProto(fact.call_id()));
  return call_keys_.Ensure(call, fact.call_started().storage_class(), fact.call_started().day(), node);
}

absl::Status FactIntake::Prepare(const v1::UnitOpened& unit, NodeId node) {
  TURRET_ASSIGN_OR_RETURN(const CallId call, CallId::FromProto(unit.call_id()));
  return call_keys_.Ensure(call, unit.storage_class(), unit.day(), node);
}

// Nullopt: the fact is new.
absl::StatusOr<std::optional<ItemOutcome>> FactIntake::Repetition(const v1::Fact& fact) const {
  const auto conflict = [] {
    return Refused(v1::Refusal::HASH_CONFLICT, "this fact id is held with other content");
  };
  const ItemOutcome repeated{.kind = ItemOutcome::kRepeated};
  const auto pending = taken_.find(fact.fact_id());
  if (pending != taken_.end())
    return MessageDifferencer::Equals(pending->second, fact) ? repeated : conflict();

  TURRET_ASSIGN_OR_RETURN(const FactId id, FactId::FromProto(fact.fact_id()));
  TURRET_ASSIGN_OR_RETURN(const std::optional<uint64_t> at, parts_.index->FactEntry(id));
  if (!at) return std::nullopt;
  std::optional<ItemOutcome> outcome = repeated;
  TURRET_RETURN_IF_ERROR(
      parts_.ledger->Read(*at, *at + 1, [&](uint64_t index, const StoredEntry& stored) -> absl::Status {
        TURRET_ASSIGN_OR_RETURN(const IndexedEntry entry, OpenEntry(*parts_.books, index, stored));
        // With its key gone, nothing tells the two apart, and the id alone decides.
        if (entry.body && !MessageDifferencer::Equals(entry.body->fact(), fact)) outcome = conflict();
        return absl::OkStatus();
      }));
  return outcome;
}

absl::StatusOr<const SecretKey*> FactIntake::KeyOf(const CallId& call) {
  const auto found = keys_.find(call);
  if (found != keys_.end()) return &found->second;
  TURRET_ASSIGN_OR_RETURN(SecretKey key, parts_.books->Find(KeyId{call.random}));
  return &keys_.emplace(call, std::move(key)).first->second;
}

absl::StatusOr<ItemOutcome> FactIntake::Take(v1::Fact fact, NodeId node, const SealUnder& coverage,
                                             EntryWriter& writer) {
  TURRET_ASSIGN_OR_RETURN(const std::optional<ItemOutcome> repetition, Repetition(fact));
  if (repetition) return *repetition;
  const std::string id = fact.fact_id();
  v1::EntryBody body;
  if (node != NodeId{}) body.set_node_id(node.ToProto());
  *body.mutable_fact() = fact;
  if (IsPresence(fact)) {
    TURRET_RETURN_IF_ERROR(writer.Append(v1::COVERAGE, std::move(body), coverage).status());
  } else {
    TURRET_ASSIGN_OR_RETURN(const CallId call, CallId::FromProto(fact.call_id()));
    const absl::StatusOr<const SecretKey*> key = KeyOf(call);
    if (absl::IsDataLoss(key.status()))
      return Refused(v1::Refusal::DOES_NOT_OPEN, "the key of its call does not open from its book");
    if (!key.ok()) return key.status();
    const KeyId key_id{call.random};
    TURRET_ASSIGN_OR_RETURN(const BookId book, parts_.books->BookOf(key_id));
    TURRET_RETURN_IF_ERROR(
        writer.Append(v1::CALL, std::move(body), {.book = book, .key_id = key_id, .key = *key}).status());
    if (fact.has_call_ended()) KillPoint("call_closed");
  }
  taken_.emplace(id, std::move(fact));
  return ItemOutcome{};
}

void FactIntake::Count() const {
  parts_.metrics.FactsStored(taken_.size());
  for (const auto& [id, fact] : taken_) CountFact(fact, parts_.metrics);
}

}  // namespace turret::coordinator
