// AES-256-CTR at an offset, for files that others write and read anywhere in (the index). It hides; it does
// not prove: what must not change unseen is sealed with aead.h. Defined beside it, so that the null cipher
// takes this away too.
#pragma once

#include <cstdint>
#include <span>

#include "storage/base/bytes.h"

namespace turret {

inline constexpr size_t kCtrKeyBytes = 32;
inline constexpr size_t kCtrBlockBytes = 16;

/// Encrypts, or decrypts, `data` in place: the piece of a file that begins `offset` bytes behind its start.
/// The block counter begins at 0 with the file; so a key is for one file, and no place in it may be written
/// twice.
void CtrCrypt(Bytes key, uint64_t offset, std::span<uint8_t> data);

}  // namespace turret
