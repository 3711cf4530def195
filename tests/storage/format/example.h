// What the worked example in FORMAT.md takes as given.
#pragma once

#include "gtest/gtest.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "tests/storage/format/page.h"
#include "tests/storage/key/files.h"
#include "tests/support/support.h"

namespace turret::test {

/// 00 01 02 … ff 00 …
class CountingRandom final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = next_++;
  }
  void StartAgain() { next_ = 0; }

 private:
  uint8_t next_ = 0;
};

template <class IdType>
IdType IdOf(uint8_t byte) {
  IdType id;
  id.random.fill(byte);
  return id;
}

class Example : private InMemory, public testing::Test {
 protected:
  CountingRandom random_;
  ManualClock clock_{absl::FromUnixSeconds(1'793'613'600)};  // 2026-11-02T10:00:00Z
  TemporaryFolder folder_;
  PosixEnvironment environment_;

  const LedgerId ledger_ = LedgerId::FromHex("000102030405060708090a0b0c0d0e0f").value();
  const UnitId unit_ = IdOf<UnitId>(0x22);
  const StreamId stream_ = IdOf<StreamId>(0x33);
  const CallId call_ = IdOf<CallId>(0x44);
  const NodeId node_ = IdOf<NodeId>(0x55);
  const std::string class_ = "mifid";
  const std::string day_ = "2026-11-02";
};

}  // namespace turret::test
