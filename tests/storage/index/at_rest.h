// An index that ran a while, and the search for what its rows say in every file of it.
#pragma once

#include "gtest/gtest.h"
#include "storage/index/index.h"
#include "tests/storage/index/entries.h"
#include "tests/support/clear_text.h"

namespace turret::test {

/// Enrols a line and starts calls under names that one can search for; written, reopened, written again, so
/// that tables, log, manifest and options are all there.
class IndexAtRest {
 public:
  static constexpr std::string_view kTrader = "Wilhelmina Featherstonehaugh";
  static constexpr std::string_view kParty = "sip:+4940123456789@bank.example";

  IndexAtRest() {
    Entries entries(11);
    *entries.AddEnrolment(1, 0).add_lines() = MakeLine(line_, "Desk 7 handset", std::string(kTrader));
    for (int i = 0; i < 200; ++i) {
      v1::CallStarted& started = entries.AddStarted(entries.Make<CallId>(), i * kSecondNs, {line_});
      started.add_parties()->set_aor(std::string(kParty));
    }
    const auto& all = entries.all();
    Apply({all.begin(), all.begin() + 100});
    index_.Reopen();
    Apply({all.begin() + 100, all.end()});
  }

  std::vector<std::string> FilesWith(std::string_view secret) { return FindUnder(folder(), secret); }
  Index& index() { return *index_.index; }
  LineId line() const { return line_; }
  std::string folder() const { return index_.folder / "index"; }
  void Close() { index_.index.reset(); }

 private:
  void Apply(const std::vector<IndexedEntry>& entries) {
    const absl::Status applied = index_->Apply(entries, Digest{});
    if (!applied.ok()) ADD_FAILURE() << applied;
  }
  SeededRandom random_{12};
  const LineId line_ = LineId::Make(random_);
  FreshIndex index_;
};

}  // namespace turret::test
