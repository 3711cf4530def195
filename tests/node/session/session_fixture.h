// What a session needs, small: ports in memory, a real spool in a folder that goes away, an enrolment of two
// lines.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "node/session/session.h"
#include "node/session/session_journal.h"
#include "tests/support/support.h"

namespace turret::node::test {

/// Even ports from 20000; `left` says how many more can be had. Thread-safe.
class FakePorts final : public MediaPorts {
 public:
  absl::StatusOr<uint16_t> Open(StreamId stream) override;
  absl::StatusOr<uint16_t> Hold(StreamId stream) override;
  using MediaPorts::Listen;
  absl::Status Listen(std::span<const StreamId> streams) override;
  absl::Status Reopen(StreamId stream, uint16_t port) override;
  uint64_t Datagrams(StreamId) const override { return datagrams; }
  void Close(StreamId stream) override;
  size_t open() const;
  size_t held() const;  // Of these, those that nobody listens to yet.
  std::map<StreamId, uint16_t> streams() const;
  int busy = 0;  // So many times a port cannot be reopened yet.
  std::atomic<uint64_t> datagrams = 0;
  int left = 1000;

 private:
  mutable std::mutex mutex_;
  std::map<StreamId, uint16_t> open_;
  std::set<StreamId> held_;
  uint16_t next_ = 20000;
};

class SessionFixture : public testing::Test {
 protected:
  explicit SessionFixture(uint64_t spool_bytes_max = uint64_t{64} << 20);

  /// All that stands in the spool, committed.
  struct Spooled {
    std::vector<UnitKeyRecord> units;
    std::vector<v1::Fact> facts;
    std::vector<std::string> order;  // "unit", "call_started" …
  };
  Spooled ReadSpool();
  /// Facts of one kind, in order.
  std::vector<v1::Fact> Facts(v1::Fact::WhatCase kind);

  turret::test::SeededRandom random_{turret::test::Seed(3)};
  turret::test::TemporaryFolder folder_;
  turret::test::ManualClock clock_;
  PosixEnvironment environment_;
  NodeMetrics metrics_;
  FakePorts ports_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<EnrolmentCache> enrolment_;
  SecretKey journal_key_ = SecretKey::Make(random_);
  std::unique_ptr<SessionJournal> journal_;
  const NodeId node_ = NodeId::Make(random_);
  Presence presence_{node_, RunId::Make(random_), clock_, random_};
  LineId ada_;   // Exact policy, rule mifid5, matched by sip:ada@bank.example.
  LineId carl_;  // Opus policy, rule gdpr-only, matched by sip:carl@bank.example or label c1.
  std::unique_ptr<SessionParts> parts_;
};

struct MediaSpec {
  std::string label;
  std::string mode = "sendonly";
  std::string formats = "8";
};
std::string MakeSdp(const std::vector<MediaSpec>& media);
/// RFC 7865: participants p1, p2, … of these AORs; participant n sends the stream with label n.
std::string MakeMetadata(const std::vector<std::string>& aors);
Offer MakeOffer(const std::string& sdp, const std::string& metadata);

}  // namespace turret::node::test
