#include "storage/key/intake.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/key/hpke.h"
#include "storage/key/names.h"

namespace turret {
namespace {

constexpr std::string_view kInfo = "turret unit key v1";
constexpr std::string_view kNodeInfo = "turret node key v1";
constexpr size_t kCommonNameBytesMax = 256;

absl::Status Check(const UnitNames& names) {
  TURRET_RETURN_IF_ERROR(CheckClassName(names.storage_class));
  return CheckDay(names.day);
}

Buffer Aad(const UnitNames& names) {
  Buffer aad = ToBuffer(names.unit.bytes());
  Append(aad, names.call.bytes());
  Append(aad, AsBytes(names.storage_class));
  aad.resize(2 * kIdBytes + kClassBytesMax);
  Append(aad, AsBytes(names.day));
  return aad;
}

absl::StatusOr<X25519Public> PublicKeyFrom(std::string_view raw) {
  X25519Public key{};
  if (raw.size() != key.size())
    return absl::InvalidArgumentError(
        fmt::format("X25519 public key: {} bytes, want {}", raw.size(), key.size()));
  std::copy(raw.begin(), raw.end(), key.begin());
  return key;
}

Buffer NodeAad(const NodeId& node, std::string_view common_name) {
  Buffer aad = ToBuffer(node.bytes());
  Append(aad, AsBytes(common_name));
  return aad;
}

}  // namespace

absl::StatusOr<v1::UnitOpened> SealUnitKey(const UnitNames& names, const SecretKey& unit_key,
                                           const v1::IntakeKey& intake, Random& random) {
  TURRET_RETURN_IF_ERROR(Check(names));
  TURRET_ASSIGN_OR_RETURN(const X25519Public recipient, PublicKeyFrom(intake.public_key()));
  TURRET_ASSIGN_OR_RETURN(const HpkeSealed sealed,
                          HpkeSeal(recipient, kInfo, Aad(names), unit_key.bytes(), random));
  v1::UnitOpened message;
  message.set_unit_id(names.unit.ToProto());
  message.set_call_id(names.call.ToProto());
  message.set_storage_class(names.storage_class);
  message.set_day(names.day);
  message.set_intake_key_id(intake.key_id());
  message.set_encapsulated_key(ToString(sealed.encapsulated_key));
  message.set_sealed_key(ToString(sealed.ciphertext));
  return message;
}

absl::StatusOr<UnitNames> UnitNamesOf(const v1::UnitOpened& message) {
  UnitNames names;
  TURRET_ASSIGN_OR_RETURN(names.unit, UnitId::FromProto(message.unit_id()));
  TURRET_ASSIGN_OR_RETURN(names.call, CallId::FromProto(message.call_id()));
  names.storage_class = message.storage_class();
  names.day = message.day();
  TURRET_RETURN_IF_ERROR(Check(names));
  return names;
}

absl::StatusOr<SecretKey> OpenUnitKey(const v1::UnitOpened& message, const SecretKey& intake_private) {
  TURRET_ASSIGN_OR_RETURN(const UnitNames names, UnitNamesOf(message));
  TURRET_ASSIGN_OR_RETURN(const X25519Public encapsulated, PublicKeyFrom(message.encapsulated_key()));
  TURRET_ASSIGN_OR_RETURN(
      Buffer raw, HpkeOpen(intake_private, encapsulated, kInfo, Aad(names), AsBytes(message.sealed_key())));
  absl::StatusOr<SecretKey> key = SecretKey::From(raw);
  Wipe(raw);
  return key;
}

absl::StatusOr<v1::SealedNodeKey> SealNodeKey(const NodeId& node, const std::string& common_name,
                                              const SecretKey& node_key, const v1::IntakeKey& intake,
                                              Random& random) {
  TURRET_ASSIGN_OR_RETURN(const X25519Public recipient, PublicKeyFrom(intake.public_key()));
  TURRET_ASSIGN_OR_RETURN(const HpkeSealed sealed, HpkeSeal(recipient, kNodeInfo, NodeAad(node, common_name),
                                                            node_key.bytes(), random));
  v1::SealedNodeKey message;
  message.set_node_id(node.ToProto());
  message.set_common_name(common_name);
  message.set_intake_key_id(intake.key_id());
  message.set_encapsulated_key(ToString(sealed.encapsulated_key));
  message.set_sealed_key(ToString(sealed.ciphertext));
  return message;
}

absl::StatusOr<SecretKey> OpenNodeKey(const v1::SealedNodeKey& message, const SecretKey& intake_private) {
  TURRET_ASSIGN_OR_RETURN(const NodeId node, NodeId::FromProto(message.node_id()));
  if (message.common_name().size() > kCommonNameBytesMax)
    return absl::InvalidArgumentError("sealed node key: its name is too long");
  TURRET_ASSIGN_OR_RETURN(const X25519Public encapsulated, PublicKeyFrom(message.encapsulated_key()));
  TURRET_ASSIGN_OR_RETURN(
      Buffer raw, HpkeOpen(intake_private, encapsulated, kNodeInfo, NodeAad(node, message.common_name()),
                           AsBytes(message.sealed_key())));
  absl::StatusOr<SecretKey> key = SecretKey::From(raw);
  Wipe(raw);
  return key;
}

}  // namespace turret
