// Volumes with a ledger that is a map: it takes in what the store answers and checks that it may.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "storage/segment/segment.h"
#include "storage/volume/volume_file.h"
#include "storage/volume/volume_store.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/support.h"

namespace turret {

inline constexpr char kClass[] = "mifid";
inline constexpr char kDay[] = "2026-09-21";

class VolumeTest : public ::testing::Test {
 protected:
  using Operation = test::FaultyEnvironment::Operation;
  using Extended = VolumeStore::Extended;
  struct Covered {
    VolumeId volume;
    v1::Placement placement;
    uint64_t tree_size;
  };

  /// Opens the store; what it recovered goes into the ledger.
  void Open() {
    store_.reset();
    const auto known = [&](const VolumeId& id) {
      const auto it = states_.find(id);
      return it == states_.end() ? std::nullopt : std::optional(it->second);
    };
    auto opened = LocalVolumeStore::Open(environment_, directory_, ledger_, clock_, random_, known);
    if (!opened.ok()) {  // An injected fault: the operator tries again.
      environment_.Repair();
      opened = LocalVolumeStore::Open(environment_, directory_, ledger_, clock_, random_, known);
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = std::move(opened->store);
    damaged_ = opened->damaged;
    recovered_ = opened->recovered.size();
    for (const RecoveredVolume& volume : opened->recovered) Enter(volume.closing);
  }

  Buffer MakeSegment(size_t plaintext_bytes = 100, const std::string& storage_class = kClass) {
    Buffer plaintext(plaintext_bytes);
    random_.Fill(plaintext);
    const SegmentNames names{.ledger = ledger_,
                             .unit = UnitId::Make(random_),
                             .stream = StreamId::Make(random_),
                             .storage_class = storage_class};
    return SealSegment(names, unit_key_, plaintext, random_).value();
  }

  absl::StatusOr<v1::Placement> Append(const Buffer& sealed, const std::string& day = kDay) {
    auto placement = store_->Append(kClass, day, sealed);
    if (placement.ok()) sent_[ToString(SegmentHash(sealed))] = sealed;
    return placement;
  }

  /// The ledger's entry. States only grow; none follows the closing one.
  void Enter(const Extended& extended) {
    const VolumeId id = VolumeId::FromProto(extended.state.volume_id()).value();
    const auto it = states_.find(id);
    if (it != states_.end()) {
      EXPECT_FALSE(it->second.closed);
      EXPECT_GE(extended.state.leaves(), it->second.state.leaves());
      EXPECT_GE(extended.state.bytes(), it->second.state.bytes());
    }
    EXPECT_TRUE(extended.closed || extended.state.tail_bytes() == 0);
    states_[id] = {extended.state, extended.closed};
    for (const v1::Placement& placement : extended.contents.placements())
      covered_[placement.segment_hash()] = {id, placement, extended.state.leaves()};
    contents_[id] = extended.contents;
  }
  void Enter(const std::vector<Extended>& all) {
    for (const Extended& extended : all) Enter(extended);
  }
  void Commit() {
    auto extended = store_->Commit();
    ASSERT_TRUE(extended.ok()) << extended.status();
    Enter(*extended);
  }

  /// Everything that the ledger covers is there, reads as it was sent, and proves under its volume's root;
  /// and nothing in a closed file is unaccounted for.
  void Check() {
    for (const auto& [hash, at] : covered_) {
      const auto sealed = store_->ReadSegment(at.volume, at.placement.offset_bytes());
      ASSERT_TRUE(sealed.ok()) << sealed.status();
      ASSERT_EQ(*sealed, sent_.at(hash));
      const auto proof =
          store_->Prove(at.volume, at.placement.leaf_index(), states_.at(at.volume).state.leaves());
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_EQ(ToString(proof->root), states_.at(at.volume).state.root());
      ASSERT_TRUE(VerifyInclusion(SegmentLeafHash(*sealed), proof->leaf_index, proof->tree_size, proof->path,
                                  proof->root));
    }
    for (const auto& [id, known] : states_) {
      const Buffer content = posix_.ReadAll(PathOf(id)).value();
      if (!known.closed) continue;
      ASSERT_EQ(content.size(), known.state.bytes() + known.state.tail_bytes());
      if (known.state.tail_bytes() == 0) continue;
      ASSERT_EQ(known.state.tail_digest(), ToString(Sha256(Bytes(content).subspan(known.state.bytes()))));
    }
  }

  std::string PathOf(const VolumeId& id, const std::string& day = kDay) {
    return JoinPath(JoinPath(JoinPath(directory_, kClass), day), VolumeFileName(id));
  }
  /// Whether the file system knows the flags, and we may set them.
  bool CanProtect() {
    const std::string path = folder_ / "probe";
    if (!posix_.CreateForAppend(path).ok()) return false;
    const bool can = posix_.Protect(path, Protection::kAppendOnly).ok();
    posix_.Protect(path, Protection::kNone).IgnoreError();
    posix_.Remove(path).IgnoreError();
    return can;
  }

  const uint64_t seed_ = test::Seed(4);
  test::TemporaryFolder folder_;
  const std::string directory_ = folder_ / "volumes";
  PosixEnvironment posix_;
  test::FaultyEnvironment environment_{posix_};
  test::ManualClock clock_;
  test::SeededRandom random_{seed_};
  const LedgerId ledger_ = LedgerId::Make(random_);
  const SecretKey unit_key_ = SecretKey::Make(random_);
  std::unique_ptr<VolumeStore> store_;
  std::vector<std::string> damaged_;
  size_t recovered_ = 0;

  std::map<VolumeId, LocalVolumeStore::Known> states_;
  std::map<VolumeId, v1::VolumeContents> contents_;  // Of the last entry.
  std::map<std::string, Covered> covered_;           // By segment hash.
  std::map<std::string, Buffer> sent_;
};

}  // namespace turret
