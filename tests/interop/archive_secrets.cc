#include "tests/interop/archive_secrets.h"

#include <filesystem>
#include <memory>

#include "storage/base/digest.h"
#include "storage/base/status.h"
#include "storage/key/key_book.h"
#include "storage/key/key_tree.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::test {
namespace {

constexpr size_t kRunBytes = 16;
constexpr size_t kRunsPerSegment = 3;

// Segments as they stand in a volume; between them is what frames them.
std::vector<Buffer> SegmentsIn(Bytes volume) {
  std::vector<Buffer> segments;
  for (size_t at = 0; (at = AsText(volume).find("TSEG", at)) != std::string_view::npos; at += 4) {
    if (volume.size() - at < kSegmentHeaderBytes) break;
    uint32_t plaintext_bytes = 0;
    for (size_t i = 176; i < 180; ++i) plaintext_bytes = plaintext_bytes << 8 | volume[at + i];
    if (volume.size() - at < kSegmentOverheadBytes + size_t{plaintext_bytes}) continue;
    const Bytes sealed = volume.subspan(at, kSegmentOverheadBytes + plaintext_bytes);
    if (ReadSegmentHeader(sealed).ok()) segments.emplace_back(sealed.begin(), sealed.end());
  }
  return segments;
}

absl::StatusOr<std::vector<Buffer>> SegmentsUnder(Environment& environment, const std::string& volumes) {
  std::vector<Buffer> segments;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(volumes)) {
    if (!entry.is_regular_file()) continue;
    TURRET_ASSIGN_OR_RETURN(const Buffer volume, environment.ReadAll(entry.path()));
    for (Buffer& segment : SegmentsIn(volume)) segments.push_back(std::move(segment));
  }
  if (segments.empty()) return absl::NotFoundError("no segment in " + volumes);
  return segments;
}

absl::Status AddSecretsOf(Bytes segment, const SecretKey& unit_key, std::vector<Secret>& secrets) {
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(segment));
  SecretKey segment_key;
  HkdfSha256(unit_key.bytes(), header.salt, "turret segment v1", segment_key.mutable_bytes());
  secrets.push_back({"unit key", ToString(unit_key.bytes())});
  secrets.push_back({"segment key", ToString(segment_key.bytes())});
  TURRET_ASSIGN_OR_RETURN(const Buffer opened, OpenSegment(segment, unit_key));
  TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(opened));
  const Bytes media = plaintext.media;
  for (size_t run = 1; run <= kRunsPerSegment; ++run) {
    const size_t at = media.size() * run / (kRunsPerSegment + 1);
    if (at + kRunBytes <= media.size())
      secrets.push_back({"sealed media", ToString(media.subspan(at, kRunBytes))});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Secret>> SecretsOf(const std::string& archive, const std::string& passphrase,
                                              const std::vector<std::string>& call_ids) {
  PosixEnvironment environment;
  SystemRandom random;
  TURRET_ASSIGN_OR_RETURN(const auto root,
                          OpenRootFile(environment, archive + "/keys/root.key", passphrase, random));
  TURRET_ASSIGN_OR_RETURN(const auto tree, KeyTree::Open(environment, archive + "/keys", *root, random));
  TURRET_ASSIGN_OR_RETURN(const std::vector<Buffer> segments,
                          SegmentsUnder(environment, archive + "/volumes"));
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader first, ReadSegmentHeader(segments[0]));
  TURRET_ASSIGN_OR_RETURN(const auto books,
                          KeyBooks::Open(environment, archive + "/books", first.names.ledger, *tree, random));
  std::vector<Secret> secrets;
  for (const Buffer& segment : segments) {
    TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(segment));
    TURRET_ASSIGN_OR_RETURN(const SecretKey unit_key, books->Find(KeyId{header.names.unit.random}));
    TURRET_RETURN_IF_ERROR(AddSecretsOf(segment, unit_key, secrets));
  }
  for (const std::string& call : call_ids) {
    TURRET_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(call));
    TURRET_ASSIGN_OR_RETURN(const SecretKey call_key, books->Find(id));
    secrets.push_back({"call key", ToString(call_key.bytes())});
  }
  return secrets;
}

}  // namespace turret::test
