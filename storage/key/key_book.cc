#include "storage/key/key_book.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/key/names.h"

namespace turret {
namespace {

constexpr size_t kBooksUnwrappedMax = 16;
constexpr size_t kWritersMax = 32;

std::string FileName(const std::string& day, unsigned part) {
  return part == 0 ? fmt::format("{}.book", day) : fmt::format("{}.{}.book", day, part);
}

struct FilePart {
  std::string day;
  unsigned part = 0;
};

// Nullopt for anything that is not written by FileName: not ours.
std::optional<FilePart> ParseFileName(const std::string& name) {
  constexpr size_t kDayBytes = 10;
  FilePart file{name.substr(0, kDayBytes), 0};
  if (name.size() > kDayBytes + 1)
    std::from_chars(name.data() + kDayBytes + 1, name.data() + name.size(), file.part);
  if (!CheckDay(file.day).ok() || name != FileName(file.day, file.part)) return std::nullopt;
  return file;
}

}  // namespace

struct KeyBooks::State {
  struct Place {
    Book* book;
    RecordPlace at;
  };
  struct Pending {
    Book* book;
    Book::KeyNames names;
    SecretKey key;
  };
  struct Day {
    std::vector<std::unique_ptr<Book>> books;  // In order of their parts; only the last may be open.
    unsigned next_part = 0;
  };

  Book::Needs needs;
  std::string directory;
  absl::Mutex mutex;
  std::map<BookName, Day> days ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<KeyId, Place> keys ABSL_GUARDED_BY(mutex);
  std::map<BookName, KeyId> body_keys ABSL_GUARDED_BY(mutex);
  std::map<BookId, Book*> by_id ABSL_GUARDED_BY(mutex);
  std::vector<Pending> pending
      ABSL_GUARDED_BY(mutex);  // Since the last Commit: kept in case their file breaks.
  std::vector<Pending> unplaced ABSL_GUARDED_BY(mutex);  // Their file broke, and they are in none since.
  std::set<Book*> touched ABSL_GUARDED_BY(mutex);        // Not synced.
  std::set<Book*> unreported
      ABSL_GUARDED_BY(mutex);  // Synced or closed, and no Commit returned their state yet.
  std::set<Book*> unsettled ABSL_GUARDED_BY(mutex);    // Closed, and their tail may still change.
  std::deque<Book*> unwrapped ABSL_GUARDED_BY(mutex);  // Books that hold unwrapped keys, oldest use first.
  std::vector<v1::BookState> states_on_open;

  absl::Status Load(const std::string& book_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status LoadDay(const BookName& name, const std::set<unsigned>& parts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::StatusOr<std::unique_ptr<Book>> LoadPart(const BookName& name, unsigned part,
                                                 const std::optional<BookFile::Successor>& successor)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::StatusOr<Book*> OpenBook(const BookName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::StatusOr<bool> IsKnown(const Book::KeyNames& names, const SecretKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status Append(const BookName& name, const Book::KeyNames& names, const SecretKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status AppendTo(Book& book, const Book::KeyNames& names, const SecretKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void GiveUp(Book& book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status PlaceUnplaced() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::Status SyncTouched() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool HasDurableSuccessor(const Book& book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  std::vector<v1::BookState> TakeReports() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Use(Book* book) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void CloseIdleWriters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  std::string PathOf(const BookName& name, unsigned part) const {
    return JoinPath(JoinPath(directory, name.book_class), FileName(name.day, part));
  }
};

KeyBooks::KeyBooks(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyBooks::~KeyBooks() = default;

absl::StatusOr<std::unique_ptr<KeyBooks>> KeyBooks::Open(Environment& environment,
                                                         const std::string& directory, LedgerId ledger,
                                                         KeyTree& tree, Random& random) {
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(directory));
  std::unique_ptr<State> state(
      new State{.needs = {environment, ledger, tree, random}, .directory = directory});
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> classes, environment.List(directory));
  {
    const absl::MutexLock lock(&state->mutex);
    for (const std::string& book_class : classes)
      if (CheckClassName(book_class).ok()) TURRET_RETURN_IF_ERROR(state->Load(book_class));
  }
  return std::unique_ptr<KeyBooks>(new KeyBooks(std::move(state)));
}

absl::Status KeyBooks::State::Load(const std::string& book_class) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          needs.environment.List(JoinPath(directory, book_class)));
  std::map<std::string, std::set<unsigned>> parts_by_day;
  for (const std::string& name : names)
    if (const std::optional<FilePart> file = ParseFileName(name)) parts_by_day[file->day].insert(file->part);
  for (const auto& [day, parts] : parts_by_day) TURRET_RETURN_IF_ERROR(LoadDay({book_class, day}, parts));
  return absl::OkStatus();
}

// From the last part to the first: each part that counts says where the one before it ends.
absl::Status KeyBooks::State::LoadDay(const BookName& name, const std::set<unsigned>& parts) {
  Day& day = days[name];
  day.next_part = *parts.rbegin() + 1;
  std::optional<BookFile::Successor> successor;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Book> book, LoadPart(name, *part, successor));
    if (book == nullptr) continue;
    if (book->file().records() > 0) successor = BookFile::Successor{book->previous()};
    states_on_open.push_back(book->file().State());
    by_id.emplace(book->file().ids().book, book.get());
    day.books.insert(day.books.begin(), std::move(book));
  }
  if (!successor.has_value() || !successor->names.has_value()) return absl::OkStatus();
  return absl::DataLossError(fmt::format("book of class {}, day {}: the file of book {} is missing",
                                         name.book_class, name.day, successor->names->book.ToHex()));
}

absl::StatusOr<std::unique_ptr<Book>> KeyBooks::State::LoadPart(
    const BookName& name, unsigned part, const std::optional<BookFile::Successor>& successor) {
  const std::string path = PathOf(name, part);
  std::vector<std::pair<Book::KeyNames, RecordPlace>> found;
  const auto collect = [&](const Book::KeyNames& names, RecordPlace place) {
    found.emplace_back(names, place);
    return absl::OkStatus();
  };
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Book> book, Book::Load(needs, path, name, successor, collect));
  for (const auto& [names, place] : found) {
    if (!keys.emplace(names.id, Place{book.get(), place}).second)
      return absl::DataLossError(fmt::format("{}: a key that stands in two records", path));
    if (names.use == v1::WrappedKey::BOOK) body_keys.emplace(name, names.id);
  }
  return book;
}

absl::StatusOr<Book*> KeyBooks::State::OpenBook(const BookName& name) {
  Day& day = days[name];
  if (!day.books.empty() && !day.books.back()->file().closed()) return day.books.back().get();
  TURRET_RETURN_IF_ERROR(needs.environment.CreateDirectories(JoinPath(directory, name.book_class)));
  std::optional<v1::BookState> previous;  // The last file that counts.
  for (const std::unique_ptr<Book>& book : day.books)
    if (book->file().records() > 0) previous = book->file().State();
  const std::string path = PathOf(name, day.next_part++);
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Book> book, Book::Create(needs, path, name, previous));
  // Best effort: which protection a file has is read from the file.
  needs.environment.Protect(path, Protection::kAppendOnly).IgnoreError();
  by_id.emplace(book->file().ids().book, book.get());
  day.books.push_back(std::move(book));
  return day.books.back().get();
}

absl::StatusOr<bool> KeyBooks::State::IsKnown(const Book::KeyNames& names, const SecretKey& key) {
  const auto found = keys.find(names.id);
  if (found == keys.end()) return false;
  Use(found->second.book);
  TURRET_ASSIGN_OR_RETURN(const Book::Opened held, found->second.book->Open(found->second.at));
  if (std::ranges::equal(held.key.bytes(), key.bytes()) && held.names.call == names.call &&
      held.names.use == names.use)
    return true;
  return absl::AlreadyExistsError(fmt::format("key {} stands in {} with another value, call or use",
                                              names.id.ToHex(), found->second.book->file().path()));
}

absl::Status KeyBooks::State::AppendTo(Book& book, const Book::KeyNames& names, const SecretKey& key) {
  touched.insert(&book);
  Use(&book);
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
    TURRET_ASSIGN_OR_RETURN(Book* const book, OpenBook(name));
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
  // A book that was never on the disk is not told: it may be gone after a crash.
  if (book.file().records() > 0) (settled ? unreported : unsettled).insert(&book);
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
    TURRET_ASSIGN_OR_RETURN(Book* const book, OpenBook(unplaced.back().book->name()));
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

bool KeyBooks::State::HasDurableSuccessor(const Book& book) {
  const Book& last = *days[book.name()].books.back();
  return &last != &book && last.file().State().records() > 0;
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
    if (book->file().closed() && !HasDurableSuccessor(*book)) return false;
    states.push_back(book->file().State());
    return true;
  });
  return states;
}

void KeyBooks::State::Use(Book* book) {
  std::erase(unwrapped, book);
  unwrapped.push_back(book);
  if (unwrapped.size() <= kBooksUnwrappedMax) return;
  unwrapped.front()->Forget();
  unwrapped.pop_front();
}

void KeyBooks::State::CloseIdleWriters() {
  size_t writers = 0;
  for (const auto& [id, book] : by_id) writers += book->file().has_writer() ? 1 : 0;
  if (writers <= kWritersMax) return;
  for (const auto& [id, book] : by_id) book->file().CloseWriter();
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
  state_->CloseIdleWriters();
  return states;
}

absl::StatusOr<SecretKey> KeyBooks::Find(KeyId id) const {
  const absl::MutexLock lock(&state_->mutex);
  const auto found = state_->keys.find(id);
  if (found == state_->keys.end())
    return absl::NotFoundError(fmt::format("no book holds key {}", id.ToHex()));
  state_->Use(found->second.book);
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
    id = KeyId::Make(state_->needs.random);
    TURRET_RETURN_IF_ERROR(
        Add(book, *id, CallId{}, v1::WrappedKey::BOOK, SecretKey::Make(state_->needs.random), NodeId{}));
  }
  TURRET_ASSIGN_OR_RETURN(const BookId book_id, BookOf(*id));
  TURRET_ASSIGN_OR_RETURN(SecretKey key, Find(*id));
  return BodyKey{book_id, *id, std::move(key)};
}

std::vector<v1::BookState> KeyBooks::StatesOnOpen() const { return state_->states_on_open; }

absl::StatusOr<Digest> KeyBooks::RootAt(BookId book, uint64_t records) const {
  const absl::MutexLock lock(&state_->mutex);
  const auto found = state_->by_id.find(book);
  if (found == state_->by_id.end()) return absl::NotFoundError(fmt::format("no book {}", book.ToHex()));
  return found->second->file().RootAt(records);
}

}  // namespace turret
