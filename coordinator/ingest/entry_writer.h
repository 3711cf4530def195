// One group of ledger entries on its way: appended, committed, then taken up by the index.
#pragma once

#include <map>
#include <optional>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/index/index.h"
#include "storage/key/key_book.h"
#include "storage/ledger/ledger.h"
#include "storage/volume/volume_store.h"

namespace turret::coordinator {

/// An entry with its body opened by its key from the books; no body when it has none, or when its key is
/// gone.
absl::StatusOr<IndexedEntry> OpenEntry(const KeyBooks& books, uint64_t index, const StoredEntry& stored);

/// Applies what the ledger has and `index` has not.
[[nodiscard]] absl::Status CatchUp(const Ledger& ledger, const KeyBooks& books, Index& index);

/// Not thread-safe; one at a time, since the ledger has one writer.
class EntryWriter {
 public:
  EntryWriter(Ledger& ledger ABSL_ATTRIBUTE_LIFETIME_BOUND,
              const KeyBooks& books ABSL_ATTRIBUTE_LIFETIME_BOUND, Index& index ABSL_ATTRIBUTE_LIFETIME_BOUND)
      : ledger_(ledger), books_(books), index_(index) {}

  /// Each returns the ledger index of the new entry; nothing is durable before Commit().
  absl::StatusOr<uint64_t> Append(v1::EntryKind kind, v1::EntryBody body, const SealUnder& under);
  absl::StatusOr<uint64_t> AppendBook(const v1::BookState& state);
  absl::StatusOr<uint64_t> AppendVolume(const VolumeStore::Extended& volume, const SealUnder& under);
  absl::StatusOr<uint64_t> AppendIntakeKey(const std::string& public_key);

  bool empty() const { return !appended_; }
  /// Durable on return, and in the index.
  absl::StatusOr<v1::TreeHead> Commit();

 private:
  absl::StatusOr<uint64_t> AppendLeaf(v1::Leaf leaf, std::optional<v1::EntryBody> body,
                                      const std::optional<SealUnder>& under);

  Ledger& ledger_;
  const KeyBooks& books_;
  Index& index_;
  bool appended_ = false;
  std::map<uint64_t, v1::EntryBody> bodies_;
};

}  // namespace turret::coordinator
