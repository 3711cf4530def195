#include "storage/ledger/entry.h"

#include "storage/base/digest.h"
#include "storage/base/sealed_box.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr uint32_t kVersion = 1;
constexpr size_t kBodyOpeningBytes = 32;

Buffer BodyAad(const v1::Leaf& leaf) {
  Buffer aad = ToBuffer(AsBytes(leaf.ledger_id()));
  Append(aad, AsBytes(leaf.entry_id()));
  return aad;
}

// Fills in what the leaf says about its body; gives the sealed body.
Buffer SealBody(v1::Leaf& leaf, const v1::EntryBody& body, const SealUnder& under, Random& random) {
  Buffer plaintext(kBodyOpeningBytes);
  random.Fill(plaintext);
  Append(plaintext, AsBytes(body.SerializeAsString()));
  Buffer sealed = SealBox(*under.key, BodyAad(leaf), plaintext, random);
  leaf.set_body_book_id(under.book.ToProto());
  leaf.set_body_key_id(under.key_id.ToProto());
  leaf.set_sealed_body_digest(ToString(Sha256(sealed)));
  leaf.set_body_opening_digest(ToString(Sha256(plaintext)));
  Wipe(plaintext);
  return sealed;
}

}  // namespace

StoredEntry MakeEntry(v1::Leaf leaf, LedgerId ledger, const v1::EntryBody* body,
                      const std::optional<SealUnder>& under, Random& random) {
  leaf.set_format_version(kVersion);
  leaf.set_ledger_id(ledger.ToProto());
  leaf.set_hash_algorithm("sha256");
  leaf.set_entry_id(EntryId::Make(random).ToProto());
  StoredEntry entry;
  if (body != nullptr && under.has_value()) entry.sealed_body = SealBody(leaf, *body, *under, random);
  entry.leaf = ToBuffer(AsBytes(leaf.SerializeAsString()));
  return entry;
}

absl::StatusOr<Buffer> OpenBodyBytes(const v1::Leaf& leaf, Bytes sealed_body, const SecretKey& key) {
  if (ToString(Sha256(sealed_body)) != leaf.sealed_body_digest())
    return absl::DataLossError("sealed body is not the one that its leaf commits to");
  TURRET_ASSIGN_OR_RETURN(Buffer plaintext, OpenBox(key, BodyAad(leaf), sealed_body));
  if (plaintext.size() < kBodyOpeningBytes || ToString(Sha256(plaintext)) != leaf.body_opening_digest())
    return absl::DataLossError("body is not the one that its leaf commits to");
  return plaintext;
}

absl::StatusOr<v1::EntryBody> OpenBody(const v1::Leaf& leaf, Bytes sealed_body, const SecretKey& key) {
  TURRET_ASSIGN_OR_RETURN(Buffer plaintext, OpenBodyBytes(leaf, sealed_body, key));
  const Bytes message = Bytes(plaintext).subspan(kBodyOpeningBytes);
  v1::EntryBody body;
  const bool parsed = body.ParseFromArray(message.data(), static_cast<int>(message.size()));
  Wipe(plaintext);
  if (!parsed) return absl::DataLossError("body does not parse");
  return body;
}

}  // namespace turret
