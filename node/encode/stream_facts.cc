#include "node/encode/stream_facts.h"

#include <algorithm>

#include "storage/base/digest.h"

namespace turret::node {
namespace {

std::array<uint8_t, kIdBytes> Derive(const StreamId& stream, std::string_view kind, uint64_t ordinal) {
  Buffer number;
  StoreU64(number, ordinal);
  const Digest digest = Sha256({stream.bytes(), AsBytes(kind), Bytes(number)});
  std::array<uint8_t, kIdBytes> id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

StreamId IdOf(const v1::StreamOpened& stream) {
  return StreamId::FromProto(stream.stream_id()).value_or(StreamId{});
}

void SetInterval(const UtcInterval& from, v1::Interval& to) {
  to.set_begin_utc_ns(from.begin_ns);
  to.set_end_utc_ns(from.end_ns);
}

}  // namespace

FactId DerivedFactId(const StreamId& stream, std::string_view kind, uint64_t ordinal) {
  return {Derive(stream, kind, ordinal)};
}

StreamId DerivedStreamId(const StreamId& stream, uint64_t ordinal) {
  return {Derive(stream, "source", ordinal)};
}

v1::Fact MakeFact(const CallId& call, const StreamId& stream, std::string_view kind, uint64_t ordinal,
                  int64_t utc_ns) {
  v1::Fact fact;
  fact.set_fact_id(DerivedFactId(stream, kind, ordinal).ToProto());
  fact.set_call_id(call.ToProto());
  fact.set_utc_ns(utc_ns);
  return fact;
}

v1::Fact MakeGapFact(const CallId& call, const v1::StreamOpened& stream, const SettledGap& gap,
                     uint64_t ordinal) {
  v1::Fact fact = MakeFact(call, IdOf(stream), "gap", ordinal, gap.interval.end_ns);
  v1::Gap& out = *fact.mutable_gap();
  out.set_gap_id(ToString(Derive(IdOf(stream), "gap id", ordinal)));
  out.set_stream_id(stream.stream_id());
  *out.mutable_channels() = stream.channels();
  out.set_cause(gap.cause);
  SetInterval(gap.interval, *out.mutable_interval());
  out.set_first_missing_sequence(static_cast<uint64_t>(gap.first_missing_sequence));
  out.set_missing_packets(gap.missing_packets);
  return fact;
}

v1::Fact MakePausedFact(const CallId& call, const v1::StreamOpened& stream, const UtcInterval& pause,
                        uint64_t ordinal) {
  v1::Fact fact = MakeFact(call, IdOf(stream), "paused", ordinal, pause.end_ns);
  fact.mutable_paused()->set_stream_id(stream.stream_id());
  *fact.mutable_paused()->mutable_channels() = stream.channels();
  SetInterval(pause, *fact.mutable_paused()->mutable_interval());
  return fact;
}

v1::Fact MakeFlagFact(const CallId& call, const StreamId& stream, v1::CallFlag flag, int64_t utc_ns) {
  v1::Fact fact = MakeFact(call, stream, "flag", static_cast<uint64_t>(flag), utc_ns);
  fact.mutable_call_updated()->add_flags(flag);
  return fact;
}

void AddIntervals(const Intervals& from, google::protobuf::RepeatedPtrField<v1::Interval>& to) {
  for (const UtcInterval& interval : from) SetInterval(interval, *to.Add());
}

}  // namespace turret::node
