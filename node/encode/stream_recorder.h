// Records one stream of a call: the datagrams on its port, in arrival order, become segments, and facts that
// account for every nanosecond of the call and for every datagram.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node/encode/recorder_parts.h"
#include "node/encode/segment_writer.h"
#include "node/encode/stream_facts.h"
#include "node/order/gaps.h"
#include "node/order/reorder.h"
#include "node/order/stream_books.h"
#include "node/spool/block.h"

namespace turret::node {

inline constexpr size_t kSourcesMax = 8;                              // On one port.
inline constexpr int64_t kProgressNs = int64_t{300} * 1'000'000'000;  // CAPTURE.md: every 5 minutes.
/// A source that says nothing for this long has its segment sealed, so that the spool can be trimmed.
inline constexpr int64_t kIdleNs = 2'000'000'000;
/// Where no cut of one source finds the others near theirs, all are cut at once, so that the stream can be
/// remembered.
inline constexpr int64_t kOpenNsMax = 2 * kSegmentSecondsOpus * 1'000'000'000;
inline constexpr uint64_t kHeldRememberedMax = 64;   // Packets that may wait for others then.
inline constexpr size_t kProgressIntervalsMax = 96;  // More of them, and a progress entry is due.

/// Threading: one thread. What it does follows from the records alone, in their order: reading them again
/// gives the same items.
class StreamRecorder {
 public:
  /// `begin_utc_ns`: when the call was answered. Errors: as SegmentWriter; NotFound when there is no intake
  /// key.
  static absl::StatusOr<std::unique_ptr<StreamRecorder>> Create(const v1::StreamOpened& opened,
                                                                const CallId& call, int64_t begin_utc_ns,
                                                                const SecretKey& unit_key,
                                                                const RecorderParts& parts);

  /// As another one was when `state` was remembered: it skips what that one had seen. Errors: as Create;
  /// InvalidArgument when the state is none.
  static absl::StatusOr<std::unique_ptr<StreamRecorder>> Resume(const v1::StreamState& state,
                                                                const SecretKey& unit_key,
                                                                const RecorderParts& parts);

  void OnDatagram(uint64_t position, const Datagram& datagram);
  void OnPauseChanged(uint64_t position, bool paused, int64_t utc_ns);
  /// This node was down; `last_utc_ns` was the newest record before, of any stream.
  void OnRunStarted(uint64_t position, int64_t last_utc_ns);
  /// Time passes in the spool, of which all below `position` was read: sources that went quiet are sealed.
  void OnTime(int64_t now_utc_ns, uint64_t position);
  /// The call ended, and no datagram comes any more: everything is released, sealed, settled and stated.
  void Finish(uint64_t position, int64_t end_utc_ns, v1::CallEnded& ended);

  /// Oldest spool position that is in no item yet; UINT64_MAX: none.
  uint64_t OldestNeeded() const;
  /// An absence lasts now, which may become a gap.
  bool Absent(int64_t now_utc_ns) const;
  /// All that a later process needs to go on from here, its position apart; only shortly after a cut of all
  /// sources.
  v1::StreamState Save() const;
  /// Remembers that it is so, all below `position` being read.
  void Remember(uint64_t position);

 private:
  // A synchronisation source: a sub-stream with an id of its own. The first has the stream's id.
  struct Source {
    StreamId id;
    uint32_t ssrc;
    SourceAddress address;
    size_t index;
    Reorder reorder;
    GapFinder finder;
    SegmentWriter writer;
    Tally tally{};
    SettledTime settled{};  // Since its last progress entry.
    int64_t last_arrival_ns = 0;
    bool idle = true;
    uint64_t progress_made = 0;
  };

  StreamRecorder(const v1::StreamOpened& opened, const CallId& call, int64_t begin_utc_ns,
                 const SecretKey& unit_key, std::string pairing_key, const RecorderParts& parts);
  void Drop(Discard reason);
  Source* FindOrOpen(uint64_t position, const RtpPacket& packet, const Datagram& datagram);
  absl::StatusOr<std::unique_ptr<Source>> MakeSource(uint32_t ssrc, const SourceAddress& address,
                                                     uint64_t segments = 0, Digest last_hash = {}) const;
  absl::StatusOr<std::unique_ptr<Source>> RestoreSource(const v1::SourceState& state);
  absl::Status Restore(const v1::StreamState& state);
  void StateSecondSource(uint64_t position, const Source& source, int64_t utc_ns);
  void Place(Source& source, const OrderedPacket& packet);
  const PayloadCodec& CodecFor(uint8_t payload_type);
  void Count(Source& source);
  void GoIdle(Source& source);
  void Flush(Source& source);
  bool AllAtCut() const;
  void RememberIfDue(uint64_t position, int64_t arrival_ns);
  bool BeginRecord(uint64_t position);
  void EmitSegment(const Source& source, WrittenSegment written);
  void Settle(uint64_t position, int64_t upto_ns);
  void TakeSettled(const std::vector<SettledGap>& gaps, uint64_t position);
  void EmitProgress(uint64_t position, bool ended, int64_t utc_ns);
  void EmitPaused(uint64_t position, const UtcInterval& pause);
  void Flag(uint64_t position, v1::CallFlag flag, int64_t utc_ns);

  const v1::StreamOpened opened_;
  const StreamId id_;
  const CallId call_;
  const int64_t begin_ns_;
  const SecretKey unit_key_;
  const std::string pairing_key_;
  const RecorderParts parts_;
  const uint32_t clock_rate_hz_;
  bool any_ = false;  // A packet came.
  StreamBooks books_;
  std::vector<std::unique_ptr<Source>> sources_;  // The first from the beginning, even if nothing ever comes.
  std::vector<std::pair<uint8_t, PayloadCodec>> codecs_;
  std::set<v1::CallFlag> flagged_;
  int64_t settle_next_ns_ = 0;
  int64_t progress_next_ns_;
  int64_t last_arrival_ns_ = 0;
  uint64_t gaps_made_ = 0;
  uint64_t pauses_made_ = 0;
  int64_t open_since_ns_ = 0;  // Arrival of the first packet since it could be remembered; 0: it can be.
  int64_t newest_utc_ns_ = 0;  // Of any record, when this was remembered.
  uint64_t skip_below_ = 0;    // Seen before this process began.
  bool changed_ = false;       // Since it was remembered last.
  bool cut_ = false;           // By the record that is read now.
};

}  // namespace turret::node
