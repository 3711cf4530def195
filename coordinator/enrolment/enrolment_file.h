// The enrolment file: which lines there are, whose they are, how a call is told to be theirs, and how it is
// kept. YAML, read strictly: an unknown key is an error with its line number. So is the storage class `none`
// (never record), as long as no node honours it: who writes it must learn that the line would be recorded all
// the same.
//
//   orphans: { storage_class: mifid, rules: [mifid7] }
//   lines:
//     - name: LDN-EQ-014/1
//       trader: Ada Ashdown
//       desk: London Equities
//       device: turret-014              # optional
//       policy: exact                   # exact | opus (default)
//       opus_bitrate: 24000             # optional, 6000..128000
//       storage_class: mifid
//       rules: [mifid5]
//       media_profile: continuous       # optional: continuous | silence-suppressed | push-to-talk
//       proof_age: 24h                  # optional
//       match: [ { aor: "sip:ada@bank.example" }, { label: "14-1" }, { device: "…" }, { source: "10.0.0.1" }
//       ]
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/base/random.h"
#include "turret/v1/ledger.pb.h"

namespace turret::coordinator {

inline constexpr size_t kEnrolmentBytesMax = size_t{64} * 1024 * 1024;

/// Errors: InvalidArgument with the line number and what to write instead.
absl::StatusOr<v1::EnrolmentChanged> ParseEnrolment(std::string_view yaml);

/// Next version of the enrolment: lines keep the id that their name had in `previous`, new ones get a random
/// id and are enrolled at `now`, those that are gone are kept as retired at `now`. Nullopt when nothing
/// changed.
absl::StatusOr<std::optional<v1::EnrolmentChanged>> NextEnrolment(const v1::EnrolmentChanged* previous,
                                                                  v1::EnrolmentChanged document,
                                                                  absl::Time now, Random& random);

/// What a node is told.
v1::Enrolment ForNode(const v1::EnrolmentChanged& enrolment);

}  // namespace turret::coordinator
