// The append-only Merkle log on disk. The ledger is the truth; the index is a view of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/merkle.h"
#include "storage/ledger/checkpoint.h"
#include "storage/ledger/entry.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

/// Threading: one writer thread calls Append and Commit; everything else from any thread. Files:
/// ledger/*.blk, ledger/heads (record file of all signed heads: finds where a rewrite began),
/// ledger/checkpoint (a recent head, at most 5 s behind while commits come, and the latest after the
/// destructor).
class Ledger {
 public:
  /// Opens, or creates with a LEDGER_CREATED entry signed as the first head. Rebuilds the tree from the
  /// blocks. Whole entries behind the last signed head are kept and signed. A torn tail is left in place,
  /// accounted for by a BLOCK_CLOSED entry, and a new block is begun. Errors: DataLoss when an entry below
  /// the signed head is missing or altered, or the head is: ingest must not start. FailedPrecondition when
  /// another key signed this ledger.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                      const std::string& directory, SecretKey signing_seed,
                                                      Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                      Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  LedgerId id() const;
  Ed25519Public public_key() const;

  /// Adds an entry; not durable before Commit(). Returns its index. `leaf.kind` and the clear fields are the
  /// caller's; the rest is filled in. Errors: InvalidArgument for a body without a key.
  absl::StatusOr<uint64_t> Append(v1::Leaf leaf, const v1::EntryBody* body = nullptr,
                                  const std::optional<SealUnder>& under = std::nullopt);
  /// fdatasync, then signs and stores the new head, then (only then) publishes it. Durable on return. The
  /// head may cover more than was appended: BLOCK_CLOSED entries for blocks that broke. After an error the
  /// entries are still there, not committed: try again.
  absl::StatusOr<v1::TreeHead> Commit();

  /// Latest committed head.
  v1::TreeHead Head() const;
  /// Entries [begin, end) in order, committed ones only. `visit` may stop by an error, which is returned.
  [[nodiscard]] absl::Status Read(
      uint64_t begin, uint64_t end,
      const std::function<absl::Status(uint64_t index, const StoredEntry&)>& visit) const;
  absl::StatusOr<std::vector<Digest>> InclusionProof(uint64_t index, uint64_t tree_size) const;
  absl::StatusOr<std::vector<Digest>> ConsistencyProof(uint64_t old_size, uint64_t new_size) const;

  ~Ledger();

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret
