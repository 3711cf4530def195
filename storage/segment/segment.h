// A segment: at most 10 s of one stream, sealed. The unit of sealing, replication and proof.
// Byte for byte in FORMAT.md, "Segment"; all integers big endian.
//
//   offset  0    4 bytes  magic "TSEG"
//           4    1        format version, 1
//           5    1        suite, 1 = HKDF-SHA-256 + AES-256-GCM, SHA-256
//           6    2        reserved, 0
//           8   16        ledger id
//          24   16        unit id
//          40   16        stream id
//          56    8        sequence: 0, 1, 2 … within the stream
//          64   16        storage class, ASCII, zero padded
//          80   32        salt, derived from unit key and content by who seals
//         112   32        hash of the predecessor: SHA-256 of its sealed bytes; zeros for sequence 0
//         144   32        opening digest: SHA-256(plaintext), which begins with its 32 secret bytes
//         176    4        length of the plaintext
//         180    n        ciphertext
//       180+n   16        tag
//
// Key and nonce: HKDF-SHA-256(unit key, salt, "turret segment v1") → AES key (32) | nonce (12). AAD: the
// first 180 bytes. Segment hash: SHA-256 of all 196+n bytes. Leaf in the volume's tree: data = header (180) |
// SHA-256 of ciphertext and tag: header, digest of the sealed bytes, and (within the header) digest of the
// opening.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret {

inline constexpr size_t kSegmentHeaderBytes = 180;
inline constexpr size_t kSegmentOverheadBytes = kSegmentHeaderBytes + 16;
inline constexpr size_t kSegmentBytesMax = size_t{1} * 1024 * 1024;
inline constexpr size_t kStorageClassBytesMax = 16;
inline constexpr size_t kOpeningBytes = 32;

/// What names a segment; all of it is authenticated.
struct SegmentNames {
  LedgerId ledger;
  UnitId unit;
  StreamId stream;
  uint64_t sequence = 0;
  std::string storage_class;  // [a-z0-9-], 1 to 16 characters.
  Digest predecessor{};       // Hash of the segment before; zeros for sequence 0.

  bool operator==(const SegmentNames&) const = default;
};

struct SegmentHeader {
  SegmentNames names;
  Digest salt{};
  Digest opening_digest{};
  uint32_t plaintext_bytes = 0;
};

/// Seals `plaintext` (opening | …; see segment_plaintext.h). `random` gives the salt, and must not give the
/// same one for another plaintext under this key: node/encode derives it (FORMAT.md, "Salt and openings").
/// Errors: InvalidArgument when the plaintext is over kSegmentBytesMax or the class name is not one.
absl::StatusOr<Buffer> SealSegment(const SegmentNames& names, const SecretKey& unit_key, Bytes plaintext,
                                   Random& random);

/// Reads and checks the header of `sealed`, which must be one whole segment and nothing else. Needs no key.
/// Errors: InvalidArgument, saying which field is wrong.
absl::StatusOr<SegmentHeader> ReadSegmentHeader(Bytes sealed);

/// Opens and checks the opening digest. Errors: InvalidArgument (header), DataLoss (does not open, or the
/// digest does not fit). The plaintext goes into `Buffer`; wipe it after use.
absl::StatusOr<Buffer> OpenSegment(Bytes sealed, const SecretKey& unit_key);

/// SHA-256 of the sealed bytes: what the successor names.
Digest SegmentHash(Bytes sealed);

/// Leaf hash in the volume's Merkle tree. `sealed` must be a whole segment (ReadSegmentHeader was OK).
Digest SegmentLeafHash(Bytes sealed);

}  // namespace turret
