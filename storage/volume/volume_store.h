// Volumes: write-once containers of segments of one storage class and day,
// volumes/<class>/<yyyy-mm-dd>/<id>.vol. Append-only while open, immutable when closed. FORMAT.md, "Volume".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/merkle.h"
#include "storage/base/random.h"
#include "turret/v1/archive.pb.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

inline constexpr uint64_t kVolumeBytesMax = uint64_t{256} * 1024 * 1024;
inline constexpr absl::Duration kVolumeAgeMax = absl::Minutes(15);

/// All volumes of an archive: the seam behind which an object store with Object Lock will fit.
/// Threading: one writer thread calls Append, Commit and CloseOld; the others from any thread.
/// After an error of Append, Commit or CloseOld (other than InvalidArgument) what is on the disk is not
/// known: each later one fails too (FailedPrecondition), and nothing since the last good Commit counts; open
/// the archive again.
class VolumeStore {
 public:
  virtual ~VolumeStore() = default;

  /// Appends a sealed segment (checked by the caller) to the open volume of class and day, opening one when
  /// there is none. In the page cache on return. Fills all of the placement but the timestamps,
  /// `end_sequence`. When the write fails, it goes into a new volume, and with it all since the last Commit:
  /// see there for their placements. Errors: InvalidArgument when `sealed` is no segment of this class, or
  /// the day is none.
  virtual absl::StatusOr<v1::Placement> Append(const std::string& storage_class, const std::string& day,
                                               Bytes sealed) = 0;

  struct Extended {
    v1::VolumeState state;
    v1::VolumeContents contents;  // What was added since the last commit.
    bool closed = false;          // Full, old or broken: a VOLUME_CLOSED entry, and the file is immutable.
  };
  /// Syncs all that was appended since the last Commit. Durable on return; one ledger entry for each answer.
  /// When a sync fails, the file is closed at its last good state (one Extended with `closed`), all segments
  /// since are written to a new volume and synced there: their placements in `contents` are the ones that
  /// count.
  virtual absl::StatusOr<std::vector<Extended>> Commit() = 0;
  /// Closes volumes that are full, older than kVolumeAgeMax, or (`all`) every one.
  virtual absl::StatusOr<std::vector<Extended>> CloseOld(bool all) = 0;

  /// The sealed segment at a placement. Errors: NotFound (no such volume), DataLoss (no whole segment there).
  virtual absl::StatusOr<Buffer> ReadSegment(const VolumeId& volume, uint64_t offset_bytes) const = 0;

  struct Proof {
    uint64_t leaf_index;
    uint64_t tree_size;
    std::vector<Digest> path;
    Digest root;
  };
  /// Inclusion proof of a leaf in the volume's tree as it was with `tree_size` leaves (a VolumeState's).
  virtual absl::StatusOr<Proof> Prove(const VolumeId& volume, uint64_t leaf_index,
                                      uint64_t tree_size) const = 0;

  /// Files that got no protection flag, and why: shown as a warning, since `worm` must not be claimed.
  virtual std::string ProtectionWarning() const = 0;
};

/// What Open found of volumes that were open when the process died. Recovery never truncates: such a volume
/// is closed at its last good record; good records that no ledger entry covers are kept and covered now.
struct RecoveredVolume {
  VolumeStore::Extended closing;  // contents: the segments that no ledger entry covers.
};

/// The embedded default: a local directory. `known` tells what the ledger has of a volume (nullopt: nothing;
/// such a volume is recovered from record 0). What it borrows must outlive it.
class LocalVolumeStore {
 public:
  struct Opened {
    std::unique_ptr<VolumeStore> store;
    std::vector<RecoveredVolume> recovered;
    /// Files that do not hold what the ledger says, or are no volumes of this archive: left as they are, one
    /// text each. Alarm; turret-verify tells more.
    std::vector<std::string> damaged;
  };
  struct Known {
    v1::VolumeState state;
    bool closed;
  };
  using KnownOf = std::function<absl::StatusOr<std::optional<Known>>(const VolumeId&)>;
  /// `directory` is the archive's "volumes". Errors: as Environment, and those of `known`: a volume is
  /// closed, or taken for new, only where it is sure what the ledger has of it.
  static absl::StatusOr<Opened> Open(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                     const std::string& directory, LedgerId ledger,
                                     Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                     Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND, const KnownOf& known);
};

}  // namespace turret
