// No encryption at all: linked only into the `-null` programs of the tests.
#include "absl/status/status.h"
#include "storage/base/aead.h"
#include "storage/base/ctr.h"

namespace turret {

void AeadSeal(Bytes, Bytes, Bytes, Bytes plaintext, Buffer& out) {
  Append(out, plaintext);
  out.insert(out.end(), kAeadTagBytes, 0);
}

absl::Status AeadOpen(Bytes, Bytes, Bytes, Bytes sealed, Buffer& out) {
  if (sealed.size() < kAeadTagBytes) return absl::DataLossError("too short");
  Append(out, sealed.first(sealed.size() - kAeadTagBytes));
  return absl::OkStatus();
}

void CtrCrypt(Bytes, uint64_t, std::span<uint8_t>) {}

}  // namespace turret
