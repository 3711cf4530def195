// Calls that stand in several lists at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/base/ids.h"
#include "storage/index/database.h"

namespace turret::index {

/// Intersects lists of calls, each ordered by start and call id, by leaping over what the others do not have:
/// as quick as the shortest list. Not thread-safe; `database` must outlive it.
class ListIntersection {
 public:
  /// Calls that started in [from, until).
  ListIntersection(const Database& database, int64_t from_utc_ns, int64_t until_utc_ns);

  /// Adds a list: the rows of `family` behind `id` (a line id or token).
  void Require(Family family, std::string_view id);
  /// At most `limit` calls, by start. With no list required: of all calls.
  absl::StatusOr<std::vector<CallId>> Find(size_t limit);

 private:
  struct List {
    std::string id;
    std::unique_ptr<Database::Cursor> cursor;
    std::string_view When() const { return cursor->key().substr(id.size()); }
  };
  const Database& database_;
  const std::string from_, until_;
  std::vector<List> lists_;
};

}  // namespace turret::index
