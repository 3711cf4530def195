// Unit keys on their way from node to archive: made by the node, sealed to the archive's intake key of the
// day.
#pragma once

#include "absl/status/statusor.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/replication.pb.h"

namespace turret {

/// Who the unit key is for; the AAD of its seal.
struct UnitNames {
  UnitId unit;
  CallId call;
  std::string storage_class;
  std::string day;  // yyyy-mm-dd of the call's start, UTC.
};

/// Node's side. Errors: InvalidArgument when class or day is none, or the intake key no good X25519 key.
absl::StatusOr<v1::UnitOpened> SealUnitKey(const UnitNames& names, const SecretKey& unit_key,
                                           const v1::IntakeKey& intake, Random& random);

/// Archive's side: opens with the intake key's private half. Errors: InvalidArgument (malformed); DataLoss
/// when it does not open with these names.
absl::StatusOr<SecretKey> OpenUnitKey(const v1::UnitOpened& message, const SecretKey& intake_private);
/// Errors: InvalidArgument when an id, the class or the day is none.
absl::StatusOr<UnitNames> UnitNamesOf(const v1::UnitOpened& message);

}  // namespace turret
