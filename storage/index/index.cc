#include "storage/index/index.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <set>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/index/applier.h"
#include "storage/index/database.h"
#include "storage/index/find.h"
#include "storage/index/keys.h"
#include "storage/index/row_batch.h"

namespace turret {
namespace {

using index::Database;
using index::Family;

constexpr uint64_t kFormat = 1;  // Of keys and rows: another one means delete and rebuild.

absl::Status NoSuch(std::string_view what, Bytes id) {
  return absl::NotFoundError(fmt::format("no {} {}", what, ToHex(id)));
}

template <class Message>
absl::Status Parse(std::string_view bytes, Message& message) {
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return absl::DataLossError("index: a row does not parse; delete the index directory, it is rebuilt");
}

template <class Message>
absl::StatusOr<std::optional<Message>> Row(const Database& database, Family family, std::string_view key) {
  TURRET_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, database.Get(family, key));
  if (!bytes.has_value()) return std::nullopt;
  std::optional<Message> message(std::in_place);
  TURRET_RETURN_IF_ERROR(Parse(*bytes, *message));
  return message;
}

/// Widest time that a row begun before `from` may reach into it.
absl::StatusOr<int64_t> Longest(const Database& database, std::string_view id) {
  TURRET_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, database.Get(Family::kLongest, id));
  const uint64_t longest_ns = bytes.has_value() ? index::U64From(*bytes) : 0;
  return static_cast<int64_t>(std::min<uint64_t>(longest_ns, INT64_MAX));
}

int64_t Nanoseconds(absl::Time time) {  // Saturates.
  return absl::ToUnixNanos(std::clamp(time, absl::UnixEpoch(), absl::FromUnixNanos(INT64_MAX)));
}

int64_t Earlier(int64_t from_ns, int64_t by_ns) { return from_ns > by_ns ? from_ns - by_ns : 0; }

}  // namespace

struct Index::State {
  std::unique_ptr<Database> database;
  SecretKey token_key;
  std::atomic<uint64_t> position = 0;

  absl::StatusOr<v1::CallRow> Call(std::string_view id) const;
};

Index::Index(std::unique_ptr<State> state) : state_(std::move(state)) {}
Index::~Index() = default;

absl::StatusOr<std::unique_ptr<Index>> Index::Open(const std::string& directory, Keys keys) {
  auto state = std::make_unique<State>();
  TURRET_ASSIGN_OR_RETURN(state->database, Database::Open(directory, std::move(keys.files)));
  state->token_key = std::move(keys.tokens);
  TURRET_ASSIGN_OR_RETURN(const auto format, state->database->Get(Family::kMeta, index::kFormatKey));
  TURRET_ASSIGN_OR_RETURN(const auto position, state->database->Get(Family::kMeta, index::kPositionKey));
  if (position.has_value()) {
    if (!format.has_value() || index::U64From(*format) != kFormat || position->size() != 8 + kDigestBytes)
      return absl::DataLossError("index: of another format; delete the index directory, it is rebuilt");
    state->position = index::U64From(position->substr(0, 8));
  }
  return std::unique_ptr<Index>(new Index(std::move(state)));
}

uint64_t Index::Position() const { return state_->position; }

absl::Status Index::Apply(const std::vector<IndexedEntry>& entries, const Digest& root) {
  uint64_t next = Position();
  index::RowBatch batch(*state_->database);
  index::Applier applier(batch, state_->token_key.bytes());
  for (const IndexedEntry& entry : entries) {
    if (entry.index < next) continue;
    if (entry.index > next)
      return absl::FailedPreconditionError(
          fmt::format("index: entry {} comes next, not {}", next, entry.index));
    TURRET_RETURN_IF_ERROR(applier.Apply(entry));
    ++next;
  }
  if (next == Position()) return absl::OkStatus();
  batch.Put(Family::kMeta, index::kFormatKey, index::U64Key(kFormat));
  batch.Put(Family::kMeta, index::kPositionKey, index::Join(index::U64Key(next), AsText(root)));
  TURRET_RETURN_IF_ERROR(batch.Write());
  state_->position = next;
  return absl::OkStatus();
}

absl::StatusOr<v1::CallRow> Index::State::Call(std::string_view id) const {
  TURRET_ASSIGN_OR_RETURN(auto row, Row<v1::CallRow>(*database, Family::kCalls, id));
  if (!row.has_value()) return NoSuch("call", AsBytes(id));
  row->set_call_id(std::string(id));
  return *std::move(row);
}

absl::StatusOr<v1::CallRow> Index::Call(const CallId& id) const { return state_->Call(AsText(id.bytes())); }

absl::StatusOr<v1::StreamRow> Index::Stream(const StreamId& id) const {
  const std::string_view key = AsText(id.bytes());
  TURRET_ASSIGN_OR_RETURN(auto said, Row<v1::StreamRow>(*state_->database, Family::kStreams, key));
  TURRET_ASSIGN_OR_RETURN(auto held, Row<v1::StreamRow>(*state_->database, Family::kPositions, key));
  if (!said.has_value() && !held.has_value()) return NoSuch("stream", id.bytes());
  v1::StreamRow row = std::move(said).value_or(v1::StreamRow());
  if (held.has_value()) row.MergeFrom(*held);
  return row;
}

absl::StatusOr<std::vector<CallId>> Index::Find(const CallQuery& query) const {
  index::ListIntersection lists(*state_->database, Nanoseconds(query.from), Nanoseconds(query.until));
  const Bytes key = state_->token_key.bytes();
  if (!query.trader.empty()) lists.Require(Family::kByTrader, index::Token(key, NormaliseName(query.trader)));
  if (!query.party.empty())
    lists.Require(Family::kByParty, index::Token(key, index::PartyQueryTerm(query.party)));
  if (query.line.has_value()) lists.Require(Family::kByLine, AsText(query.line->bytes()));
  return lists.Find(query.limit);
}

absl::StatusOr<std::vector<v1::CallRow>> Index::CallsOfLine(const LineId& line, absl::Time from,
                                                            absl::Time until) const {
  const std::string_view id = AsText(line.bytes());
  const int64_t from_ns = Nanoseconds(from), until_ns = Nanoseconds(until);
  std::set<std::string> calls;
  // A running call is as long as it likes; an ended one no longer than the line's longest.
  TURRET_RETURN_IF_ERROR(state_->database->Scan(Family::kRunning, id, index::PrefixEnd(id),
                                                [&](std::string_view key, std::string_view) {
                                                  calls.emplace(key.substr(kIdBytes));
                                                  return absl::OkStatus();
                                                }));
  TURRET_ASSIGN_OR_RETURN(const int64_t longest_ns, Longest(*state_->database, id));
  TURRET_RETURN_IF_ERROR(state_->database->Scan(
      Family::kByLine, index::Join(id, index::TimeKey(Earlier(from_ns, longest_ns))),
      index::Join(id, index::TimeKey(until_ns)), [&](std::string_view key, std::string_view) {
        calls.emplace(key.substr(kIdBytes + index::kTimeBytes));
        return absl::OkStatus();
      }));
  std::vector<v1::CallRow> rows;
  for (const std::string& call : calls) {
    TURRET_ASSIGN_OR_RETURN(v1::CallRow row, state_->Call(call));
    const bool ended_before =
        row.has_ended() && row.ended().ended_utc_ns() <= from_ns && row.started().answered_utc_ns() < from_ns;
    if (row.started().answered_utc_ns() < until_ns && !ended_before) rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const v1::CallRow& a, const v1::CallRow& b) {
    return a.started().answered_utc_ns() < b.started().answered_utc_ns();
  });
  return rows;
}

absl::StatusOr<std::optional<v1::CallRow>> Index::LastCallBefore(const LineId& line, absl::Time at) const {
  const std::string_view id = AsText(line.bytes());
  const auto cursor = state_->database->Range(Family::kByLine, index::Join(id, index::TimeKey(0)),
                                              index::Join(id, index::TimeKey(Nanoseconds(at))));
  cursor->SeekToLast();
  TURRET_RETURN_IF_ERROR(cursor->status());
  if (!cursor->Valid()) return std::nullopt;
  TURRET_ASSIGN_OR_RETURN(v1::CallRow row, state_->Call(cursor->key().substr(kIdBytes + index::kTimeBytes)));
  return row;
}

absl::StatusOr<std::vector<Index::Placed>> Index::Placements(const StreamId& stream) const {
  std::vector<Placed> all;
  const std::string_view id = AsText(stream.bytes());
  TURRET_RETURN_IF_ERROR(state_->database->Scan(
      Family::kPlacements, id, index::PrefixEnd(id), [&](std::string_view key, std::string_view value) {
        v1::PlacementRow row;
        TURRET_RETURN_IF_ERROR(Parse(value, row));
        TURRET_ASSIGN_OR_RETURN(const VolumeId volume, VolumeId::FromProto(key.substr(kIdBytes)));
        for (int at = 0; at < row.placements_size(); ++at)
          all.push_back({.placement = row.placements(at), .volume = volume, .entry = row.entries(at)});
        return absl::OkStatus();
      }));
  const auto order = [](const Placed& placed) {
    return std::pair(placed.placement.sequence(), placed.entry);
  };
  std::sort(all.begin(), all.end(), [&](const Placed& a, const Placed& b) { return order(a) < order(b); });
  const auto same = [](const Placed& a, const Placed& b) {
    return a.placement.sequence() == b.placement.sequence();
  };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  return all;
}

absl::StatusOr<std::optional<uint64_t>> Index::FactEntry(const FactId& id) const {
  TURRET_ASSIGN_OR_RETURN(const auto bytes, state_->database->Get(Family::kFacts, AsText(id.bytes())));
  if (!bytes.has_value()) return std::nullopt;
  return index::U64From(*bytes);
}

absl::StatusOr<v1::VolumeRow> Index::Volume(const VolumeId& id) const {
  TURRET_ASSIGN_OR_RETURN(auto row,
                          Row<v1::VolumeRow>(*state_->database, Family::kVolumes, AsText(id.bytes())));
  if (!row.has_value()) return NoSuch("volume", id.bytes());
  return *std::move(row);
}

absl::StatusOr<std::vector<v1::PresenceRow>> Index::Presences(absl::Time from, absl::Time until) const {
  const int64_t from_ns = Nanoseconds(from), until_ns = Nanoseconds(until);
  TURRET_ASSIGN_OR_RETURN(const int64_t longest_ns, Longest(*state_->database, index::kZeroId));
  std::vector<v1::PresenceRow> rows;
  TURRET_RETURN_IF_ERROR(
      state_->database->Scan(Family::kPresence, index::TimeKey(Earlier(from_ns, longest_ns)),
                             index::TimeKey(until_ns), [&](std::string_view, std::string_view value) {
                               v1::PresenceRow row;
                               TURRET_RETURN_IF_ERROR(Parse(value, row));
                               if (row.presence().interval().end_utc_ns() > from_ns)
                                 rows.push_back(std::move(row));
                               return absl::OkStatus();
                             }));
  return rows;
}

absl::StatusOr<std::vector<v1::EnrolmentChanged>> Index::Enrolments() const {
  std::vector<v1::EnrolmentChanged> versions;
  TURRET_RETURN_IF_ERROR(state_->database->Scan(
      Family::kEnrolment, "", "",
      [&](std::string_view, std::string_view value) { return Parse(value, versions.emplace_back()); }));
  return versions;
}

absl::StatusOr<std::optional<v1::EnrolmentChanged>> Index::LatestEnrolment() const {
  TURRET_ASSIGN_OR_RETURN(const auto newest,
                          state_->database->Get(Family::kMeta, index::kNewestEnrolmentKey));
  if (!newest.has_value()) return std::nullopt;
  return Row<v1::EnrolmentChanged>(*state_->database, Family::kEnrolment, *newest);
}

absl::StatusOr<v1::LineRow> Index::LineHistory(const LineId& line) const {
  TURRET_ASSIGN_OR_RETURN(auto row,
                          Row<v1::LineRow>(*state_->database, Family::kLines, AsText(line.bytes())));
  return std::move(row).value_or(v1::LineRow());
}

absl::StatusOr<LineId> Index::LineNamed(std::string_view name) const {
  const std::string token = index::Token(state_->token_key.bytes(), name);
  TURRET_ASSIGN_OR_RETURN(const auto id, state_->database->Get(Family::kLineNames, token));
  if (!id.has_value()) return absl::NotFoundError("no line of this name was ever enrolled");
  return LineId::FromProto(*id);
}

absl::StatusOr<std::vector<v1::CallRow>> Index::RunningCalls() const {
  std::vector<v1::CallRow> rows;
  TURRET_RETURN_IF_ERROR(
      state_->database->Scan(Family::kRunning, index::kZeroId, index::PrefixEnd(index::kZeroId),
                             [&](std::string_view key, std::string_view) -> absl::Status {
                               TURRET_ASSIGN_OR_RETURN(v1::CallRow row, state_->Call(key.substr(kIdBytes)));
                               rows.push_back(std::move(row));
                               return absl::OkStatus();
                             }));
  return rows;
}

absl::Status Index::ForEachRow(
    const std::function<absl::Status(std::string_view, Bytes, Bytes)>& visit) const {
  for (size_t at = 0; at < index::kFamilyCount; ++at) {
    TURRET_RETURN_IF_ERROR(state_->database->Scan(
        static_cast<Family>(at), "", "", [&](std::string_view key, std::string_view value) {
          return visit(index::kFamilies[at].name, AsBytes(key), AsBytes(value));
        }));
  }
  return absl::OkStatus();
}

const v1::Line* LineAsOf(const v1::LineRow& history, int64_t at_utc_ns) {
  const v1::Line* line = nullptr;
  for (const v1::EnrolmentChanged& version : history.versions()) {
    if (line != nullptr && version.effective_utc_ns() > at_utc_ns) break;
    if (version.lines_size() > 0) line = &version.lines(0);
  }
  return line;
}

}  // namespace turret
