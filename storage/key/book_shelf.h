// The files of all key books: which there are for a class and day, in which order they go on from each other,
// and which one takes the next key. FORMAT.md, "Key book".
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/base/ids.h"
#include "storage/key/book.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

/// Owns the books; none goes before the shelf does. Not thread-safe.
class BookShelf {
 public:
  using VisitKey = std::function<absl::Status(Book&, const Book::KeyNames&, RecordPlace)>;
  /// Loads every book under `directory`, which is made when missing; `visit` is told each key that counts.
  /// Errors: as Book::Load; DataLoss when a file that a later one goes on from is missing; those of `visit`.
  static absl::StatusOr<BookShelf> Open(const Book::Needs& needs, const std::string& directory,
                                        const VisitKey& visit);

  /// The file that takes the next key of class and day: a further one when the last is closed.
  absl::StatusOr<Book*> Writable(const BookName& name);
  /// Null when there is none.
  Book* Find(BookId id) const;
  /// A later file of the same class and day is on the disk: it says for good where `book` ends.
  bool HasDurableSuccessor(const Book& book) const;
  /// As Open() found them.
  const std::vector<v1::BookState>& states_on_open() const { return states_on_open_; }

  /// To be told before a book's keys are unwrapped: those of the book that was used longest ago are wiped
  /// when too many books hold some.
  void NoteUse(Book& book);
  /// Closes the files that are open for writing when they are too many; to be called when all are synced.
  void CloseIdleWriters();

 private:
  struct Day {
    std::vector<std::unique_ptr<Book>> books;  // In order of their parts; only the last may be open.
    unsigned next_part = 0;
  };

  BookShelf(const Book::Needs& needs, std::string directory)
      : needs_(needs), directory_(std::move(directory)) {}
  absl::Status LoadClass(const std::string& book_class, const VisitKey& visit);
  absl::Status LoadDay(const BookName& name, const std::set<unsigned>& parts, const VisitKey& visit);
  absl::StatusOr<std::unique_ptr<Book>> LoadPart(const BookName& name, unsigned part,
                                                 const std::optional<BookFile::Successor>& successor,
                                                 const VisitKey& visit) const;
  std::string PathOf(const BookName& name, unsigned part) const;

  Book::Needs needs_;
  std::string directory_;
  std::map<BookName, Day> days_;
  std::map<BookId, Book*> by_id_;
  std::deque<Book*> unwrapped_;  // Books that hold unwrapped keys, oldest use first.
  std::vector<v1::BookState> states_on_open_;
};

}  // namespace turret
