// Sets of half-open UTC intervals, in order, disjoint, none of them empty.
#pragma once

#include <cstdint>
#include <vector>

namespace turret::node {

struct UtcInterval {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  bool operator==(const UtcInterval&) const = default;
};
using Intervals = std::vector<UtcInterval>;

/// Adds one to the set, joined with what it touches. Cheap at the end of the set.
void Add(Intervals& set, UtcInterval more);
Intervals Intersect(const Intervals& a, const Intervals& b);
Intervals Subtract(const Intervals& a, const Intervals& b);
/// Drops all before `begin_ns`; returns the length of what was dropped.
int64_t DropBefore(Intervals& set, int64_t begin_ns);
int64_t Length(const Intervals& set);

}  // namespace turret::node
