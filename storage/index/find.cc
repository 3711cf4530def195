#include "storage/index/find.h"

#include "storage/base/status.h"
#include "storage/index/keys.h"

namespace turret::index {

ListIntersection::ListIntersection(const Database& database, int64_t from_utc_ns, int64_t until_utc_ns)
    : database_(database), from_(TimeKey(from_utc_ns)), until_(TimeKey(until_utc_ns)) {}

void ListIntersection::Require(Family family, std::string_view id) {
  List list{.id = std::string(id), .cursor = nullptr};
  list.cursor = database_.Range(family, Join(id, from_), Join(id, until_));
  lists_.push_back(std::move(list));
}

absl::StatusOr<std::vector<CallId>> ListIntersection::Find(size_t limit) {
  std::vector<CallId> found;
  if (from_ >= until_) return found;
  if (lists_.empty()) Require(Family::kByTime, "");
  std::string candidate = from_;
  while (found.size() < limit) {
    size_t agreeing = 0;
    for (List& list : lists_) {
      if (list.cursor->Valid() && list.When() < candidate) list.cursor->Seek(Join(list.id, candidate));
      if (!list.cursor->Valid()) {
        TURRET_RETURN_IF_ERROR(list.cursor->status());
        return found;
      }
      if (list.When() == candidate)
        ++agreeing;
      else
        candidate = list.When();
    }
    if (agreeing < lists_.size()) continue;
    TURRET_ASSIGN_OR_RETURN(const CallId call,
                            CallId::FromProto(std::string_view(candidate).substr(kTimeBytes)));
    found.push_back(call);
    lists_.front().cursor->Next();
    if (!lists_.front().cursor->Valid()) {
      TURRET_RETURN_IF_ERROR(lists_.front().cursor->status());
      break;
    }
    candidate = lists_.front().When();
  }
  return found;
}

}  // namespace turret::index
