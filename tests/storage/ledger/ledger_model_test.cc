// A ledger and a model of it, through commits, failing disks, kills and power cuts: compared after each step.
#include <map>

#include "tests/storage/ledger/ledger_fixture.h"
#include "tests/support/faulty_environment.h"

namespace turret {
namespace {

using test::FaultyEnvironment;

class LedgerModelTest : public test::LedgerFixture, public testing::WithParamInterface<uint64_t> {
 protected:
  uint64_t Draw(uint64_t below) {
    uint8_t raw[8];
    choices_.Fill(raw);
    return LoadU64(raw) % below;
  }

  void Append() {
    const std::string text = "entry " + std::to_string(made_++);
    if (AppendOne(*ledger_, text).ok()) appended_.push_back(text);
  }

  void Commit() {
    const auto head = ledger_->Commit();
    if (!head.ok()) return;
    committed_.insert(committed_.end(), appended_.begin(), appended_.end());
    appended_.clear();
    published_[head->size()] = head->root();
  }

  void Reopen(bool power_cut) {
    ledger_.reset();
    faulty_.Repair();
    if (power_cut) faulty_.PowerCut(choices_);
    if (Draw(3) == 0) BreakSomething();
    auto opened = Open(faulty_, directory_);
    faulty_.Repair();
    ledger_ = opened.ok() ? *std::move(opened) : Open(faulty_, directory_).value();
    // What was appended and not committed may be there or not: the ledger decides.
    appended_.clear();
    const std::vector<std::string> texts = Facts();
    ASSERT_GE(texts.size(), committed_.size());
    committed_.insert(committed_.end(), texts.begin() + static_cast<ptrdiff_t>(committed_.size()),
                      texts.end());
    published_[ledger_->Head().size()] = ledger_->Head().root();
  }

  void BreakSomething() {
    using Operation = FaultyEnvironment::Operation;
    constexpr Operation kOperations[] = {Operation::kCreate, Operation::kWrite, Operation::kSync,
                                         Operation::kSyncDirectory};
    const Operation operation = kOperations[Draw(std::size(kOperations))];
    if (Draw(2) == 0)
      faulty_.FailNth(operation, 1 + Draw(4));
    else
      faulty_.Break(operation);
  }

  // Entries of the test, without those that the ledger adds.
  std::vector<std::string> Facts() {
    std::vector<std::string> facts = Texts(*ledger_);
    std::erase_if(facts, [](const std::string& text) { return text.starts_with('#'); });
    return facts;
  }

  void Compare() {
    std::vector<std::string> facts = Facts();
    ASSERT_EQ(facts, committed_);
    for (const auto& [size, root] : published_)
      ASSERT_TRUE(VerifyConsistency(size, ledger_->Head().size(), DigestFrom(root),
                                    DigestFrom(ledger_->Head().root()),
                                    ledger_->ConsistencyProof(size, ledger_->Head().size()).value()));
  }

  test::SeededRandom choices_{test::Seed(GetParam())};
  std::string directory_ = folder_ / "ledger";
  FaultyEnvironment faulty_{environment_};  // One disk through all restarts.
  std::unique_ptr<Ledger> ledger_ = Open(faulty_, directory_).value();
  int made_ = 0;
  std::vector<std::string> appended_;
  std::vector<std::string> committed_;
  std::map<uint64_t, std::string> published_;
};

TEST_P(LedgerModelTest, EqualsItsModelAfterEachStep) {
  SCOPED_TRACE(test::SeedTrace(test::Seed(GetParam())));
  for (int step = 0; step < 200; ++step) {
    SCOPED_TRACE(step);
    switch (Draw(10)) {
      case 0:
        Reopen(/*power_cut=*/true);
        break;
      case 1:
        Reopen(/*power_cut=*/false);
        break;
      case 2:
        if (Draw(2) == 0)
          BreakSomething();
        else
          faulty_.Repair();
        break;
      case 3:
      case 4:
      case 5:
        Commit();
        break;
      default:
        Append();
    }
    Compare();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LedgerModelTest, testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace turret
