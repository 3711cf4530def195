// The spool against a vector, compared after each step, over seeded sequences of append, commit, trim, kill
// and power cut on a disk that fails. TURRET_MODEL_SEQUENCES sets how many; the failing seed is printed, and
// TURRET_TEST_SEED with one sequence repeats it.
#include <cstdlib>
#include <random>

#include "gtest/gtest.h"
#include "tests/node/spool/spool_fixture.h"
#include "tests/support/memory_disk.h"

namespace turret::node {
namespace {

using test::MemoryDisk;

// Snapshots with a number, which needs less and less. Each part says whose it is.
class NumberedSource final : public SnapshotSource {
 public:
  explicit NumberedSource(std::mt19937_64& engine) : engine_(engine) {}
  uint64_t OldestNeeded(uint64_t acknowledged) override {
    if (engine_() % 2 == 0) needed_ = std::max(needed_, std::min(acknowledged, needed_ + engine_() % 4096));
    return needed_;
  }
  Snapshot Take(uint64_t acknowledged) override {
    Snapshot snapshot;
    snapshot.acknowledged = acknowledged;
    snapshot.oldest_needed = OldestNeeded(acknowledged);
    const size_t parts = 1 + engine_() % 3;
    ++number_;
    for (size_t i = 0; i < parts; ++i) {
      v1::CallState state;
      state.set_call_id(std::to_string(number_) + std::string(engine_() % 300, 'x'));
      state.set_position(number_);
      const std::string bytes = state.SerializeAsString();
      AppendCallStateRecord(snapshot.parts.emplace_back(), AsBytes(bytes), {});
    }
    taken_[number_] = {snapshot.oldest_needed, acknowledged, parts};
    return snapshot;
  }
  // Zero: none. Fails when it is not one of those taken, whole.
  uint64_t NumberOf(const Snapshot* snapshot) const {
    if (snapshot == nullptr) return 0;
    class Numbers final : public RecordVisitor {
     public:
      void OnDatagram(uint64_t, const Datagram&) override {}
      void OnUnitKey(uint64_t, UnitKeyRecord) override {}
      void OnFact(uint64_t, v1::Fact) override {}
      void OnCallState(v1::CallState state) override { numbers.push_back(state.position()); }
      std::vector<uint64_t> numbers;
    } visitor;
    for (const Buffer& part : snapshot->parts) EXPECT_TRUE(Block(0, part).Visit(visitor).ok());
    if (visitor.numbers.empty()) return ADD_FAILURE() << "an empty snapshot", 0;
    const uint64_t number = visitor.numbers.front();
    const auto& [needed, acknowledged, parts] = taken_.at(number);
    EXPECT_EQ(visitor.numbers, std::vector<uint64_t>(parts, number));
    EXPECT_EQ(snapshot->oldest_needed, needed);
    EXPECT_EQ(snapshot->acknowledged, acknowledged);
    return number;
  }
  void GoOnFrom(const Snapshot* snapshot) { needed_ = snapshot == nullptr ? 0 : snapshot->oldest_needed; }

 private:
  std::mt19937_64& engine_;
  uint64_t number_ = 0;
  uint64_t needed_ = 0;
  std::map<uint64_t, std::tuple<uint64_t, uint64_t, size_t>> taken_;
};

class Model {
 public:
  explicit Model(uint64_t seed) : engine_(seed), random_(seed), source_(engine_) {
    options_.directory = "/spool";
    options_.extent_bytes = 4096;
    options_.memory_bytes_max = Below(2) == 0 ? 8 * 1024 : 1024 * 1024;
    options_.bytes_max = Below(4) == 0 ? 24 * 1024 : 1024 * 1024;
    with_source_ = Below(2) == 0;
  }

  void Run(int steps) {
    Reopen();
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      if (Below(5) == 0)
        disk_.FailNth(static_cast<MemoryDisk::Operation>(Below(MemoryDisk::kOperations - 1)), 1 + Below(3));
      Step();
      disk_.Repair();
      Compare();
    }
  }

 private:
  size_t Below(size_t bound) { return engine_() % bound; }

  void Step() {
    switch (Below(12)) {
      case 0:
        return Kill();
      case 1:
        return CutPower();
      case 2:
      case 3:
        return Trim();
      case 4:
      case 5:
      case 6:
        return Commit();
      case 7:
        return AppendFact();
      default:
        return Append();
    }
  }

  void Append() {
    std::vector<std::string> texts;
    std::vector<Datagram> datagrams;
    for (size_t i = 1 + Below(4); i > 0; --i)
      texts.push_back(std::to_string(++named_) + std::string(Below(400), 'x'));
    for (const std::string& text : texts) datagrams.push_back({.bytes = AsBytes(text)});
    if (!spool_->AppendDatagrams(datagrams).ok()) return;  // As a whole: the disk is full, or memory is.
    for (const std::string& text : texts) waiting_.push_back("datagram " + text);
  }
  void AppendFact() {
    v1::Fact fact;
    fact.set_fact_id(std::to_string(++named_));
    if (spool_->AppendFact(fact).ok()) waiting_.push_back("fact " + fact.fact_id());
  }
  void Commit() {
    if (!spool_->Commit().ok()) return;
    committed_.insert(committed_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  void Trim() {
    const std::vector<Seen> seen = ReadAll();
    if (seen.empty()) return;
    const uint64_t position = seen[Below(seen.size())].position;
    trimmed_ = std::max(trimmed_, position);
    spool_->Trim(position).IgnoreError();
  }
  void Kill() { Reopen(); }
  void CutPower() {
    spool_.reset();
    disk_.PowerCut(random_);
    Reopen();
  }

  // What was written and not said to be durable may be there all the same, from its beginning.
  void Reopen() {
    spool_.reset();
    auto opened = Spool::Open(options_, disk_, key_.Clone(), clock_, random_);
    if (!opened.ok()) {
      disk_.Repair();
      opened = Spool::Open(options_, disk_, key_.Clone(), clock_, random_);
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    spool_ = *std::move(opened);
    const std::vector<Seen> seen = ReadAll();
    if (!seen.empty())
      for (const std::string& text : std::vector(waiting_)) {
        const bool there = std::ranges::any_of(seen, [&](const Seen& one) { return one.what == text; });
        if (!there) break;
        committed_.push_back(text);
      }
    waiting_.clear();
    source_.GoOnFrom(spool_->snapshot().get());
    if (with_source_) spool_->SetSnapshotSource(&source_);
  }

  // Records from Oldest() on are the end of the model's, nothing needed is missing, and positions never
  // change.
  void Compare() {
    const std::vector<Seen> seen = ReadAll();
    ASSERT_LE(seen.size(), committed_.size());
    const size_t skip = committed_.size() - seen.size();
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i].what, committed_[skip + i]);
      ASSERT_EQ(positions_.emplace(skip + i, seen[i].position).first->second, seen[i].position);
      if (i > 0) ASSERT_GT(seen[i].position, seen[i - 1].position);
    }
    const auto snapshot = spool_->snapshot();
    const uint64_t number = source_.NumberOf(snapshot.get());
    ASSERT_GE(number, durable_snapshot_);
    durable_snapshot_ = number;
    const uint64_t needed_from =
        with_source_ ? (snapshot == nullptr ? 0 : snapshot->oldest_needed) : trimmed_;
    for (size_t i = 0; i < skip; ++i) {
      ASSERT_TRUE(positions_.contains(i)) << committed_[i] << " was never read";
      ASSERT_LT(positions_.at(i), needed_from) << committed_[i];
    }
    ASSERT_EQ(spool_->Stats().extents_unopened, 0U);
  }

  std::vector<Seen> ReadAll() {
    Collector collector;
    for (uint64_t position = spool_->Oldest();;) {
      const auto block = spool_->Read(position, absl::ZeroDuration());
      if (!block.ok()) {
        EXPECT_FALSE(absl::IsDataLoss(block.status())) << block.status();
        disk_.Repair();
        continue;
      }
      if (*block == nullptr) return collector.seen;
      EXPECT_TRUE((*block)->Visit(collector).ok());
      position = (*block)->end_position();
    }
  }

  std::mt19937_64 engine_;
  test::SeededRandom random_;
  test::ManualClock clock_;
  MemoryDisk disk_;
  SecretKey key_ = SecretKey::Make(random_);
  SpoolOptions options_;
  bool with_source_ = false;
  NumberedSource source_;
  std::unique_ptr<Spool> spool_;
  uint64_t named_ = 0;
  uint64_t trimmed_ = 0;
  uint64_t durable_snapshot_ = 0;
  std::vector<std::string> waiting_;
  std::vector<std::string> committed_;
  std::map<size_t, uint64_t> positions_;
};

TEST(SpoolModelTest, BehavesAsAVectorThatIsCutAtItsFrontWhateverCrashes) {
  const char* const given = std::getenv("TURRET_MODEL_SEQUENCES");
  const int sequences = given == nullptr ? 1'000 : std::atoi(given);
  const uint64_t first = test::Seed(1);
  for (int i = 0; i < sequences; ++i) {
    const uint64_t seed = first + static_cast<uint64_t>(i);
    SCOPED_TRACE(test::SeedTrace(seed));
    Model(seed).Run(/*steps=*/40);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace turret::node
