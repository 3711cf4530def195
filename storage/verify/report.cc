#include "storage/verify/report.h"

#include <algorithm>

#include "fmt/format.h"

namespace turret::verify {

void Report::Add(Place place, std::string what) {
  ++total_;
  if (findings_.size() < kFindingsMax) findings_.push_back({std::move(place), std::move(what)});
}

void Report::Note(std::string what) {
  if (std::ranges::find(notes_, what) != notes_.end()) return;
  if (notes_.size() < kFindingsMax) notes_.push_back(std::move(what));
}

std::string ToText(const Place& place) {
  std::string text = place.file;
  const auto add = [&text](const std::string& part) {
    if (!text.empty()) text += ", ";
    text += part;
  };
  if (place.entry && place.entry_last && *place.entry_last != *place.entry)
    add(fmt::format("ledger entries {} to {}", *place.entry, *place.entry_last));
  else if (place.entry)
    add(fmt::format("ledger entry {}", *place.entry));
  if (place.record) add(fmt::format("record {}", *place.record));
  if (place.offset_bytes) add(fmt::format("offset {}", *place.offset_bytes));
  if (!place.ids.empty()) add(place.ids);
  return text.empty() ? "archive" : text;
}

}  // namespace turret::verify
