// A spool with a unit's key in it, and the search for keys in every file of it.
#pragma once

#include "node/spool/extent.h"
#include "tests/node/spool/spool_fixture.h"
#include "tests/support/clear_text.h"

namespace turret::node {

class ClearKeysTest : public SpoolTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(AppendDatagram("audio").ok());
    ASSERT_TRUE(spool_
                    ->AppendUnitKey({.unit = UnitId::Make(random_),
                                     .call = CallId::Make(random_),
                                     .storage_class = "mifid",
                                     .day = "2026-09-21",
                                     .key = unit_key_.Clone()})
                    .ok());
    ASSERT_TRUE(spool_->Commit().ok());
    ASSERT_EQ(Files().size(), 1u);
    extent_key_ = ScanExtent(posix_, PathOf(Files()[0]), key_).value().key->Clone();
  }

  std::vector<std::string> FilesWith(const SecretKey& key) const {
    return test::FindUnder(options_.directory, AsText(key.bytes()));
  }

  SecretKey unit_key_ = SecretKey::Make(random_);
  SecretKey extent_key_;
};

}  // namespace turret::node
