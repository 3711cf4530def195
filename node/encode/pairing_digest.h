// The 4-byte digest of a payload in the packet table: HMAC-SHA-256 under the day's pairing key, cut off. By
// it, two nodes' copies of a stream are joined later, even where only Opus was kept.
#pragma once

#include <cstdint>
#include <memory>

#include "storage/base/bytes.h"

namespace turret::node {

/// Keyed once, then cheap enough for every packet. Threading: one thread at a time.
class PairingDigest {
 public:
  explicit PairingDigest(Bytes pairing_key);
  ~PairingDigest();
  PairingDigest(PairingDigest&&) noexcept;
  uint32_t Of(Bytes payload);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
