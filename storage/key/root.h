// The root of all keys: in a file under a passphrase (scrypt), later in an HSM behind the same interface.
#pragma once

#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/archive.pb.h"

namespace turret {

/// Wraps and unwraps long-lived secrets. Thread-safe.
class RootKey {
 public:
  virtual ~RootKey() = default;
  /// Seals `secret` for one `use` ("month:mifid:2026-11", "ledger-signing", …), bound to use and id.
  virtual absl::StatusOr<v1::RootSealed> Seal(std::string_view use, std::string_view id, Bytes secret) = 0;
  /// Errors: DataLoss when it does not open or its use is not `use`.
  virtual absl::StatusOr<Buffer> Open(std::string_view use, const v1::RootSealed& sealed) = 0;
  /// A key derived for one purpose, always the same for one root: e.g. the index's token key.
  virtual absl::StatusOr<SecretKey> Derive(std::string_view purpose) = 0;
};

inline constexpr size_t kPassphraseBytesMin = 12;

/// What a guess at the passphrase costs (RFC 7914): 128 * n * r bytes of memory; the default is 32 MiB, 0.1
/// s.
struct ScryptCost {
  uint64_t n = uint64_t{1} << 15;
  uint32_t r = 8;
  uint32_t p = 1;
};

/// Creates the root file, durable on return. Errors: AlreadyExists; InvalidArgument when the passphrase is
/// shorter than kPassphraseBytesMin, or the cost is none that scrypt knows.
[[nodiscard]] absl::Status CreateRootFile(Environment& environment, const std::string& path,
                                          std::string_view passphrase, Random& random, ScryptCost cost = {});
/// Errors: NotFound; PermissionDenied when the passphrase is wrong; DataLoss when the file is broken.
absl::StatusOr<std::unique_ptr<RootKey>> OpenRootFile(Environment& environment, const std::string& path,
                                                      std::string_view passphrase,
                                                      Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

}  // namespace turret
