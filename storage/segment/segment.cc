#include "storage/segment/segment.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "storage/base/aead.h"
#include "storage/base/merkle.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr std::string_view kMagic = "TSEG";
constexpr uint8_t kFormatVersion = 1;
constexpr uint8_t kSuite = 1;
constexpr std::string_view kKeyInfo = "turret segment v1";

constexpr size_t kLedgerAt = 8;
constexpr size_t kUnitAt = 24;
constexpr size_t kStreamAt = 40;
constexpr size_t kSequenceAt = 56;
constexpr size_t kClassAt = 64;
constexpr size_t kSaltAt = 80;
constexpr size_t kPredecessorAt = 112;
constexpr size_t kOpeningDigestAt = 144;
constexpr size_t kLengthAt = 176;
static_assert(kLengthAt + 4 == kSegmentHeaderBytes);

struct KeyAndNonce {
  std::array<uint8_t, kAeadKeyBytes + kAeadNonceBytes> bytes{};
  ~KeyAndNonce() { Wipe(bytes); }
  Bytes key() const { return Bytes(bytes).first(kAeadKeyBytes); }
  Bytes nonce() const { return Bytes(bytes).subspan(kAeadKeyBytes); }
};

void DeriveKey(const SecretKey& unit_key, Bytes salt, KeyAndNonce& derived) {
  HkdfSha256(unit_key.bytes(), salt, kKeyInfo, derived.bytes);
}

bool IsClassName(std::string_view name) {
  return !name.empty() && name.size() <= kStorageClassBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

absl::Status CheckPredecessor(const SegmentNames& names) {
  const bool zero = names.predecessor == Digest{};
  if (zero == (names.sequence == 0)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("segment: sequence {} {} a predecessor", names.sequence,
                                                zero ? "must name" : "cannot have"));
}

absl::Status CheckFixedFields(Bytes header) {
  if (AsText(header.first(kMagic.size())) != kMagic)
    return absl::InvalidArgumentError("segment: wrong magic");
  if (header[4] != kFormatVersion)
    return absl::InvalidArgumentError(
        fmt::format("segment: format version {}, want {}", header[4], kFormatVersion));
  if (header[5] != kSuite)
    return absl::InvalidArgumentError(fmt::format("segment: suite {}, want {}", header[5], kSuite));
  if (LoadU16(header.subspan(6)) != 0) return absl::InvalidArgumentError("segment: reserved bytes are not 0");
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadClass(Bytes field) {
  const auto end = std::ranges::find(field, uint8_t{0});
  std::string name(field.begin(), end);
  if (!IsClassName(name) || !std::all_of(end, field.end(), [](uint8_t byte) { return byte == 0; }))
    return absl::InvalidArgumentError("segment: storage class is not one");
  return name;
}

template <class Array>
void CopyTo(Bytes from, Array& to) {
  std::copy_n(from.begin(), to.size(), to.begin());
}

Buffer MakeHeader(const SegmentNames& names, Bytes plaintext, Random& random) {
  Digest salt;
  random.Fill(salt);
  Buffer out;
  out.reserve(plaintext.size() + kSegmentOverheadBytes);
  Append(out, AsBytes(kMagic));
  out.push_back(kFormatVersion);
  out.push_back(kSuite);
  StoreU16(out, 0);
  Append(out, names.ledger.bytes());
  Append(out, names.unit.bytes());
  Append(out, names.stream.bytes());
  StoreU64(out, names.sequence);
  Append(out, AsBytes(names.storage_class));
  out.resize(kSaltAt);
  Append(out, salt);
  Append(out, names.predecessor);
  Append(out, Sha256(plaintext));
  StoreU32(out, static_cast<uint32_t>(plaintext.size()));
  return out;
}

}  // namespace

absl::StatusOr<Buffer> SealSegment(const SegmentNames& names, const SecretKey& unit_key, Bytes plaintext,
                                   Random& random) {
  if (plaintext.size() < kOpeningBytes || plaintext.size() > kSegmentBytesMax)
    return absl::InvalidArgumentError(fmt::format("segment: {} bytes of plaintext, want {} to {}",
                                                  plaintext.size(), kOpeningBytes, kSegmentBytesMax));
  if (!IsClassName(names.storage_class))
    return absl::InvalidArgumentError("segment: storage class is not one");
  TURRET_RETURN_IF_ERROR(CheckPredecessor(names));
  Buffer out = MakeHeader(names, plaintext, random);
  KeyAndNonce derived;
  DeriveKey(unit_key, Bytes(out).subspan(kSaltAt, kDigestBytes), derived);
  const Buffer aad = out;
  AeadSeal(derived.key(), derived.nonce(), aad, plaintext, out);
  return out;
}

absl::StatusOr<SegmentHeader> ReadSegmentHeader(Bytes sealed) {
  if (sealed.size() < kSegmentOverheadBytes + kOpeningBytes)
    return absl::InvalidArgumentError(fmt::format("segment: {} bytes are too few", sealed.size()));
  TURRET_RETURN_IF_ERROR(CheckFixedFields(sealed));
  SegmentHeader header;
  CopyTo(sealed.subspan(kLedgerAt), header.names.ledger.random);
  CopyTo(sealed.subspan(kUnitAt), header.names.unit.random);
  CopyTo(sealed.subspan(kStreamAt), header.names.stream.random);
  header.names.sequence = LoadU64(sealed.subspan(kSequenceAt));
  TURRET_ASSIGN_OR_RETURN(header.names.storage_class,
                          ReadClass(sealed.subspan(kClassAt, kStorageClassBytesMax)));
  CopyTo(sealed.subspan(kSaltAt), header.salt);
  CopyTo(sealed.subspan(kPredecessorAt), header.names.predecessor);
  TURRET_RETURN_IF_ERROR(CheckPredecessor(header.names));
  CopyTo(sealed.subspan(kOpeningDigestAt), header.opening_digest);
  header.plaintext_bytes = LoadU32(sealed.subspan(kLengthAt));
  if (header.plaintext_bytes > kSegmentBytesMax ||
      sealed.size() != kSegmentOverheadBytes + header.plaintext_bytes)
    return absl::InvalidArgumentError(
        fmt::format("segment: {} bytes with a plaintext of {} do not fit together", sealed.size(),
                    header.plaintext_bytes));
  return header;
}

absl::StatusOr<Buffer> OpenSegment(Bytes sealed, const SecretKey& unit_key) {
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(sealed));
  KeyAndNonce derived;
  DeriveKey(unit_key, header.salt, derived);
  Buffer plaintext;
  plaintext.reserve(header.plaintext_bytes);
  TURRET_RETURN_IF_ERROR(AeadOpen(derived.key(), derived.nonce(), sealed.first(kSegmentHeaderBytes),
                                  sealed.subspan(kSegmentHeaderBytes), plaintext));
  if (Sha256(plaintext) == header.opening_digest) return plaintext;
  Wipe(plaintext);
  return absl::DataLossError(fmt::format("segment {} of stream {}: opening digest does not fit its plaintext",
                                         header.names.sequence, header.names.stream.ToHex()));
}

Digest SegmentHash(Bytes sealed) { return Sha256(sealed); }

Digest SegmentLeafHash(Bytes sealed) {
  const Digest sealed_digest = Sha256(sealed.subspan(kSegmentHeaderBytes));
  return MerkleLeafHash({sealed.first(kSegmentHeaderBytes), Bytes(sealed_digest)});
}

}  // namespace turret
