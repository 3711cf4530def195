#include "storage/volume/volume_store.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"
#include "storage/volume/local_store.h"

namespace turret {
namespace {

using Known = LocalVolumeStore::Known;

// What the ledger has must stand in the file, or nullopt with a text that says what does not.
std::optional<std::string> Differs(const VolumeScan& scan, const std::optional<Known>& known) {
  if (!known.has_value()) return std::nullopt;
  const uint64_t leaves = known->state.leaves();
  if (leaves == 0 || leaves > scan.tree.size())
    return fmt::format("has {} good records, the ledger has {}", scan.tree.size(), leaves);
  if (scan.leaf_ends[leaves - 1] != known->state.bytes())
    return fmt::format("record {} ends at {}, in the ledger at {}", leaves - 1, scan.leaf_ends[leaves - 1],
                       known->state.bytes());
  if (ToString(scan.tree.RootAt(leaves)) != known->state.root())
    return fmt::format("has another root over {} records than the ledger", leaves);
  return std::nullopt;
}

class Opener {
 public:
  Opener(Environment& environment, const std::string& directory, LedgerId ledger, Clock& clock,
         Random& random, const LocalVolumeStore::KnownOf& known)
      : environment_(environment),
        directory_(directory),
        ledger_(ledger),
        known_(known),
        store_(std::make_unique<LocalStore>(environment, directory, ledger, clock, random)) {}

  absl::StatusOr<LocalVolumeStore::Opened> Open() {
    TURRET_RETURN_IF_ERROR(environment_.CreateDirectories(directory_));
    TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> classes, environment_.List(directory_));
    for (const std::string& storage_class : classes) {
      const std::string class_folder = JoinPath(directory_, storage_class);
      TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> days, environment_.List(class_folder));
      for (const std::string& day : days)
        if (IsVolumeDay(day)) TURRET_RETURN_IF_ERROR(OpenDay(storage_class, day, day == days.back()));
    }
    opened_.store = std::move(store_);
    return std::move(opened_);
  }

 private:
  absl::Status OpenDay(const std::string& storage_class, const std::string& day, bool newest) {
    const std::string folder = JoinPath(JoinPath(directory_, storage_class), day);
    TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> names, environment_.List(folder));
    for (const std::string& name : names) {
      const absl::StatusOr<VolumeId> volume = VolumeOfFileName(name);
      if (!volume.ok()) continue;
      TURRET_ASSIGN_OR_RETURN(const std::optional<Known> known, known_(*volume));
      const bool closed = known.has_value() && known->closed;
      if (closed && newest) store_->protector().Check(JoinPath(folder, name));
      if (closed)
        store_->catalog().Add(*volume, folder);
      else
        TURRET_RETURN_IF_ERROR(Recover(*volume, storage_class, day, folder, known));
    }
    return absl::OkStatus();
  }

  absl::Status Recover(const VolumeId& volume, const std::string& storage_class, const std::string& day,
                       const std::string& folder, const std::optional<Known>& known) {
    const std::string path = JoinPath(folder, VolumeFileName(volume));
    TURRET_RETURN_IF_ERROR(environment_.SyncAndForget(path));
    TURRET_ASSIGN_OR_RETURN(const bool stillborn, IsStillborn(path));
    if (stillborn && !known.has_value()) return absl::OkStatus();
    store_->catalog().Add(volume, folder);  // Also when damaged: what can be read is checked by who reads it.
    absl::StatusOr<VolumeScan> scan = ScanVolume(environment_, path);
    if (absl::IsDataLoss(scan.status())) return Damaged(path, std::string(scan.status().message()));
    TURRET_RETURN_IF_ERROR(scan.status());
    const v1::VolumeHeader& header = scan->header;
    if (header.volume_id() != volume.ToProto() || header.ledger_id() != ledger_.ToProto() ||
        header.storage_class() != storage_class || header.day() != day)
      return Damaged(path, "its header names another volume, ledger, class or day");
    if (const std::optional<std::string> difference = Differs(*scan, known))
      return Damaged(path, *difference);
    store_->protector().Protect(path, Protection::kImmutable);
    KillPoint("volume_recovered");
    opened_.recovered.push_back({Closing(volume, *scan, known)});
    return absl::OkStatus();
  }

  // A crash at its birth: no whole record 0.
  absl::StatusOr<bool> IsStillborn(const std::string& path) {
    TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path));
    TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
    return size_bytes < kMagicBytes || !ReadRecord(*file, kMagicBytes).ok();
  }

  absl::Status Damaged(const std::string& path, const std::string& what) {
    opened_.damaged.push_back(fmt::format("{}: {}", path, what));
    return absl::OkStatus();
  }

  static VolumeStore::Extended Closing(const VolumeId& volume, VolumeScan& scan,
                                       const std::optional<Known>& known) {
    VolumeStore::Extended closing{.closed = true};
    closing.state.set_volume_id(volume.ToProto());
    closing.state.set_leaves(scan.tree.size());
    closing.state.set_root(ToString(scan.tree.Root()));
    closing.state.set_bytes(scan.leaf_ends.back());
    closing.state.set_tail_bytes(scan.tail_bytes);
    if (scan.tail_bytes > 0) closing.state.set_tail_digest(ToString(scan.tail_digest));
    closing.contents.set_volume_id(volume.ToProto());
    closing.contents.set_storage_class(scan.header.storage_class());
    closing.contents.set_day(scan.header.day());
    const uint64_t known_leaves = known.has_value() ? known->state.leaves() : 1;
    for (uint64_t leaf = known_leaves; leaf < scan.tree.size(); ++leaf)
      *closing.contents.add_placements() = std::move(scan.placements[leaf - 1]);
    return closing;
  }

  Environment& environment_;
  const std::string directory_;
  const LedgerId ledger_;
  const LocalVolumeStore::KnownOf& known_;
  std::unique_ptr<LocalStore> store_;
  LocalVolumeStore::Opened opened_;
};

}  // namespace

absl::StatusOr<LocalVolumeStore::Opened> LocalVolumeStore::Open(Environment& environment,
                                                                const std::string& directory, LedgerId ledger,
                                                                Clock& clock, Random& random,
                                                                const KnownOf& known) {
  return Opener(environment, directory, ledger, clock, random, known).Open();
}

}  // namespace turret
