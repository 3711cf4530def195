#include "tests/coordinator/ingest/workload.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "storage/segment/segment.h"
#include "tests/support/support.h"

namespace turret::test {
namespace {

constexpr size_t kStreamAt = 40;  // In the header of a sealed segment: FORMAT.md.

void ExpectFact(const coordinator::Archive& archive, const v1::Fact& fact) {
  const auto at = archive.index().FactEntry(*FactId::FromProto(fact.fact_id()));
  ASSERT_TRUE(at.ok() && at->has_value());
  const auto entry = archive.ReadEntry(**at);
  ASSERT_TRUE(entry.ok() && entry->body) << entry.status();
  EXPECT_EQ(entry->body->fact().SerializeAsString(), fact.SerializeAsString());
}

// How many facts the ledger has.
size_t CountFacts(const coordinator::Archive& archive) {
  std::set<std::string> seen;
  for (uint64_t at = 0; at < archive.ledger().Head().size(); ++at) {
    const auto entry = archive.ReadEntry(at);
    EXPECT_TRUE(entry.ok()) << entry.status();
    if (!entry.ok() || !entry->body || !entry->body->has_fact()) continue;
    EXPECT_TRUE(seen.insert(entry->body->fact().fact_id()).second) << "entry " << at << ": a fact twice";
  }
  return seen.size();
}

void ExpectHeldAs(const coordinator::Archive& archive, const std::vector<v1::ReplicateRequest>& acknowledged,
                  bool nothing_else) {
  std::map<std::string, std::vector<Digest>> hashes;
  size_t facts = 0;
  for (const v1::ReplicateRequest& item : acknowledged) {
    if (item.has_fact()) {
      ++facts;
      ExpectFact(archive, item.fact());
    } else if (item.has_segment()) {
      const Bytes sealed = AsBytes(item.segment().sealed());
      hashes[ToString(sealed.subspan(kStreamAt, kIdBytes))].push_back(SegmentHash(sealed));
    }
  }
  for (const auto& [stream, expected] : hashes) {
    const auto placed = archive.index().Placements(*StreamId::FromProto(stream));
    ASSERT_TRUE(placed.ok()) << placed.status();
    ASSERT_GE(placed->size(), expected.size());
    if (nothing_else) EXPECT_EQ(placed->size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ((*placed)[i].placement.segment_hash(), ToString(expected[i]));
      EXPECT_TRUE(archive.OpenSegmentAt((*placed)[i]).ok());
    }
  }
  const size_t held = CountFacts(archive);
  if (nothing_else)
    EXPECT_EQ(held, facts);
  else
    EXPECT_GE(held, facts);
}

}  // namespace

uint64_t Workload::Pick(uint64_t below) { return Below(random_, below); }

void Workload::Make() {
  if (calls_.empty() || Pick(3) == 0) {
    calls_.push_back(node_.NewCall());
    for (auto item :
         {node_.Unit(calls_.back()), node_.Started(calls_.back()), node_.StreamOpened(calls_.back())})
      waiting_.push_back(std::move(item));
  }
  for (uint64_t i = 0; i <= Pick(4); ++i) waiting_.push_back(node_.Segment(calls_[Pick(calls_.size())]));
  waiting_.push_back(Pick(2) == 0 ? node_.Presence() : node_.GapOf(calls_.back(), v1::GAP_CAUSE_PACKET_LOSS));
  if (calls_.size() > 1 && Pick(4) == 0) {
    waiting_.push_back(node_.Ended(calls_.front()));
    calls_.erase(calls_.begin());
  }
}

void Workload::EndCalls() {
  for (const FakeCall& call : calls_) waiting_.push_back(node_.Ended(call));
  calls_.clear();
}

void Workload::Acknowledge(size_t items) {
  for (size_t i = 0; i < items; ++i) {
    acknowledged_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void ExpectHeld(const coordinator::Archive& archive, const std::vector<v1::ReplicateRequest>& acknowledged) {
  ExpectHeldAs(archive, acknowledged, /*nothing_else=*/false);
}

void ExpectHeldAndNothingElse(const coordinator::Archive& archive,
                              const std::vector<v1::ReplicateRequest>& acknowledged) {
  ExpectHeldAs(archive, acknowledged, /*nothing_else=*/true);
}

}  // namespace turret::test
