// A ledger in a temporary folder that can be closed, copied, cut and opened again.
#pragma once

#include <memory>

#include "gtest/gtest.h"
#include "storage/base/file.h"
#include "storage/ledger/ledger.h"
#include "tests/storage/key/files.h"
#include "tests/support/support.h"

namespace turret::test {

class LedgerFixture : private InMemory, public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Ledger>> Open(const std::string& directory) {
    return Open(environment_, directory);
  }
  absl::StatusOr<std::unique_ptr<Ledger>> Open(Environment& environment, const std::string& directory) {
    return Ledger::Open(environment, directory, seed_key_.Clone(), clock_, random_);
  }

  /// Appends `count` entries with bodies "<label> 0", "<label> 1" …
  void AppendEntries(Ledger& ledger, const std::string& label, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(AppendOne(ledger, label + " " + std::to_string(i)).ok());
  }
  absl::StatusOr<uint64_t> AppendOne(Ledger& ledger, const std::string& text) {
    v1::Leaf leaf;
    leaf.set_kind(v1::CALL);
    v1::EntryBody body;
    body.mutable_accessed()->set_reason(text);
    return ledger.Append(leaf, &body, SealUnder{book_, key_id_, &body_key_});
  }

  /// What stands in the entries [0, size): the bodies' texts, "#<kind>" for entries without.
  std::vector<std::string> Texts(const Ledger& ledger, uint64_t size) {
    std::vector<std::string> texts;
    EXPECT_TRUE(ledger
                    .Read(0, size,
                          [&](uint64_t index, const StoredEntry& entry) {
                            EXPECT_EQ(index, texts.size());
                            v1::Leaf leaf;
                            EXPECT_TRUE(
                                leaf.ParseFromArray(entry.leaf.data(), static_cast<int>(entry.leaf.size())));
                            const auto body = OpenBody(leaf, entry.sealed_body, body_key_);
                            texts.push_back(body.ok() ? body->accessed().reason()
                                                      : "#" + std::to_string(leaf.kind()));
                            return absl::OkStatus();
                          })
                    .ok());
    return texts;
  }
  std::vector<std::string> Texts(const Ledger& ledger) { return Texts(ledger, ledger.Head().size()); }

  uint64_t seed_ = Seed(21);
  SeededRandom random_{seed_};
  ManualClock clock_;
  TemporaryFolder folder_;
  PosixEnvironment environment_;
  SecretKey seed_key_ = SecretKey::Make(random_);
  BookId book_ = BookId::Make(random_);
  KeyId key_id_ = KeyId::Make(random_);
  SecretKey body_key_ = SecretKey::Make(random_);
};

}  // namespace turret::test
