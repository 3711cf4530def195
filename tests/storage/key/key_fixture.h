// An archive's keys in a temporary folder: a cheap root, a tree, and books that can be opened again.
#pragma once

#include <memory>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "storage/base/file.h"
#include "storage/key/key_book.h"
#include "storage/key/key_tree.h"
#include "storage/key/root.h"
#include "tests/storage/key/files.h"
#include "tests/support/support.h"

namespace turret::test {

inline constexpr std::string_view kPassphrase = "correct horse battery";
inline constexpr ScryptCost kCheapScrypt{.n = 16, .r = 1, .p = 1};

class KeyFixture : private InMemory, public testing::Test {
 protected:
  KeyFixture() : ledger_(LedgerId::Make(random_)) {
    EXPECT_TRUE(CreateRootFile(environment_, folder_ / "root", kPassphrase, random_, kCheapScrypt).ok());
    root_ = OpenRootFile(environment_, folder_ / "root", kPassphrase, random_).value();
    tree_ = KeyTree::Open(environment_, folder_ / "keys", *root_, random_).value();
  }

  absl::StatusOr<std::unique_ptr<KeyBooks>> OpenBooks(const std::string& directory) {
    return KeyBooks::Open(environment_, directory, ledger_, *tree_, random_);
  }
  absl::StatusOr<std::unique_ptr<KeyBooks>> OpenBooks() { return OpenBooks(folder_ / "books"); }

  uint64_t seed_ = Seed(11);
  SeededRandom random_{seed_};
  TemporaryFolder folder_;
  PosixEnvironment environment_;
  LedgerId ledger_;
  std::unique_ptr<RootKey> root_;
  std::unique_ptr<KeyTree> tree_;
};

inline bool Same(const SecretKey& a, const SecretKey& b) { return ToHex(a.bytes()) == ToHex(b.bytes()); }

}  // namespace turret::test
