// Key books and a model of them, through commits, failing disks, kills and power cuts: compared after each
// step.
#include <map>

#include "storage/key/key_book.h"
#include "tests/storage/key/key_fixture.h"
#include "tests/support/store_model.h"

namespace turret {
namespace {

class KeyBookModelTest : public test::KeyFixture, public testing::WithParamInterface<uint64_t> {
 protected:
  KeyBookModelTest() { books_ = OpenFaulty().value(); }

  struct Known {
    CallId call;
    SecretKey key;
  };

  absl::StatusOr<std::unique_ptr<KeyBooks>> OpenFaulty() {
    return KeyBooks::Open(model_.disk(), folder_ / "books", ledger_, *tree_, random_);
  }

  // Few ids in few buckets, so that keys are added again.
  void Add() {
    const BookName name{"mifid", model_.Draw(2) == 0 ? "2026-11-02" : "2026-11-03"};
    KeyId id{};
    id.random[0] = static_cast<uint8_t>(model_.Draw(4));
    id.random[1] = static_cast<uint8_t>(model_.Draw(30));
    if (const auto known = committed_.find(id); known != committed_.end()) {
      EXPECT_TRUE(
          books_->Add(name, id, known->second.call, v1::WrappedKey::UNIT, known->second.key, NodeId{}).ok());
      EXPECT_EQ(
          books_->Add(name, id, known->second.call, v1::WrappedKey::UNIT, SecretKey::Make(random_), NodeId{})
              .code(),
          absl::StatusCode::kAlreadyExists);
      return;
    }
    if (added_.contains(id)) return;
    Known key{CallId::Make(random_), SecretKey::Make(random_)};
    if (books_->Add(name, id, key.call, v1::WrappedKey::UNIT, key.key, NodeId{}).ok())
      added_.emplace(id, std::move(key));
  }

  void Commit() {
    const auto states = books_->Commit();
    if (!states.ok()) return;
    committed_.merge(added_);
    for (const v1::BookState& state : *states) Take(state);
  }

  // A state as the ledger would get it: nothing ever shrinks, and a closed book stays as it is.
  void Take(const v1::BookState& state) {
    v1::BookState& told = told_[state.book_id()];
    EXPECT_GE(state.records(), told.records());
    EXPECT_GE(state.bytes(), told.bytes());
    if (told.closed()) EXPECT_EQ(state.SerializeAsString(), told.SerializeAsString());  // Final.
    told = state;
  }

  void Reopen(bool power_cut) {
    books_.reset();
    books_ = model_.Reopen(power_cut, [this] { return OpenFaulty(); });
    // What was added and not committed may be there or not; if it is, it stays.
    for (auto& [id, key] : added_)
      if (books_->Find(id).ok()) committed_.emplace(id, std::move(key));
    added_.clear();
    for (const v1::BookState& state : books_->StatesOnOpen()) Take(state);
  }

  void Compare() {
    for (const auto& [id, known] : committed_) {
      const auto found = books_->Find(id);
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_TRUE(test::Same(*found, known.key));
    }
    for (const auto& [id, state] : told_)
      ASSERT_EQ(ToString(books_->RootAt(BookId::FromProto(id).value(), state.records()).value()),
                state.root());
  }

  test::StoreModel model_{GetParam(), environment_};
  std::unique_ptr<KeyBooks> books_;
  std::map<KeyId, Known> added_;
  std::map<KeyId, Known> committed_;
  std::map<std::string, v1::BookState> told_;
};

TEST_P(KeyBookModelTest, EqualsItsModelAfterEachStep) {
  model_.Run(
      /*commits=*/2, [this](bool power_cut) { Reopen(power_cut); }, [this] { Commit(); }, [this] { Add(); },
      [this] { Compare(); });
}

INSTANTIATE_TEST_SUITE_P(Seeds, KeyBookModelTest, testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace turret
