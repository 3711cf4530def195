// Keys sealed to the archive's intake key of the day: unit keys on their way from node to archive, and a
// node's own key, kept on its disk for after a reboot.
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
/// A node's own key, so that the archive alone opens what a node that lost it left on its disk. Errors as
/// SealUnitKey.
absl::StatusOr<v1::SealedNodeKey> SealNodeKey(const NodeId& node, const std::string& common_name,
                                              const SecretKey& node_key, const v1::IntakeKey& intake,
                                              Random& random);
/// Errors: InvalidArgument (malformed); DataLoss when it does not open with these names.
absl::StatusOr<SecretKey> OpenNodeKey(const v1::SealedNodeKey& message, const SecretKey& intake_private);

/// Errors: InvalidArgument when an id, the class or the day is none.
absl::StatusOr<UnitNames> UnitNamesOf(const v1::UnitOpened& message);

}  // namespace turret
