// One call, recorded from datagrams that a test sends, without a spool: what comes out, opened and decoded.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "node/encode/call_recorder.h"
#include "node/order/intervals.h"
#include "storage/key/hpke.h"
#include "storage/segment/segment_plaintext.h"
#include "tests/support/support.h"

namespace turret::node {

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kAnswered = 1'790'000'000'000'000'000;

class FakeKeys final : public IntakeKeys {
 public:
  explicit FakeKeys(Random& random);
  absl::StatusOr<v1::IntakeKey> For(const std::string& day) const override;
  LedgerId ledger() const override { return ledger_; }
  const X25519Pair& pair() const { return pair_; }

 private:
  LedgerId ledger_;
  X25519Pair pair_;
  v1::IntakeKey key_;
};

/// RTP as a telephone sends it: one packet of 20 ms every 20 ms.
struct RtpSource {
  uint32_t ssrc = 0xC0FFEE;
  uint16_t sequence = 65'500;
  uint32_t timestamp = 0xFFFFF000U;
  uint8_t payload_type = 8;
  bool marker = false;

  Buffer Next(Bytes payload);  // And steps on by its length.
  void Lose(int packets) { sequence = static_cast<uint16_t>(sequence + packets), Skip(20 * packets); }
  void Skip(int ms) { timestamp += static_cast<uint32_t>(8 * ms); }
};

/// What was recorded of one stream.
struct RecordedStream {
  std::vector<v1::SegmentBody> bodies;
  std::vector<Buffer> media;
  std::vector<uint64_t> positions;
  std::string last_hash;
  Buffer AllMedia() const;
};

class CallFixture : public testing::Test, public ItemOutput {
 protected:
  CallFixture();
  v1::StreamOpened Opened(const StreamId& stream) const;
  /// A fresh recorder; what came out so far is forgotten.
  void Restart();
  void Begin(const v1::StreamOpened& opened);
  /// `at_ms` after the answer.
  void Send(int64_t at_ms, Bytes datagram);
  void Pause(int64_t at_ms, bool paused);
  void End(int64_t at_ms);
  void Emit(decltype(Item::what) what, uint64_t position, int64_t made_utc_ns) override;

  std::vector<v1::Fact> FactsOf(v1::Fact::WhatCase kind) const;
  std::vector<v1::Gap> Gaps() const;
  Intervals Recorded(const StreamId& stream) const;
  /// Opens all segments of the stream, checking chain, names and digests.
  RecordedStream Open(const StreamId& stream) const;
  /// Every nanosecond of the call is booked once; every datagram is accounted for.
  void ExpectTiled(int64_t end_ms) const;
  Buffer Voice(size_t bytes);

  test::SeededRandom random_{test::Seed(11)};
  FakeKeys keys_{random_};
  NodeMetrics metrics_;
  Tally tally_;
  CallId call_ = CallId::Make(random_);
  UnitId unit_ = UnitId::Make(random_);
  StreamId stream_ = StreamId::Make(random_);
  LineId line_ = LineId::Make(random_);
  SecretKey unit_key_ = SecretKey::Make(random_);
  std::unique_ptr<CallRecorder> recorder_;
  std::map<StreamId, StreamRecorder*> streams_;
  uint64_t position_ = 0;
  std::vector<Item> items_;
};

inline UtcInterval Ms(int64_t begin, int64_t end) { return {kAnswered + begin * kMs, kAnswered + end * kMs}; }
inline UtcInterval FromProto(const v1::Interval& interval) {
  return {interval.begin_utc_ns(), interval.end_utc_ns()};
}

}  // namespace turret::node
