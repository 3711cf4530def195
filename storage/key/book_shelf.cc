#include "storage/key/book_shelf.h"

#include <algorithm>
#include <charconv>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/key/names.h"

namespace turret {
namespace {

constexpr size_t kBooksUnwrappedMax = 16;
constexpr ptrdiff_t kWritersMax = 32;

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

absl::StatusOr<BookShelf> BookShelf::Open(const Book::Needs& needs, const std::string& directory,
                                          const VisitKey& visit) {
  TURRET_RETURN_IF_ERROR(needs.environment.CreateDirectories(directory));
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> classes, needs.environment.List(directory));
  BookShelf shelf(needs, directory);
  for (const std::string& book_class : classes)
    if (CheckClassName(book_class).ok()) TURRET_RETURN_IF_ERROR(shelf.LoadClass(book_class, visit));
  return shelf;
}

absl::Status BookShelf::LoadClass(const std::string& book_class, const VisitKey& visit) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                          needs_.environment.List(JoinPath(directory_, book_class)));
  std::map<std::string, std::set<unsigned>> parts_by_day;
  for (const std::string& name : names)
    if (const std::optional<FilePart> file = ParseFileName(name)) parts_by_day[file->day].insert(file->part);
  for (const auto& [day, parts] : parts_by_day)
    TURRET_RETURN_IF_ERROR(LoadDay({book_class, day}, parts, visit));
  return absl::OkStatus();
}

// From the last part to the first: each part that counts says where the one before it ends.
absl::Status BookShelf::LoadDay(const BookName& name, const std::set<unsigned>& parts,
                                const VisitKey& visit) {
  Day& day = days_[name];
  day.next_part = *parts.rbegin() + 1;
  std::optional<BookFile::Successor> successor;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Book> book, LoadPart(name, *part, successor, visit));
    if (book == nullptr) continue;
    if (book->file().records() > 0) successor = BookFile::Successor{book->previous()};
    states_on_open_.push_back(book->file().State());
    by_id_.emplace(book->file().ids().book, book.get());
    day.books.insert(day.books.begin(), std::move(book));
  }
  if (!successor.has_value() || !successor->names.has_value()) return absl::OkStatus();
  return absl::DataLossError(fmt::format("book of class {}, day {}: the file of book {} is missing",
                                         name.book_class, name.day, successor->names->book.ToHex()));
}

absl::StatusOr<std::unique_ptr<Book>> BookShelf::LoadPart(const BookName& name, unsigned part,
                                                          const std::optional<BookFile::Successor>& successor,
                                                          const VisitKey& visit) const {
  std::vector<std::pair<Book::KeyNames, RecordPlace>> found;
  const auto collect = [&](const Book::KeyNames& names, RecordPlace place) {
    found.emplace_back(names, place);
    return absl::OkStatus();
  };
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Book> book,
                          Book::Load(needs_, PathOf(name, part), name, successor, collect));
  for (const auto& [names, place] : found) TURRET_RETURN_IF_ERROR(visit(*book, names, place));
  return book;
}

absl::StatusOr<Book*> BookShelf::Writable(const BookName& name) {
  Day& day = days_[name];
  if (!day.books.empty() && !day.books.back()->file().closed()) return day.books.back().get();
  TURRET_RETURN_IF_ERROR(needs_.environment.CreateDirectories(JoinPath(directory_, name.book_class)));
  std::optional<v1::BookState> previous;  // The last file that counts.
  for (const std::unique_ptr<Book>& book : day.books)
    if (book->file().records() > 0) previous = book->file().State();
  const std::string path = PathOf(name, day.next_part++);
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Book> book, Book::Create(needs_, path, name, previous));
  // Best effort: which protection a file has is read from the file.
  needs_.environment.Protect(path, Protection::kAppendOnly).IgnoreError();
  by_id_.emplace(book->file().ids().book, book.get());
  day.books.push_back(std::move(book));
  return day.books.back().get();
}

Book* BookShelf::Find(BookId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

bool BookShelf::HasDurableSuccessor(const Book& book) const {
  const Book& last = *days_.at(book.name()).books.back();
  return &last != &book && last.file().State().records() > 0;
}

void BookShelf::NoteUse(Book& book) {
  std::erase(unwrapped_, &book);
  unwrapped_.push_back(&book);
  if (unwrapped_.size() <= kBooksUnwrappedMax) return;
  unwrapped_.front()->Forget();
  unwrapped_.pop_front();
}

void BookShelf::CloseIdleWriters() {
  const auto writes = [](const auto& entry) { return entry.second->file().has_writer(); };
  if (std::ranges::count_if(by_id_, writes) <= kWritersMax) return;
  for (const auto& [id, book] : by_id_) book->file().CloseWriter();
}

std::string BookShelf::PathOf(const BookName& name, unsigned part) const {
  return JoinPath(JoinPath(directory_, name.book_class), FileName(name.day, part));
}

}  // namespace turret
