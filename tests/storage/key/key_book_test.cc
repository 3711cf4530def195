#include "storage/key/key_book.h"

#include "tests/storage/key/key_fixture.h"

namespace turret {
namespace {

const BookName kBook{"mifid", "2026-11-02"};

class KeyBookTest : public test::KeyFixture {
 protected:
  KeyBookTest() : books_(OpenBooks().value()) {}

  struct Known {
    KeyId id = {};
    CallId call = {};
    NodeId node = {};
    SecretKey key;
  };
  Known MakeKey() {
    return {KeyId::Make(random_), CallId::Make(random_), NodeId::Make(random_), SecretKey::Make(random_)};
  }
  absl::Status Add(const Known& key, const BookName& book = kBook) {
    return books_->Add(book, key.id, key.call, v1::WrappedKey::UNIT, key.key, key.node);
  }
  void Reopen() {
    books_.reset();
    books_ = OpenBooks().value();
  }

  std::unique_ptr<KeyBooks> books_;
};

TEST_F(KeyBookTest, KeysComeBackFromTheFileAfterAReopen) {
  std::vector<Known> keys;
  for (int i = 0; i < 300; ++i) {
    keys.push_back(MakeKey());
    ASSERT_TRUE(Add(keys.back()).ok());
  }
  const std::vector<v1::BookState> states = books_->Commit().value();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_FALSE(states[0].closed());
  Reopen();
  for (const Known& key : keys) EXPECT_TRUE(test::Same(books_->Find(key.id).value(), key.key));
  ASSERT_EQ(books_->StatesOnOpen().size(), 1u);
  EXPECT_EQ(books_->StatesOnOpen()[0].SerializeAsString(), states[0].SerializeAsString());
  EXPECT_EQ(books_->BookOf(keys[0].id).value().ToProto(), states[0].book_id());
  EXPECT_EQ(books_->Find(KeyId::Make(random_)).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(KeyBookTest, AddingTheSameKeyAgainWritesNothing) {
  const Known key = MakeKey();
  ASSERT_TRUE(Add(key).ok());
  ASSERT_TRUE(Add(key).ok());
  const uint64_t bytes = books_->Commit().value().at(0).bytes();
  ASSERT_TRUE(Add(key).ok());
  EXPECT_TRUE(books_->Commit().value().empty());
  Reopen();
  ASSERT_TRUE(Add(key).ok());
  EXPECT_TRUE(books_->Commit().value().empty());
  EXPECT_EQ(environment_.ReadAll(folder_ / "books/mifid/2026-11-02.book").value().size(), bytes);
}

TEST_F(KeyBookTest, TheSameIdWithAnotherKeyOrCallAlreadyExists) {
  Known key = MakeKey();
  ASSERT_TRUE(Add(key).ok());
  Known other{key.id, key.call, key.node, SecretKey::Make(random_)};
  EXPECT_EQ(Add(other).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Add(other, {"gdpr", "2026-11-03"}).code(), absl::StatusCode::kAlreadyExists);
  Known moved{key.id, CallId::Make(random_), key.node, key.key.Clone()};
  EXPECT_EQ(Add(moved).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(test::Same(books_->Find(key.id).value(), key.key));
}

TEST_F(KeyBookTest, ABodyKeyIsMadeOnceForEachBook) {
  const BookName access{"access", "2026-11-02"};
  const auto made = books_->BookBodyKey(access).value();
  ASSERT_TRUE(books_->Commit().ok());
  Reopen();
  const auto again = books_->BookBodyKey(access).value();
  EXPECT_EQ(made.id, again.id);
  EXPECT_EQ(made.book, again.book);
  EXPECT_TRUE(test::Same(made.key, again.key));
  EXPECT_NE(books_->BookBodyKey({"access", "2026-11-03"}).value().id, made.id);
}

TEST_F(KeyBookTest, ClassesAndDaysThatAreNoneAreInvalidArgument) {
  const Known key = MakeKey();
  EXPECT_EQ(Add(key, {"../up", "2026-11-02"}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Add(key, {"mifid", "today"}).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(KeyBookTest, BooksOfManyDaysAreAllStillThere) {
  std::vector<Known> keys;
  for (int day = 0; day < 40; ++day) {
    keys.push_back(MakeKey());
    ASSERT_TRUE(
        Add(keys.back(), {"mifid", fmt::format("2026-{:02}-{:02}", 1 + day / 20, 1 + day % 20)}).ok());
  }
  EXPECT_EQ(books_->Commit().value().size(), keys.size());
  for (const Known& key : keys) EXPECT_TRUE(test::Same(books_->Find(key.id).value(), key.key));
  EXPECT_EQ(OpenBooks().value()->StatesOnOpen().size(), keys.size());
}

}  // namespace
}  // namespace turret
