// What a crash, a failing disk or a tamperer leaves of a key book: no committed key is lost unnoticed.
#include <algorithm>
#include <map>

#include "storage/base/record_file.h"
#include "storage/key/key_book.h"
#include "tests/storage/key/key_fixture.h"
#include "tests/support/faulty_environment.h"

namespace turret {
namespace {

using test::FaultyEnvironment;

const BookName kBook{"mifid", "2026-11-02"};

class KeyBookCrashTest : public test::KeyFixture {
 protected:
  using Keys = std::map<KeyId, SecretKey>;

  absl::Status AddTo(KeyBooks& books, Keys& keys) {
    const KeyId id = KeyId::Make(random_);
    SecretKey key = SecretKey::Make(random_);
    const absl::Status added = books.Add(kBook, id, CallId{}, v1::WrappedKey::UNIT, key, NodeId{});
    if (added.ok()) keys.emplace(id, std::move(key));
    return added;
  }
  static void ExpectHolds(const KeyBooks& books, const Keys& keys) {
    for (const auto& [id, key] : keys) {
      const auto found = books.Find(id);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_TRUE(test::Same(*found, key));
    }
  }

  // Two committed keys, and behind them two that a crash may tear.
  void MakeCrashed() {
    const auto books = OpenBooks(crashed_).value();
    ASSERT_TRUE(AddTo(*books, committed_).ok());
    ASSERT_TRUE(AddTo(*books, committed_).ok());
    state_ = books->Commit().value().at(0);
    ASSERT_TRUE(AddTo(*books, uncommitted_).ok());
    ASSERT_TRUE(AddTo(*books, uncommitted_).ok());
    file_ = environment_.ReadAll(crashed_ + kFile).value();
  }

  // As the coordinator looks at it: does the book still have what the ledger knows of it?
  bool FitsLedger(const KeyBooks& books) const {
    const auto book = BookId::FromProto(state_.book_id()).value();
    const auto root = books.RootAt(book, state_.records());
    return root.ok() && ToString(*root) == state_.root();
  }

  static constexpr const char* kFile = "/mifid/2026-11-02.book";
  std::string crashed_ = folder_ / "crashed";
  Keys committed_;
  Keys uncommitted_;
  v1::BookState state_;
  Buffer file_;
};

TEST_F(KeyBookCrashTest, CommittedKeysStayHoweverTheTailIsTorn) {
  MakeCrashed();
  for (size_t bytes = state_.bytes(); bytes <= file_.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    const std::string cut = folder_ / "cut";
    test::CopyAll(crashed_, cut);
    test::Overwrite(cut + kFile, Bytes(file_).first(bytes));
    auto books = OpenBooks(cut).value();
    ExpectHolds(*books, committed_);
    EXPECT_TRUE(FitsLedger(*books));
    const v1::BookState found = books->StatesOnOpen().at(0);
    EXPECT_EQ(found.bytes() + found.tail_bytes(), bytes);
    EXPECT_EQ(found.closed(), found.tail_bytes() != 0);
    Keys more;
    ASSERT_TRUE(AddTo(*books, more).ok());
    const std::vector<v1::BookState> states = books->Commit().value();
    ASSERT_EQ(states.size(), 1u);
    EXPECT_EQ(states[0].book_id() == found.book_id(), !found.closed());
    books = OpenBooks(cut).value();
    ExpectHolds(*books, committed_);
    ExpectHolds(*books, more);
    if (HasFailure()) return;
  }
}

TEST_F(KeyBookCrashTest, AFurtherFileSaysWhereTheOneBeforeEnds) {
  MakeCrashed();
  test::Overwrite(crashed_ + kFile, Bytes(file_).first(file_.size() - 1));
  auto books = OpenBooks(crashed_).value();
  const v1::BookState torn = books->StatesOnOpen().at(0);
  Keys more;
  ASSERT_TRUE(AddTo(*books, more).ok());
  ASSERT_TRUE(books->Commit().ok());
  ASSERT_TRUE(environment_.Exists(crashed_ + "/mifid/2026-11-02.1.book"));
  books = OpenBooks(crashed_).value();
  std::vector<v1::BookState> states = books->StatesOnOpen();
  ASSERT_EQ(states.size(), 2u);
  const auto first = std::ranges::find(states, torn.book_id(), &v1::BookState::book_id);
  ASSERT_NE(first, states.end());
  EXPECT_EQ(first->SerializeAsString(), torn.SerializeAsString());
  books.reset();
  test::Overwrite(crashed_ + kFile, Bytes(file_).first(torn.bytes() - 1));
  EXPECT_EQ(OpenBooks(crashed_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(KeyBookCrashTest, AFlippedBitInAnyByteOfACommittedRecordIsNoticed) {
  MakeCrashed();
  for (size_t bit = 0; bit < state_.bytes() * 8; bit += 7) {
    test::Overwrite(crashed_ + kFile, test::WithFlippedBit(file_, bit));
    const auto books = OpenBooks(crashed_);
    ASSERT_TRUE(!books.ok() || !FitsLedger(**books)) << "bit " << bit;
  }
}

TEST_F(KeyBookCrashTest, ARecordRewrittenWithAFittingCheckIsNoticed) {
  MakeCrashed();
  for (size_t begin = kMagicBytes; begin < state_.bytes();) {
    const size_t payload_bytes = LoadU32(Bytes(file_).subspan(begin));
    Buffer altered = file_;
    altered[begin + 4 + payload_bytes - 1] ^= 1;
    const Digest check = Sha256(Bytes(altered).subspan(begin, 4 + payload_bytes));
    std::copy_n(check.begin(), 8, altered.begin() + static_cast<ptrdiff_t>(begin + 4 + payload_bytes));
    test::Overwrite(crashed_ + kFile, altered);
    const auto books = OpenBooks(crashed_);
    EXPECT_TRUE(!books.ok() || !FitsLedger(**books)) << "record at " << begin;
    begin += payload_bytes + kRecordOverheadBytes;
  }
}

TEST_F(KeyBookCrashTest, ARecordAlteredWhileTheBooksAreOpenIsDataLossAtItsNextUse) {
  const auto books = OpenBooks(crashed_).value();
  ASSERT_TRUE(AddTo(*books, committed_).ok());
  ASSERT_TRUE(books->Commit().ok());
  Buffer altered = environment_.ReadAll(crashed_ + kFile).value();
  altered[altered.size() - 12] ^= 1;
  test::Overwrite(crashed_ + kFile, altered);
  EXPECT_EQ(books->Find(committed_.begin()->first).status().code(), absl::StatusCode::kDataLoss);
}

// A verifier would call a file that no entry names hidden, as long as the process runs.
TEST_F(KeyBookCrashTest, ABookGivenUpBeforeAnythingOfItWasDurableIsToldAsTheNextStartFindsIt) {
  FaultyEnvironment faulty(environment_);
  std::map<std::string, std::string> told;
  {
    const auto books = KeyBooks::Open(faulty, crashed_, ledger_, *tree_, random_).value();
    faulty.FailNth(FaultyEnvironment::Operation::kWrite, 3);  // Behind magic and header.
    ASSERT_TRUE(AddTo(*books, committed_).ok());
    const std::vector<v1::BookState> states = books->Commit().value();
    for (const v1::BookState& state : states) told[state.book_id()] = state.SerializeAsString();
    ExpectHolds(*books, committed_);
  }
  EXPECT_EQ(told.size(), 2u);
  std::map<std::string, std::string> found;
  const auto books = OpenBooks(crashed_).value();
  for (const v1::BookState& state : books->StatesOnOpen()) found[state.book_id()] = state.SerializeAsString();
  EXPECT_EQ(found, told);
}

TEST_F(KeyBookCrashTest, NoSingleFailedOperationLosesACommittedKey) {
  using Operation = FaultyEnvironment::Operation;
  for (const Operation operation :
       {Operation::kCreate, Operation::kWrite, Operation::kSync, Operation::kSyncDirectory}) {
    for (uint64_t nth = 1; nth <= 25; ++nth) {
      SCOPED_TRACE(testing::Message() << "operation " << static_cast<int>(operation) << ", nth " << nth);
      test::RemoveAll(folder_ / "faulty");
      test::RemoveAll(folder_ / "keys");
      FaultyEnvironment faulty(environment_);
      tree_ = KeyTree::Open(environment_, folder_ / "keys", *root_, random_).value();
      Keys committed;
      std::map<std::string, v1::BookState> told;
      {
        const auto books = KeyBooks::Open(faulty, folder_ / "faulty", ledger_, *tree_, random_).value();
        faulty.FailNth(operation, nth);
        for (int round = 0; round < 5; ++round) {
          Keys added;
          for (int i = 0; i < 2; ++i) AddTo(*books, added).IgnoreError();
          const auto states = books->Commit();
          if (!states.ok()) continue;
          committed.merge(added);
          for (const v1::BookState& state : *states) told[state.book_id()] = state;
        }
        EXPECT_GE(committed.size(), 8u);
        ExpectHolds(*books, committed);
      }
      faulty.PowerCut(random_);
      const auto books = OpenBooks(folder_ / "faulty").value();
      ExpectHolds(*books, committed);
      for (const auto& [id, state] : told)
        EXPECT_EQ(ToString(books->RootAt(BookId::FromProto(id).value(), state.records()).value()),
                  state.root());
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace turret
