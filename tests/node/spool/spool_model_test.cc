// Spool and session journal against a vector and a map, compared after each step, over seeded sequences of
// append, commit, seal, acknowledge, trim, kill and power cut on a disk that fails. TURRET_MODEL_SEQUENCES
// sets how many; the failing seed is printed, and TURRET_TEST_SEED with one sequence repeats it.
#include <cstdlib>
#include <random>

#include "gtest/gtest.h"
#include "node/session/session_journal.h"
#include "tests/node/spool/spool_fixture.h"
#include "tests/support/memory_disk.h"

namespace turret::node {
namespace {

using test::MemoryDisk;

constexpr int kShards = 8;  // Run side by side.

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

// The session journal: what it holds after a crash is what it held at some instant since the last commit that
// said OK.
class JournalModel {
 public:
  JournalModel(std::mt19937_64& engine, MemoryDisk& disk, Random& random)
      : engine_(engine), disk_(disk), random_(random) {}

  void Open(const SecretKey& key) {
    journal_.reset();
    auto opened = SessionJournal::Open(disk_, "/sessions", key.Clone(), random_);
    if (!opened.ok()) {
      disk_.Repair();
      opened = SessionJournal::Open(disk_, "/sessions", key.Clone(), random_);
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    journal_ = *std::move(opened);
    ASSERT_EQ(journal_->files_unopened(), 0U);
    const std::map<std::string, uint32_t> found = Content();
    ASSERT_NE(std::ranges::find(instants_, found), instants_.end())
        << "a state that never was, or one from before";
    instants_ = {found};
  }
  void Close() { journal_.reset(); }
  void Change() {
    std::map<std::string, uint32_t> now = instants_.back();
    CallId call;
    call.random[0] = static_cast<uint8_t>(engine_() % 4);
    if (engine_() % 4 == 0) {
      journal_->Forget(call);
      now.erase(call.ToProto());
    } else {
      v1::JournaledDialog dialog;
      dialog.set_call_id(call.ToProto());
      dialog.set_local_cseq(++changes_);
      dialog.set_contact(std::string(engine_() % 200, 'x'));
      journal_->Put(std::move(dialog));
      now[call.ToProto()] = changes_;
    }
    instants_.push_back(std::move(now));
  }
  void Commit() {
    if (journal_->Commit().ok()) instants_ = {instants_.back()};
  }
  void Compare() const { ASSERT_EQ(Content(), instants_.back()); }

 private:
  std::map<std::string, uint32_t> Content() const {
    std::map<std::string, uint32_t> content;
    for (const v1::JournaledDialog& dialog : journal_->Dialogs())
      content[dialog.call_id()] = dialog.local_cseq();
    return content;
  }

  std::mt19937_64& engine_;
  MemoryDisk& disk_;
  Random& random_;
  std::unique_ptr<SessionJournal> journal_;
  uint32_t changes_ = 0;
  std::vector<std::map<std::string, uint32_t>> instants_{{}};  // The first is durable.
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
      const bool changed = Step();
      disk_.Repair();
      Compare(changed);
      journal_.Compare();
    }
  }

 private:
  size_t Below(size_t bound) { return engine_() % bound; }

  /// Whether what can be read may have changed.
  bool Step() {
    switch (Below(12)) {
      case 0:
        return Kill(), true;
      case 1:
        return CutPower(), true;
      case 2:
      case 3:
        return Trim(), true;
      case 4:
      case 5:
      case 6:
        return Commit(), true;
      case 7:
        return AppendFact(), false;
      case 8:
        return journal_.Change(), false;
      case 9:
        return journal_.Commit(), false;
      default:
        return Append(), false;
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
    journal_.Close();
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
    journal_.Open(key_);
    source_.GoOnFrom(spool_->snapshot().get());
    if (with_source_) spool_->SetSnapshotSource(&source_);
  }

  // Records from Oldest() on are the end of the model's, nothing needed is missing, and positions never
  // change. What is only in memory is not read.
  void Compare(bool changed) {
    if (!changed) {
      const auto beyond = spool_->Read(spool_->Stats().position_durable, absl::ZeroDuration());
      ASSERT_TRUE(beyond.ok() && *beyond == nullptr);
      if (Below(4) != 0) return;
    }
    const std::vector<Seen> seen = ReadAll();
    ASSERT_LE(seen.size(), committed_.size());
    const size_t skip = committed_.size() - seen.size();
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i].what, committed_[skip + i]);
      if (positions_.size() <= skip + i) positions_.resize(skip + i + 1, kUnread);
      uint64_t& position = positions_[skip + i];
      if (position == kUnread) position = seen[i].position;
      ASSERT_EQ(position, seen[i].position);
      if (i > 0) ASSERT_GT(seen[i].position, seen[i - 1].position);
    }
    const auto snapshot = spool_->snapshot();
    const uint64_t number = source_.NumberOf(snapshot.get());
    ASSERT_GE(number, durable_snapshot_);
    durable_snapshot_ = number;
    const uint64_t needed_from =
        with_source_ ? (snapshot == nullptr ? 0 : snapshot->oldest_needed) : trimmed_;
    for (size_t i = 0; i < skip; ++i) {
      ASSERT_TRUE(i < positions_.size() && positions_[i] != kUnread) << committed_[i] << " was never read";
      ASSERT_LT(positions_[i], needed_from) << committed_[i];
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
  JournalModel journal_{engine_, disk_, random_};
  std::unique_ptr<Spool> spool_;
  uint64_t named_ = 0;
  uint64_t trimmed_ = 0;
  uint64_t durable_snapshot_ = 0;
  std::vector<std::string> waiting_;
  std::vector<std::string> committed_;
  static constexpr uint64_t kUnread = UINT64_MAX;
  std::vector<uint64_t> positions_;  // Of committed_.
};

class SpoolModelTest : public testing::TestWithParam<int> {};

TEST_P(SpoolModelTest, BehavesAsAVectorThatIsCutAtItsFrontWhateverCrashes) {
  const char* const given = std::getenv("TURRET_MODEL_SEQUENCES");
  const int sequences = given == nullptr ? 10'000 : std::atoi(given);
  const uint64_t first = test::Seed(1);
  for (int i = GetParam(); i < sequences; i += kShards) {
    const uint64_t seed = first + static_cast<uint64_t>(i);
    SCOPED_TRACE(test::SeedTrace(seed));
    Model(seed).Run(/*steps=*/30);
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, SpoolModelTest, testing::Range(0, kShards));

}  // namespace
}  // namespace turret::node
