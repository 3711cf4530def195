// What tests that compare a store with a model of it have in common: seeded choices, and a disk that breaks
// and is cut off between the steps.
#pragma once

#include <gtest/gtest.h>

#include <iterator>

#include "storage/base/bytes.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/support.h"

namespace turret::test {

/// Of one seed. Not thread-safe.
class StoreModel {
 public:
  StoreModel(uint64_t seed, Environment& disk) : seed_(Seed(seed)), disk_(disk) {}

  uint64_t Draw(uint64_t below) { return Below(choices_, below); }
  /// One disk through all restarts.
  FaultyEnvironment& disk() { return disk_; }

  void BreakSomething() {
    using Operation = FaultyEnvironment::Operation;
    constexpr Operation kOperations[] = {Operation::kCreate, Operation::kWrite, Operation::kSync,
                                         Operation::kSyncDirectory};
    const Operation operation = kOperations[Draw(std::size(kOperations))];
    if (Draw(2) == 0)
      disk_.FailNth(operation, 1 + Draw(4));
    else
      disk_.Break(operation);
  }

  /// `open`, as after a kill or a power cut, now and then on a disk that breaks meanwhile: then again on a
  /// good one.
  template <class Open>
  auto Reopen(bool power_cut, const Open& open) {
    disk_.Repair();
    if (power_cut) disk_.PowerCut(choices_);
    if (Draw(3) == 0) BreakSomething();
    auto opened = open();
    disk_.Repair();
    return opened.ok() ? *std::move(opened) : open().value();
  }

  /// 200 steps, `compare` after each: of ten, two reopen, one breaks or repairs the disk, `commits` commit,
  /// the rest change something.
  template <class Reopens, class Commits, class Changes, class Compares>
  void Run(uint64_t commits, const Reopens& reopen, const Commits& commit, const Changes& change,
           const Compares& compare) {
    SCOPED_TRACE(SeedTrace(seed_));
    for (int step = 0; step < 200; ++step) {
      SCOPED_TRACE(step);
      if (const uint64_t choice = Draw(10); choice < 2) {
        reopen(/*power_cut=*/choice == 0);
      } else if (choice == 2) {
        if (Draw(2) == 0)
          BreakSomething();
        else
          disk_.Repair();
      } else if (choice < 3 + commits) {
        commit();
      } else {
        change();
      }
      compare();
      if (testing::Test::HasFailure()) return;
    }
  }

 private:
  const uint64_t seed_;
  SeededRandom choices_{seed_};
  FaultyEnvironment disk_;
};

}  // namespace turret::test
