// How an entry is made: a leaf in clear, a body sealed beside it. FORMAT.md, "Ledger".
//
// Ledger blocks are record files (magic "TRTLEDG1"): ledger/<first index, 16 hex digits>.blk; each record is
//   length of leaf, u32 | leaf (protobuf turret.v1.Leaf) | sealed body (sealed box; may be empty)
// Sealed body: SealBox(body key, AAD = ledger id | entry id, opening (32) | EntryBody).
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

/// A body and the key that it is sealed under.
struct SealUnder {
  BookId book;
  KeyId key_id;
  const SecretKey* key;  // Borrowed for the call.
};

struct StoredEntry {
  Buffer leaf;         // Hashed as stored.
  Buffer sealed_body;  // Empty: no body.
};

/// Completes `leaf` (ledger id, entry id, digests, versions) and seals `body`.
StoredEntry MakeEntry(v1::Leaf leaf, LedgerId ledger, const v1::EntryBody* body,
                      const std::optional<SealUnder>& under, Random& random);
/// Errors: DataLoss when the digests in the leaf do not fit the body, or it does not open.
absl::StatusOr<v1::EntryBody> OpenBody(const v1::Leaf& leaf, Bytes sealed_body, const SecretKey& key);
/// The opened body with its opening, as bytes: what an export shows.
absl::StatusOr<Buffer> OpenBodyBytes(const v1::Leaf& leaf, Bytes sealed_body, const SecretKey& key);

}  // namespace turret
