// The spool against a vector, compared after each step.
#include <random>

#include "gtest/gtest.h"
#include "tests/node/spool/spool_fixture.h"

namespace turret::node {
namespace {

class SpoolModelTest : public SpoolTest, public ::testing::WithParamInterface<uint64_t> {
 protected:
  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(engine_); }

  void Append() {
    const size_t count = 1 + Below(5);
    std::vector<std::string> texts;
    std::vector<Datagram> datagrams;
    for (size_t i = 0; i < count; ++i) texts.push_back(std::to_string(step_) + std::string(Below(900), 'x'));
    for (const std::string& text : texts) datagrams.push_back({.bytes = AsBytes(text)});
    ASSERT_TRUE(spool_->AppendDatagrams(datagrams).ok());
    for (const std::string& text : texts) waiting_.push_back("datagram " + text);
  }

  void AppendFact() {
    v1::Fact fact;
    fact.set_fact_id(std::to_string(step_));
    ASSERT_TRUE(spool_->AppendFact(fact).ok());
    waiting_.push_back("fact " + fact.fact_id());
  }

  void Commit() {
    ASSERT_TRUE(spool_->Commit().ok());
    committed_.insert(committed_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
  }

  void Trim() {
    const std::vector<Seen> seen = ReadFrom(spool_->Oldest());
    if (seen.empty()) return;
    ASSERT_TRUE(spool_->Trim(seen[Below(seen.size())].position).ok());
  }

  void CrashAndReopen() {
    Open();
    waiting_.clear();
  }

  // Records from Oldest() on are the end of the model's; positions never change; trimming is never taken back
  // beyond an extent.
  void Compare() {
    const std::vector<Seen> seen = ReadFrom(spool_->Oldest());
    ASSERT_LE(seen.size(), committed_.size());
    const size_t skip = committed_.size() - seen.size();
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i].what, committed_[skip + i]);
      const auto [it, is_new] = positions_.emplace(skip + i, seen[i].position);
      ASSERT_EQ(it->second, seen[i].position);
    }
    for (auto it = positions_.begin(); it != positions_.end() && std::next(it) != positions_.end(); ++it)
      ASSERT_LT(it->second, std::next(it)->second);
  }

  std::mt19937_64 engine_{GetParam() + seed_};
  int step_ = 0;
  std::vector<std::string> waiting_;
  std::vector<std::string> committed_;
  std::map<size_t, uint64_t> positions_;
};

TEST_P(SpoolModelTest, BehavesAsAVectorThatIsCutAtItsFront) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  options_.extent_bytes = 16 * 1024;
  options_.memory_bytes_max = GetParam() % 2 == 0 ? 24 * 1024 : 1024 * 1024;
  Open();
  for (step_ = 0; step_ < 150; ++step_) {
    switch (Below(10)) {
      case 0:
        CrashAndReopen();
        break;
      case 1:
        Trim();
        break;
      case 2:
      case 3:
      case 4:
        Commit();
        break;
      case 5:
        AppendFact();
        break;
      case 6:
        environment_.FailNth(Operation::kSync, 1), Commit();
        break;
      default:
        Append();
        break;
    }
    if (HasFatalFailure()) FAIL() << "step " << step_;
    environment_.Repair();
    Compare();
    if (HasFatalFailure()) FAIL() << "step " << step_;
    if (spool_->Stats().bytes_uncommitted > 12 * 1024) Commit();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SpoolModelTest, ::testing::Range<uint64_t>(0, 6));

}  // namespace
}  // namespace turret::node
