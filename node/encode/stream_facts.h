// Facts that the pipeline makes of a stream. Their ids follow from the stream, the kind and an ordinal: a
// spool that is read again says the same thing twice, not two things.
#pragma once

#include <cstdint>
#include <string_view>

#include "node/order/stream_books.h"
#include "storage/base/ids.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

/// First 16 bytes of SHA-256(stream id | kind | ordinal).
FactId DerivedFactId(const StreamId& stream, std::string_view kind, uint64_t ordinal);
/// Id of a further synchronisation source on a stream's port.
StreamId DerivedStreamId(const StreamId& stream, uint64_t ordinal);

/// A fact about the call with a derived id; the caller fills in what it says.
v1::Fact MakeFact(const CallId& call, const StreamId& stream, std::string_view kind, uint64_t ordinal,
                  int64_t utc_ns);
v1::Fact MakeGapFact(const CallId& call, const v1::StreamOpened& stream, const SettledGap& gap,
                     uint64_t ordinal);
v1::Fact MakePausedFact(const CallId& call, const v1::StreamOpened& stream, const UtcInterval& pause,
                        uint64_t ordinal);
v1::Fact MakeFlagFact(const CallId& call, const StreamId& stream, v1::CallFlag flag, int64_t utc_ns);

void AddIntervals(const Intervals& from, google::protobuf::RepeatedPtrField<v1::Interval>& to);

}  // namespace turret::node
