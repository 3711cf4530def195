// A ledger and a model of it, through commits, failing disks, kills and power cuts: compared after each step.
#include <map>

#include "tests/storage/ledger/ledger_fixture.h"
#include "tests/support/store_model.h"

namespace turret {
namespace {

class LedgerModelTest : public test::LedgerFixture, public testing::WithParamInterface<uint64_t> {
 protected:
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
    ledger_ = model_.Reopen(power_cut, [this] { return Open(model_.disk(), directory_); });
    // What was appended and not committed may be there or not: the ledger decides.
    appended_.clear();
    const std::vector<std::string> texts = Facts();
    ASSERT_GE(texts.size(), committed_.size());
    committed_.insert(committed_.end(), texts.begin() + static_cast<ptrdiff_t>(committed_.size()),
                      texts.end());
    published_[ledger_->Head().size()] = ledger_->Head().root();
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

  test::StoreModel model_{GetParam(), environment_};
  std::string directory_ = folder_ / "ledger";
  std::unique_ptr<Ledger> ledger_ = Open(model_.disk(), directory_).value();
  int made_ = 0;
  std::vector<std::string> appended_;
  std::vector<std::string> committed_;
  std::map<uint64_t, std::string> published_;
};

TEST_P(LedgerModelTest, EqualsItsModelAfterEachStep) {
  model_.Run(
      /*commits=*/3, [this](bool power_cut) { Reopen(power_cut); }, [this] { Commit(); },
      [this] { Append(); }, [this] { Compare(); });
}

INSTANTIATE_TEST_SUITE_P(Seeds, LedgerModelTest, testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace turret
