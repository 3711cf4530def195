// The volume store in a local directory: see volume_store.h for the contract.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/volume/volume_catalog.h"
#include "storage/volume/volume_file.h"
#include "storage/volume/volume_store.h"

namespace turret {

/// Sets protection flags and remembers where that failed. Thread-safe.
class Protector {
 public:
  explicit Protector(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND) : environment_(environment) {}
  void Protect(const std::string& path, Protection protection);
  /// Notes a closed volume of an earlier process that is not immutable.
  void Check(const std::string& path);
  std::string warning() const;

 private:
  void Note(std::string_view why);

  Environment& environment_;
  mutable absl::Mutex mutex_;
  uint64_t failures_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string last_ ABSL_GUARDED_BY(mutex_);
};

class LocalStore final : public VolumeStore {
 public:
  LocalStore(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, std::string directory, LedgerId ledger,
             Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND, Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND,
             uint64_t volume_bytes_max = kVolumeBytesMax)
      : environment_(environment),
        directory_(std::move(directory)),
        ledger_(ledger),
        clock_(clock),
        random_(random),
        volume_bytes_max_(volume_bytes_max),
        catalog_(environment),
        protector_(environment) {}

  absl::StatusOr<v1::Placement> Append(const std::string& storage_class, const std::string& day,
                                       Bytes sealed) override;
  absl::StatusOr<std::vector<Extended>> Commit() override;
  absl::StatusOr<std::vector<Extended>> CloseOld(bool all) override;
  absl::StatusOr<Buffer> ReadSegment(const VolumeId& volume, uint64_t offset_bytes) const override {
    return catalog_.ReadSegment(volume, offset_bytes);
  }
  absl::StatusOr<Proof> Prove(const VolumeId& volume, uint64_t leaf_index,
                              uint64_t tree_size) const override {
    return catalog_.Prove(volume, leaf_index, tree_size);
  }
  std::string ProtectionWarning() const override { return protector_.warning(); }

  VolumeCatalog& catalog() { return catalog_; }
  Protector& protector() { return protector_; }

 private:
  using Key = std::pair<std::string, std::string>;  // Storage class, day.
  struct Open {
    VolumeId id;
    Key key;
    VolumeWriter writer;
    absl::Duration opened;
    v1::VolumeState committed;  // What the ledger was told, or the header alone.
    v1::VolumeContents added;   // Since.
    std::vector<Buffer> bytes;  // Of what was added, to be written again elsewhere if the sync fails.
  };

  absl::StatusOr<v1::Placement> AppendTo(const Key& key, Bytes sealed);
  absl::StatusOr<Open*> OpenFor(const Key& key, size_t sealed_bytes);
  absl::StatusOr<Open> Create(const Key& key);
  absl::Status CommitAll(bool old, bool all, std::vector<Extended>& done);
  absl::Status CommitOpen(const Key& key, bool old, bool all, std::vector<Extended>& done);
  Extended Extend(Open& open, bool close);
  absl::Status GiveUp(Open open, std::vector<Extended>& done);
  absl::Status CheckUsable() const;

  Environment& environment_;
  const std::string directory_;
  const LedgerId ledger_;
  Clock& clock_;
  Random& random_;
  const uint64_t volume_bytes_max_;
  VolumeCatalog catalog_;
  Protector protector_;

  std::map<Key, Open> open_;
  std::vector<Open> full_;          // Another one is open in their place.
  std::vector<Extended> given_up_;  // Broken and closed; not told yet.
  absl::Status failed_;             // The error that ended this store's life.
};

}  // namespace turret
