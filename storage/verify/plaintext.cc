#include "storage/verify/plaintext.h"

#include <numeric>

#include "turret/v1/archive.pb.h"

namespace turret::verify {
namespace {

constexpr size_t kOpeningBytes = 32;
constexpr size_t kPrefixBytes = kOpeningBytes + 4;

bool SameRows(const v1::PacketTable& table) {
  const int rows = table.payload_bytes_size();
  return table.sequence_delta_size() == rows && table.timestamp_delta_size() == rows &&
         table.arrival_delta_ns_size() == rows && table.payload_digest_size() == rows &&
         table.flags_size() == rows;
}

bool SameRows(const v1::FrameTable& table) {
  const int rows = table.frame_bytes_size();
  return table.timestamp_delta_size() == rows && table.duration_samples_size() == rows &&
         table.starts_run_size() == rows;
}

template <class Column>
uint64_t Sum(const Column& column) {
  return std::accumulate(column.begin(), column.end(), uint64_t{0});
}

}  // namespace

std::string PlaintextFault(View plaintext, std::string_view call_id) {
  if (plaintext.size() < kPrefixBytes) return "is shorter than an opening";
  const uint64_t body_bytes = BigEndian(plaintext.subspan(kOpeningBytes, 4));
  if (body_bytes > plaintext.size() - kPrefixBytes) return "has a body longer than itself";
  v1::SegmentBody body;
  const View raw = plaintext.subspan(kPrefixBytes, body_bytes);
  if (!body.ParseFromArray(raw.data(), static_cast<int>(raw.size())))
    return "has a body that cannot be parsed";
  const View media = plaintext.subspan(kPrefixBytes + body_bytes);
  if (!SameRows(body.packets()) || !SameRows(body.frames()))
    return "has a table with columns of different length";
  if (body.media() != v1::SegmentBody::PAYLOAD && body.media() != v1::SegmentBody::OPUS)
    return "holds unknown media";
  const bool exact = body.media() == v1::SegmentBody::PAYLOAD;
  if ((exact ? Sum(body.packets().payload_bytes()) : Sum(body.frames().frame_bytes())) != media.size())
    return "has a table that does not account for every media byte";
  if (exact && !Equal(Sha256({ViewOf(body.payload_opening()), media}), body.payload_digest()))
    return "has a payload digest that does not fit its payload";
  if (!body.call_id().empty() && body.call_id() != call_id) return "belongs to another call than its key";
  return "";
}

}  // namespace turret::verify
