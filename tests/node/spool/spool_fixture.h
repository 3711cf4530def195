// A spool in a folder of its own, with a faulty disk under it; and what a reader of it finds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "node/spool/spool.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/support.h"

namespace turret::node {

/// A record, whatever its kind, as text.
struct Seen {
  uint64_t position;
  std::string what;
  bool operator==(const Seen&) const = default;
  friend void PrintTo(const Seen& seen, std::ostream* out) { *out << seen.position << " " << seen.what; }
};

class Collector final : public RecordVisitor {
 public:
  void OnDatagram(uint64_t position, const Datagram& datagram) override {
    seen.push_back({position, "datagram " + ToString(datagram.bytes)});
  }
  void OnUnitKey(uint64_t position, UnitKeyRecord unit) override {
    seen.push_back(
        {position, "key " + unit.unit.ToHex() + unit.storage_class + unit.day + ToHex(unit.key.bytes())});
  }
  void OnFact(uint64_t position, v1::Fact fact) override {
    seen.push_back({position, "fact " + fact.fact_id()});
  }
  std::vector<Seen> seen;
};

class SpoolTest : public ::testing::Test {
 protected:
  using Operation = test::FaultyEnvironment::Operation;

  void Open() {
    spool_.reset();
    auto opened = Spool::Open(options_, environment_, key_.Clone(), clock_, random_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    spool_ = *std::move(opened);
  }

  absl::Status AppendDatagram(const std::string& text, StreamId stream = {}) {
    const Datagram datagram{.stream = stream, .arrival_utc_ns = 7, .bytes = AsBytes(text)};
    return spool_->AppendDatagrams({&datagram, 1});
  }

  /// All blocks from `position` on; stops at the first error.
  std::vector<Seen> ReadFrom(uint64_t position) {
    Collector collector;
    while (true) {
      auto block = spool_->Read(position, absl::ZeroDuration());
      EXPECT_TRUE(block.ok()) << block.status();
      if (!block.ok() || *block == nullptr) return collector.seen;
      EXPECT_GT((*block)->end_position(), position);
      EXPECT_TRUE((*block)->Visit(collector).ok());
      position = (*block)->end_position();
    }
  }
  std::vector<std::string> TextsFrom(uint64_t position) {
    std::vector<std::string> texts;
    for (const Seen& seen : ReadFrom(position)) texts.push_back(seen.what);
    return texts;
  }
  std::vector<std::string> Files() { return posix_.List(options_.directory).value(); }
  std::string PathOf(const std::string& name) { return JoinPath(options_.directory, name); }

  const uint64_t seed_ = test::Seed(20261);
  test::TemporaryFolder folder_;
  PosixEnvironment posix_;
  test::FaultyEnvironment environment_{posix_};
  test::ManualClock clock_;
  test::SeededRandom random_{seed_};
  SecretKey key_ = SecretKey::Make(random_);
  SpoolOptions options_{.directory = folder_ / "spool", .extent_bytes = 256 * 1024};
  std::unique_ptr<Spool> spool_;
};

}  // namespace turret::node
