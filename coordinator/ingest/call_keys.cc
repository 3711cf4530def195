#include "coordinator/ingest/call_keys.h"

#include "storage/base/status.h"
#include "storage/key/intake.h"
#include "storage/key/names.h"

namespace turret::coordinator {
namespace {

// A month key is made for each class and month that is named: a node may not make them for any date at all.
constexpr absl::Duration kDayAgeMax = absl::Hours(24 * 400);
constexpr absl::Duration kDayAheadMax = absl::Hours(48);

// What every book takes as a class name, and none of the archive's own.
bool IsStorageClass(std::string_view name) {
  return CheckClassName(name).ok() && !IsBookClass(name) && name != kNeverRecordClass;
}

bool IsPlausibleDay(std::string_view day, absl::Time now) {
  return CheckDay(day).ok() && day >= UtcDay(now - kDayAgeMax) && day <= UtcDay(now + kDayAheadMax);
}

}  // namespace

ItemOutcome Refused(v1::Refusal::Reason reason, std::string message) {
  return {.kind = ItemOutcome::kRefused, .reason = reason, .message = std::move(message)};
}

absl::StatusOr<ItemOutcome> TakeUnit(ArchiveParts& parts, NodeId node, const v1::UnitOpened& unit) {
  const absl::StatusOr<UnitNames> names = UnitNamesOf(unit);
  if (!names.ok()) return Refused(v1::Refusal::MALFORMED, std::string(names.status().message()));
  if (!IsStorageClass(names->storage_class)) return Refused(v1::Refusal::MALFORMED, "not a storage class");
  if (!IsPlausibleDay(names->day, parts.clock.Utc()))
    return Refused(v1::Refusal::MALFORMED,
                   "the day is no day, or too far from today: is the node's clock right?");
  const absl::StatusOr<SecretKey> intake = parts.keys->IntakePrivate(unit.intake_key_id());
  if (absl::IsNotFound(intake.status()))
    return Refused(v1::Refusal::UNKNOWN_INTAKE_KEY, "no such intake key");
  if (!intake.ok()) return intake.status();
  const absl::StatusOr<SecretKey> key = OpenUnitKey(unit, *intake);
  if (absl::IsInvalidArgument(key.status()))
    return Refused(v1::Refusal::MALFORMED, std::string(key.status().message()));
  if (!key.ok()) return Refused(v1::Refusal::DOES_NOT_OPEN, "the unit key does not open with its intake key");

  const KeyId key_id{names->unit.random};
  const bool known = parts.books->BookOf(key_id).ok();
  const BookName book{.book_class = names->storage_class, .day = names->day};
  const absl::Status added = parts.AddKey(book, key_id, names->call, v1::WrappedKey::UNIT, *key, node);
  if (absl::IsAlreadyExists(added))
    return Refused(v1::Refusal::HASH_CONFLICT, "the unit is held with another key");
  if (!added.ok()) return added;
  return ItemOutcome{.kind = known ? ItemOutcome::kRepeated : ItemOutcome::kStored};
}

absl::Status CallKeys::Ensure(CallId call, std::string_view storage_class, std::string_view day,
                              NodeId node) {
  const KeyId key_id{call.random};
  if (parts_.books->BookOf(key_id).ok()) return absl::OkStatus();
  const BookName book{
      .book_class = IsStorageClass(storage_class) ? std::string(storage_class) : orphan_class_,
      .day = IsPlausibleDay(day, parts_.clock.Utc()) ? std::string(day) : parts_.Today()};
  return parts_.AddKey(book, key_id, call, v1::WrappedKey::CALL, SecretKey::Make(parts_.random), node);
}

}  // namespace turret::coordinator
