#include "coordinator/ingest/entry_writer.h"

#include <algorithm>
#include <vector>

#include "fmt/format.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr uint64_t kCatchUpEntries = 1000;

absl::StatusOr<v1::Leaf> ParseLeaf(uint64_t index, const StoredEntry& stored) {
  v1::Leaf leaf;
  if (!leaf.ParseFromArray(stored.leaf.data(), static_cast<int>(stored.leaf.size())))
    return absl::DataLossError(
        fmt::format("ledger entry {}: its leaf does not parse; run turret-verify", index));
  return leaf;
}

}  // namespace

absl::StatusOr<IndexedEntry> OpenEntry(const KeyBooks& books, uint64_t index, const StoredEntry& stored) {
  TURRET_ASSIGN_OR_RETURN(v1::Leaf leaf, ParseLeaf(index, stored));
  IndexedEntry entry{.index = index, .leaf = std::move(leaf), .body = std::nullopt};
  if (entry.leaf.body_key_id().empty()) return entry;
  TURRET_ASSIGN_OR_RETURN(const KeyId key_id, KeyId::FromProto(entry.leaf.body_key_id()));
  const absl::StatusOr<SecretKey> key = books.Find(key_id);
  if (absl::IsNotFound(key.status())) return entry;
  if (!key.ok()) return key.status();
  TURRET_ASSIGN_OR_RETURN(entry.body, OpenBody(entry.leaf, stored.sealed_body, *key));
  return entry;
}

absl::Status CatchUp(const Ledger& ledger, const KeyBooks& books, Index& index) {
  const v1::TreeHead head = ledger.Head();
  while (index.Position() < head.size()) {
    const uint64_t begin = index.Position();
    const uint64_t end = std::min(head.size(), begin + kCatchUpEntries);
    std::vector<IndexedEntry> entries;
    TURRET_RETURN_IF_ERROR(
        ledger.Read(begin, end, [&](uint64_t at, const StoredEntry& stored) -> absl::Status {
          TURRET_ASSIGN_OR_RETURN(IndexedEntry entry, OpenEntry(books, at, stored));
          entries.push_back(std::move(entry));
          return absl::OkStatus();
        }));
    // Only the last root is a signed one; the others stand until the next batch.
    TURRET_RETURN_IF_ERROR(index.Apply(entries, end == head.size() ? DigestFrom(head.root()) : Digest{}));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> EntryWriter::AppendLeaf(v1::Leaf leaf, std::optional<v1::EntryBody> body,
                                                 const std::optional<SealUnder>& under) {
  appended_ = true;
  TURRET_ASSIGN_OR_RETURN(const uint64_t at, ledger_.Append(std::move(leaf), body ? &*body : nullptr, under));
  if (body) bodies_.emplace(at, *std::move(body));
  return at;
}

absl::StatusOr<uint64_t> EntryWriter::Append(v1::EntryKind kind, v1::EntryBody body, const SealUnder& under) {
  v1::Leaf leaf;
  leaf.set_kind(kind);
  return AppendLeaf(std::move(leaf), std::move(body), under);
}

absl::StatusOr<uint64_t> EntryWriter::AppendBook(const v1::BookState& state) {
  v1::Leaf leaf;
  leaf.set_kind(v1::BOOK_EXTENDED);
  *leaf.mutable_book() = state;
  return AppendLeaf(std::move(leaf), std::nullopt, std::nullopt);
}

absl::StatusOr<uint64_t> EntryWriter::AppendVolume(const VolumeStore::Extended& volume,
                                                   const SealUnder& under) {
  v1::Leaf leaf;
  leaf.set_kind(volume.closed ? v1::VOLUME_CLOSED : v1::VOLUME_EXTENDED);
  *leaf.mutable_volume() = volume.state;
  v1::EntryBody body;
  *body.mutable_volume_contents() = volume.contents;
  return AppendLeaf(std::move(leaf), std::move(body), under);
}

absl::StatusOr<uint64_t> EntryWriter::AppendIntakeKey(const std::string& public_key) {
  v1::Leaf leaf;
  leaf.set_kind(v1::INTAKE_KEY);
  leaf.set_public_key(public_key);
  return AppendLeaf(std::move(leaf), std::nullopt, std::nullopt);
}

absl::StatusOr<v1::TreeHead> EntryWriter::Commit() {
  TURRET_ASSIGN_OR_RETURN(const v1::TreeHead head, ledger_.Commit());
  std::vector<IndexedEntry> entries;
  const auto take = [&](uint64_t at, const StoredEntry& stored) -> absl::Status {
    const auto body = bodies_.find(at);
    if (body == bodies_.end()) {
      TURRET_ASSIGN_OR_RETURN(IndexedEntry entry, OpenEntry(books_, at, stored));
      entries.push_back(std::move(entry));
      return absl::OkStatus();
    }
    TURRET_ASSIGN_OR_RETURN(v1::Leaf leaf, ParseLeaf(at, stored));
    entries.push_back({.index = at, .leaf = std::move(leaf), .body = std::move(body->second)});
    return absl::OkStatus();
  };
  TURRET_RETURN_IF_ERROR(ledger_.Read(index_.Position(), head.size(), take));
  TURRET_RETURN_IF_ERROR(index_.Apply(entries, DigestFrom(head.root())));
  KillPoint("index_written");
  bodies_.clear();
  appended_ = false;
  return head;
}

}  // namespace turret::coordinator
