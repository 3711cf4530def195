// RocksDB's files, encrypted: tables, log, manifest and options alike, each under a key of its own.
#pragma once

#include <memory>

#include "rocksdb/env.h"
#include "storage/base/secret.h"

namespace turret::index {

/// Every file begins with a page of 4,096 bytes: "TRTINDX1", a random salt (32), zeros. What follows is
/// AES-256-CTR under HKDF-SHA-256(key, salt, "turret index file"), the counter beginning at the page. Reading
/// a file that does not begin so is Corruption. Thread-safe.
std::unique_ptr<rocksdb::Env> MakeEncryptedEnv(SecretKey key);

}  // namespace turret::index
