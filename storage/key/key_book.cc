#include "storage/key/key_book.h"

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/key/book_shelf.h"
#include "storage/key/names.h"

namespace turret {

struct KeyBooks::State {
  struct Place {
    Book* book;
    RecordPlace at;
  };
  using Places = absl::flat_hash_map<KeyId, Place>;
  struct Pending {
    Book* book;
    Book::KeyNames names;
    SecretKey key;
  };

  Random& random;
  absl::Mutex mutex;
  BookShelf shelf ABSL_GUARDED_BY(mutex);
  Places keys ABSL_GUARDED_BY(mutex);
  std::map<BookName, KeyId> body_keys ABSL_GUARDED_BY(mutex);
  // Keys that are not on the disk: kept, since their file may break.
  std::vector<Pending> pending ABSL_GUARDED_BY(mutex);
  std::vector<Pending> unplaced ABSL_GUARDED_BY(mutex);  // Their file broke, and they are in none since.
  // Books that no Commit has returned the state of, by what stands in the way.
  std::set<Book*> touched ABSL_GUARDED_BY(mutex);     // Not synced.
  std::set<Book*> unsettled ABSL_GUARDED_BY(mutex);   // Closed, and their tail may still change.
  std::set<Book*> unreported ABSL_GUARDED_BY(mutex);  // Synced, or closed and settled.

  absl::StatusOr<bool> IsKnown(const Book::KeyNames& names, const SecretKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status Append(const BookName& name, const Book::KeyNames& names, const SecretKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status AppendTo(Book& book, const Book::KeyNames& names, const SecretKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void GiveUp(Book& book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status PlaceUnplaced() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status SyncTouched() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  std::vector<v1::BookState> TakeReports() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
};

KeyBooks::KeyBooks(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyBooks::~KeyBooks() = default;

absl::StatusOr<std::unique_ptr<KeyBooks>> KeyBooks::Open(Environment& environment,
                                                         const std::string& directory, LedgerId ledger,
                                                         KeyTree& tree, Random& random) {
  State::Places keys;
  std::map<BookName, KeyId> body_keys;
  const auto take = [&](Book& book, const Book::KeyNames& names, RecordPlace at) {
    if (!keys.emplace(names.id, State::Place{&book, at}).second)
      return absl::DataLossError(fmt::format("{}: a key that stands in two records", book.file().path()));
    if (names.use == v1::WrappedKey::BOOK) body_keys.emplace(book.name(), names.id);
    return absl::OkStatus();
  };
  TURRET_ASSIGN_OR_RETURN(BookShelf shelf,
                          BookShelf::Open({environment, ledger, tree, random}, directory, take));
  return std::unique_ptr<KeyBooks>(
      new KeyBooks(std::unique_ptr<State>(new State{.random = random,
                                                    .shelf = std::move(shelf),
                                                    .keys = std::move(keys),
                                                    .body_keys = std::move(body_keys)})));
}

absl::StatusOr<bool> KeyBooks::State::IsKnown(const Book::KeyNames& names, const SecretKey& key) {
  const auto found = keys.find(names.id);
  if (found == keys.end()) return false;
  shelf.NoteUse(*found->second.book);
  TURRET_ASSIGN_OR_RETURN(const Book::Opened held, found->second.book->Open(found->second.at));
  if (std::ranges::equal(held.key.bytes(), key.bytes()) && held.names.call == names.call &&
      held.names.use == names.use)
    return true;
  return absl::AlreadyExistsError(fmt::format("key {} stands in {} with another value, call or use",
                                              names.id.ToHex(), found->second.book->file().path()));
}

absl::Status KeyBooks::State::AppendTo(Book& book, const Book::KeyNames& names, const SecretKey& key) {
  touched.insert(&book);
  shelf.NoteUse(book);
  TURRET_ASSIGN_OR_RETURN(const RecordPlace at, book.Add(names, key));
  keys.insert_or_assign(names.id, Place{&book, at});
  if (names.use == v1::WrappedKey::BOOK) body_keys.emplace(book.name(), names.id);
  pending.push_back({&book, names, key.Clone()});
  return absl::OkStatus();
}

absl::Status KeyBooks::State::Append(const BookName& name, const Book::KeyNames& names,
                                     const SecretKey& key) {
  constexpr int kAttempts = 2;
  absl::Status appended;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TURRET_RETURN_IF_ERROR(PlaceUnplaced());
    TURRET_ASSIGN_OR_RETURN(Book* const book, shelf.Writable(name));
    appended = AppendTo(*book, names, key);
    if (appended.ok()) break;
    GiveUp(*book);
  }
  return appended;
}

// The file can no longer be trusted beyond its last good sync: what came since goes to a further file.
void KeyBooks::State::GiveUp(Book& book) {
  const bool settled = book.file().CloseAtCommitted().ok();
  touched.erase(&book);
  unreported.erase(&book);  // An earlier state, overtaken by the closing one.
  (settled ? unreported : unsettled).insert(&book);
  const auto moved = std::ranges::partition(pending, [&](const Pending& key) { return key.book != &book; });
  for (Pending& key : moved) {
    keys.erase(key.names.id);
    if (key.names.use == v1::WrappedKey::BOOK) body_keys.erase(book.name());
    unplaced.push_back(std::move(key));
  }
  pending.erase(moved.begin(), moved.end());
}

absl::Status KeyBooks::State::PlaceUnplaced() {
  constexpr int kFailuresMax = 2;
  for (int failures = 0; !unplaced.empty();) {
    TURRET_ASSIGN_OR_RETURN(Book* const book, shelf.Writable(unplaced.back().book->name()));
    const Pending key = std::move(unplaced.back());
    unplaced.pop_back();
    const absl::Status appended = AppendTo(*book, key.names, key.key);
    if (appended.ok()) continue;
    unplaced.push_back({key.book, key.names, key.key.Clone()});
    GiveUp(*book);
    if (++failures == kFailuresMax) return appended;
  }
  return absl::OkStatus();
}

absl::Status KeyBooks::State::SyncTouched() {
  constexpr int kRoundsMax = 3;
  TURRET_RETURN_IF_ERROR(PlaceUnplaced());
  for (int round = 0; round < kRoundsMax && !touched.empty(); ++round) {
    const std::set<Book*> now = touched;
    for (Book* const book : now) {
      if (!touched.contains(book)) continue;  // Given up meanwhile.
      if (!book->file().Sync().ok()) {
        GiveUp(*book);
        TURRET_RETURN_IF_ERROR(PlaceUnplaced());
        continue;
      }
      touched.erase(book);
      unreported.insert(book);
      std::erase_if(pending, [&](const Pending& key) { return key.book == book; });
    }
  }
  if (touched.empty()) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("{} key books could not be synced, in new files neither", touched.size()));
}

// A closing state is final, so it waits until its tail stands on the disk and a file after it says the same.
std::vector<v1::BookState> KeyBooks::State::TakeReports() {
  std::erase_if(unsettled, [&](Book* book) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!book->file().Settle().ok()) return false;
    unreported.insert(book);
    return true;
  });
  std::vector<v1::BookState> states;
  std::erase_if(unreported, [&](Book* book) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (book->file().closed() && !shelf.HasDurableSuccessor(*book)) return false;
    if (book->file().HasHeader()) states.push_back(book->file().State());
    return true;
  });
  return states;
}

absl::Status KeyBooks::Add(const BookName& book, KeyId id, CallId call, v1::WrappedKey::Use use,
                           const SecretKey& key, NodeId node) {
  TURRET_RETURN_IF_ERROR(CheckClassName(book.book_class));
  TURRET_RETURN_IF_ERROR(CheckDay(book.day));
  const Book::KeyNames names{id, call, use, node};
  const absl::MutexLock lock(&state_->mutex);
  TURRET_ASSIGN_OR_RETURN(bool known, state_->IsKnown(names, key));
  if (known) return absl::OkStatus();
  TURRET_RETURN_IF_ERROR(state_->PlaceUnplaced());
  TURRET_ASSIGN_OR_RETURN(known, state_->IsKnown(names, key));  // It may be one of those.
  return known ? absl::OkStatus() : state_->Append(book, names, key);
}

absl::StatusOr<std::vector<v1::BookState>> KeyBooks::Commit() {
  const absl::MutexLock lock(&state_->mutex);
  TURRET_RETURN_IF_ERROR(state_->SyncTouched());
  std::vector<v1::BookState> states = state_->TakeReports();
  state_->shelf.CloseIdleWriters();
  return states;
}

absl::StatusOr<SecretKey> KeyBooks::Find(KeyId id) const {
  const absl::MutexLock lock(&state_->mutex);
  const auto found = state_->keys.find(id);
  if (found == state_->keys.end())
    return absl::NotFoundError(fmt::format("no book holds key {}", id.ToHex()));
  state_->shelf.NoteUse(*found->second.book);
  TURRET_ASSIGN_OR_RETURN(Book::Opened opened, found->second.book->Open(found->second.at));
  if (opened.names.id != id)
    return absl::DataLossError(fmt::format("another key stands where {} was", id.ToHex()));
  return std::move(opened.key);
}

absl::StatusOr<BookId> KeyBooks::BookOf(KeyId id) const {
  const absl::MutexLock lock(&state_->mutex);
  const auto found = state_->keys.find(id);
  if (found == state_->keys.end())
    return absl::NotFoundError(fmt::format("no book holds key {}", id.ToHex()));
  return found->second.book->file().ids().book;
}

absl::StatusOr<KeyBooks::BodyKey> KeyBooks::BookBodyKey(const BookName& book) {
  std::optional<KeyId> id;
  {
    const absl::MutexLock lock(&state_->mutex);
    if (const auto found = state_->body_keys.find(book); found != state_->body_keys.end()) id = found->second;
  }
  if (!id.has_value()) {
    id = KeyId::Make(state_->random);
    TURRET_RETURN_IF_ERROR(
        Add(book, *id, CallId{}, v1::WrappedKey::BOOK, SecretKey::Make(state_->random), NodeId{}));
  }
  TURRET_ASSIGN_OR_RETURN(const BookId book_id, BookOf(*id));
  TURRET_ASSIGN_OR_RETURN(SecretKey key, Find(*id));
  return BodyKey{book_id, *id, std::move(key)};
}

std::vector<v1::BookState> KeyBooks::StatesOnOpen() const {
  const absl::MutexLock lock(&state_->mutex);
  return state_->shelf.states_on_open();
}

absl::StatusOr<Digest> KeyBooks::RootAt(BookId book, uint64_t records) const {
  const absl::MutexLock lock(&state_->mutex);
  const Book* const found = state_->shelf.Find(book);
  if (found == nullptr) return absl::NotFoundError(fmt::format("no book {}", book.ToHex()));
  return found->file().RootAt(records);
}

}  // namespace turret
