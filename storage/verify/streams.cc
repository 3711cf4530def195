#include "storage/verify/streams.h"

#include <algorithm>

#include "fmt/format.h"

namespace turret::verify {
namespace {

Place PlaceOf(const std::string& stream_id, const Link& link) {
  return {.file = link.file,
          .record = link.record,
          .offset_bytes = link.offset_bytes,
          .ids = fmt::format("stream {} sequence {}", Hex(stream_id), link.sequence)};
}

void CheckStep(const std::string& id, uint64_t expected, const Hash& before, const Link& link,
               Report& report) {
  if (link.sequence < expected) return report.Add(PlaceOf(id, link), "the segment is there twice");
  if (link.sequence > expected)
    return report.Add(PlaceOf(id, link),
                      fmt::format("the stream's segments {} to {} are missing", expected, link.sequence - 1));
  if (link.predecessor != before)
    report.Add(PlaceOf(id, link), "the segment names another predecessor than the one there is");
}

}  // namespace

void Streams::Note(const std::string& stream_id, Link link) {
  streams_[stream_id].push_back(std::move(link));
}

void Streams::CheckChains(Report& report) {
  report.counts.streams = streams_.size();
  for (auto& [id, links] : streams_) {
    std::ranges::stable_sort(links, {}, &Link::sequence);
    uint64_t expected = 0;
    Hash before{};
    for (const Link& link : links) {
      CheckStep(id, expected, before, link, report);
      expected = link.sequence + 1;
      before = link.hash;
    }
  }
}

void Streams::CheckEnd(const std::string& stream_id, uint64_t segments, std::string_view last_hash,
                       const Place& said_in, Report& report) const {
  const auto found = streams_.find(stream_id);
  const uint64_t held = found == streams_.end() ? 0 : found->second.back().sequence + 1;
  Place place = said_in;
  place.ids = fmt::format("stream {}", Hex(stream_id));
  if (held < segments)
    return report.Add(place,
                      fmt::format("the entry states {} segments, and the volumes hold {}", segments, held));
  if (segments == 0) return;
  const auto last = std::ranges::find(found->second, segments - 1, &Link::sequence);
  if (last != found->second.end() && !Equal(last->hash, last_hash))
    report.Add(place,
               fmt::format("segment {} is not the one that the entry names as the last", segments - 1));
}

}  // namespace turret::verify
