#include "storage/ledger/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr std::string_view kSignaturePrefix = "\u2014 ";
constexpr size_t kKeyHashBytes = 4;
constexpr uint8_t kEd25519Algorithm = 1;

std::string Base64(Bytes bytes) {
  return absl::Base64Escape(absl::string_view(AsText(bytes).data(), bytes.size()));
}

// Nullopt unless `text` is the one way to write its bytes.
std::optional<Buffer> FromBase64(std::string_view text) {
  std::string raw;
  if (!absl::Base64Unescape(absl::string_view(text.data(), text.size()), &raw) ||
      Base64(AsBytes(raw)) != text)
    return std::nullopt;
  return ToBuffer(AsBytes(raw));
}

Buffer KeyHash(std::string_view name, const Ed25519Public& key) {
  const uint8_t middle[] = {'\n', kEd25519Algorithm};
  const Digest digest = Sha256({AsBytes(name), middle, key});
  return ToBuffer(Bytes(digest).first(kKeyHashBytes));
}

std::string TextOf(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size, Base64(checkpoint.root));
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::optional<Checkpoint> ParseText(std::string_view signed_text) {
  const std::vector<std::string_view> lines = Lines(signed_text);
  if (lines.size() != 3 || lines[0].empty()) return std::nullopt;
  Checkpoint checkpoint{.origin = std::string(lines[0])};
  const std::string_view size = lines[1];
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), checkpoint.size);
  const std::optional<Buffer> root = FromBase64(lines[2]);
  if (error != std::errc{} || end != size.data() + size.size() || !root.has_value() ||
      root->size() != kDigestBytes)
    return std::nullopt;
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  if (TextOf(checkpoint) != signed_text) return std::nullopt;
  return checkpoint;
}

// One line may carry our signature; others are witnesses' and none of our business here.
bool IsSignedBy(std::string_view line, const Checkpoint& checkpoint, std::string_view signed_text,
                const Ed25519Public& key) {
  const std::string prefix = fmt::format("{}{} ", kSignaturePrefix, checkpoint.origin);
  if (!line.starts_with(prefix)) return false;
  const std::optional<Buffer> raw = FromBase64(line.substr(prefix.size()));
  Ed25519Signature signature{};
  if (!raw.has_value() || raw->size() != kKeyHashBytes + signature.size()) return false;
  if (!std::ranges::equal(Bytes(*raw).first(kKeyHashBytes), KeyHash(checkpoint.origin, key))) return false;
  std::ranges::copy(Bytes(*raw).subspan(kKeyHashBytes), signature.begin());
  return Ed25519Verify(key, AsBytes(signed_text), signature);
}

}  // namespace

std::string SignCheckpoint(const Checkpoint& checkpoint, const SecretKey& seed) {
  const std::string text = TextOf(checkpoint);
  Buffer signature = KeyHash(checkpoint.origin, Ed25519PublicOf(seed));
  Append(signature, Ed25519Sign(seed, AsBytes(text)));
  return fmt::format("{}\n{}{} {}\n", text, kSignaturePrefix, checkpoint.origin, Base64(signature));
}

absl::StatusOr<std::string> SignedText(std::string_view text) {
  const size_t end = text.find("\n\n");
  if (end == std::string_view::npos) return absl::InvalidArgumentError("not a checkpoint: no empty line");
  return std::string(text.substr(0, end + 1));
}

absl::StatusOr<Checkpoint> ReadCheckpoint(std::string_view text, const Ed25519Public& key) {
  TURRET_ASSIGN_OR_RETURN(const std::string signed_text, SignedText(text));
  const std::optional<Checkpoint> checkpoint = ParseText(signed_text);
  const std::vector<std::string_view> signatures = Lines(text.substr(signed_text.size() + 1));
  if (!checkpoint.has_value() || signatures.empty())
    return absl::InvalidArgumentError("not a checkpoint: want origin, size, root, and signatures");
  for (std::string_view line : signatures)
    if (IsSignedBy(line, *checkpoint, signed_text, key)) return *checkpoint;
  return absl::PermissionDeniedError(
      fmt::format("checkpoint of size {} has no valid signature by the key asked for", checkpoint->size));
}

}  // namespace turret
