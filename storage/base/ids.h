// Ids: 128 random bits each, never names. Different things have different types.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/random.h"

namespace turret {

inline constexpr size_t kIdBytes = 16;

namespace internal {
absl::StatusOr<std::array<uint8_t, kIdBytes>> ParseIdBytes(Bytes raw);
absl::StatusOr<std::array<uint8_t, kIdBytes>> ParseIdHex(std::string_view hex);
}  // namespace internal

template <class Tag>
struct Id {
  std::array<uint8_t, kIdBytes> random{};

  auto operator<=>(const Id&) const = default;
  Bytes bytes() const { return random; }
  /// For a protobuf `bytes` field.
  std::string ToProto() const { return ToString(random); }
  std::string ToHex() const { return turret::ToHex(random); }
  bool IsZero() const { return random == std::array<uint8_t, kIdBytes>{}; }

  static Id Make(Random& random) {
    Id id;
    random.Fill(id.random);
    return id;
  }
  /// Errors: InvalidArgument unless `raw` has 16 bytes.
  static absl::StatusOr<Id> FromProto(std::string_view raw) {
    auto parsed = internal::ParseIdBytes(AsBytes(raw));
    if (!parsed.ok()) return parsed.status();
    return Id{*parsed};
  }
  /// Errors: InvalidArgument unless `hex` has 32 hex digits.
  static absl::StatusOr<Id> FromHex(std::string_view hex) {
    auto parsed = internal::ParseIdHex(hex);
    if (!parsed.ok()) return parsed.status();
    return Id{*parsed};
  }

  template <typename H>
  friend H AbslHashValue(H h, const Id& id) {
    return H::combine(std::move(h), id.random);
  }
};

using LedgerId = Id<struct LedgerTag>;
using EntryId = Id<struct EntryTag>;
using VolumeId = Id<struct VolumeTag>;
using BookId = Id<struct BookTag>;
using KeyId = Id<struct KeyTag>;  // Of a wrapped key: equal to the unit id or the call id that it belongs to.
using UnitId = Id<struct UnitTag>;
using CallId = Id<struct CallTag>;
using StreamId = Id<struct StreamTag>;
using SessionId = Id<struct SessionTag>;
using LineId = Id<struct LineTag>;
using NodeId = Id<struct NodeTag>;
using RunId = Id<struct RunTag>;
using FactId = Id<struct FactTag>;
using GapId = Id<struct GapTag>;
using ExportId = Id<struct ExportTag>;

}  // namespace turret
