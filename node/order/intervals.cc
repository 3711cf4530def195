#include "node/order/intervals.h"

#include <algorithm>

namespace turret::node {

void Add(Intervals& set, UtcInterval more) {
  if (more.begin_ns >= more.end_ns) return;
  auto first = set.end();
  while (first != set.begin() && std::prev(first)->end_ns >= more.begin_ns) --first;
  auto last = first;
  for (; last != set.end() && last->begin_ns <= more.end_ns; ++last) {
    more.begin_ns = std::min(more.begin_ns, last->begin_ns);
    more.end_ns = std::max(more.end_ns, last->end_ns);
  }
  if (first == last) {
    set.insert(first, more);
  } else {
    *first = more;
    set.erase(std::next(first), last);
  }
}

Intervals Intersect(const Intervals& a, const Intervals& b) {
  Intervals out;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const UtcInterval both{std::max(a[i].begin_ns, b[j].begin_ns), std::min(a[i].end_ns, b[j].end_ns)};
    if (both.begin_ns < both.end_ns) out.push_back(both);
    a[i].end_ns < b[j].end_ns ? ++i : ++j;
  }
  return out;
}

Intervals Subtract(const Intervals& a, const Intervals& b) {
  Intervals out;
  size_t j = 0;
  for (UtcInterval rest : a) {
    while (j < b.size() && b[j].end_ns <= rest.begin_ns) ++j;
    for (size_t k = j; k < b.size() && b[k].begin_ns < rest.end_ns; ++k) {
      if (rest.begin_ns < b[k].begin_ns) out.push_back({rest.begin_ns, b[k].begin_ns});
      rest.begin_ns = std::max(rest.begin_ns, b[k].end_ns);
    }
    if (rest.begin_ns < rest.end_ns) out.push_back(rest);
  }
  return out;
}

int64_t DropBefore(Intervals& set, int64_t begin_ns) {
  int64_t dropped_ns = 0;
  size_t gone = 0;
  for (; gone < set.size() && set[gone].end_ns <= begin_ns; ++gone)
    dropped_ns += set[gone].end_ns - set[gone].begin_ns;
  set.erase(set.begin(), set.begin() + static_cast<std::ptrdiff_t>(gone));
  if (!set.empty() && set.front().begin_ns < begin_ns) {
    dropped_ns += begin_ns - set.front().begin_ns;
    set.front().begin_ns = begin_ns;
  }
  return dropped_ns;
}

int64_t Length(const Intervals& set) {
  int64_t length_ns = 0;
  for (const UtcInterval& one : set) length_ns += one.end_ns - one.begin_ns;
  return length_ns;
}

}  // namespace turret::node
