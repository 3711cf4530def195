#include "gmock/gmock.h"
#include "tests/storage/index/entries.h"

namespace turret::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Time At(int64_t ns) { return absl::FromUnixNanos(ns); }

class ApplyTest : public ::testing::Test {
 protected:
  void Apply() { ASSERT_TRUE(entries_.ApplyTo(*index_).ok()); }
  v1::CallRow Call(const CallId& id) {
    auto row = index_->Call(id);
    EXPECT_TRUE(row.ok()) << row.status();
    return row.value_or(v1::CallRow());
  }
  std::vector<std::string> CallsOfLine(int64_t from_ns, int64_t until_ns) {
    std::vector<std::string> ids;
    auto rows = index_->CallsOfLine(line_, At(from_ns), At(until_ns));
    EXPECT_TRUE(rows.ok()) << rows.status();
    for (const v1::CallRow& row : *rows) ids.push_back(row.call_id());
    return ids;
  }

  Entries entries_{2};
  FreshIndex index_;
  const CallId call_ = entries_.Make<CallId>();
  const StreamId stream_ = entries_.Make<StreamId>();
  const VolumeId volume_ = entries_.Make<VolumeId>();
  const LineId line_ = entries_.Make<LineId>();
  const NodeId node_ = entries_.Make<NodeId>();
};

TEST_F(ApplyTest, CallRowHoldsAllThatWasSaidInOrder) {
  entries_.AddStarted(call_, 10, {line_});
  entries_.AddFact(call_).mutable_stream_opened()->set_stream_id(stream_.ToProto());
  entries_.AddFact(call_).mutable_gap()->set_cause(v1::GAP_CAUSE_NO_MEDIA);
  entries_.AddFact(call_).mutable_paused()->set_stream_id("p");
  entries_.AddFact(call_).mutable_gap()->set_cause(v1::GAP_CAUSE_CAPACITY);
  entries_.AddEnded(call_, 20);
  Apply();
  const v1::CallRow row = Call(call_);
  EXPECT_EQ(row.call_id(), call_.ToProto());
  EXPECT_EQ(row.started().answered_utc_ns(), 10);
  EXPECT_EQ(row.ended().ended_utc_ns(), 20);
  EXPECT_THAT(row.stream_ids(), ElementsAre(stream_.ToProto()));
  ASSERT_THAT(row.gaps(), SizeIs(2));
  EXPECT_EQ(row.gaps(1).cause(), v1::GAP_CAUSE_CAPACITY);
  EXPECT_THAT(row.paused(), SizeIs(1));
  EXPECT_THAT(row.entries(), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(ApplyTest, FactThatComesBeforeItsCallIsKept) {
  entries_.AddFact(call_).mutable_gap()->set_cause(v1::GAP_CAUSE_NO_MEDIA);
  entries_.AddFact(call_).mutable_stream_progress()->set_stream_id(stream_.ToProto());
  entries_.AddEnded(call_, 20);
  entries_.AddStarted(call_, 10, {line_});
  Apply();
  EXPECT_THAT(Call(call_).gaps(), SizeIs(1));
  EXPECT_TRUE(Call(call_).has_ended());
  EXPECT_THAT(index_->Stream(stream_)->progress(), SizeIs(1));
  EXPECT_THAT(*index_->RunningCalls(), IsEmpty());
  EXPECT_THAT(CallsOfLine(15, 16), ElementsAre(call_.ToProto()));
}

TEST_F(ApplyTest, FactThatStandsTwiceInTheLedgerCountsOnce) {
  entries_.AddFact(call_).mutable_gap()->set_cause(v1::GAP_CAUSE_NO_MEDIA);
  IndexedEntry again = entries_.all().back();
  again.index = 1;
  entries_.all().push_back(again);
  Apply();
  EXPECT_THAT(Call(call_).gaps(), SizeIs(1));
  auto id = FactId::FromProto(again.body->fact().fact_id());
  EXPECT_EQ(*index_->FactEntry(*id), std::optional<uint64_t>(0));
  EXPECT_EQ(*index_->FactEntry(entries_.Make<FactId>()), std::nullopt);
}

TEST_F(ApplyTest, TrueEndReplacesTheOneAssumedForALostNode) {
  entries_.AddStarted(call_, 10, {line_});
  v1::CallEnded& assumed = entries_.AddEnded(call_, 15);
  assumed.set_reason(v1::CallEnded::NODE_LOST);
  assumed.add_streams()->set_stream_id(stream_.ToProto());
  v1::CallEnded& told = entries_.AddEnded(call_, 40);
  told.set_reason(v1::CallEnded::BYE);
  told.add_streams()->set_stream_id(stream_.ToProto());
  Apply();
  EXPECT_EQ(Call(call_).ended().ended_utc_ns(), 40);
  EXPECT_THAT(Call(call_).ended().streams(), SizeIs(1));
  EXPECT_THAT(Call(call_).entries(), ElementsAre(0, 1, 2));
  EXPECT_THAT(CallsOfLine(30, 35), ElementsAre(call_.ToProto()));
}

TEST_F(ApplyTest, StreamRowJoinsWhatWasSaidAndWhatIsHeld) {
  entries_.AddFact(call_).mutable_stream_opened()->set_stream_id(stream_.ToProto());
  entries_.AddExtended(volume_, {{stream_, 0}, {stream_, 1}});
  entries_.AddFact(call_).mutable_stream_progress()->set_stream_id(stream_.ToProto());
  entries_.AddExtended(volume_, {{stream_, 2}});
  Apply();
  auto row = index_->Stream(stream_);
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->call_id(), call_.ToProto());
  EXPECT_TRUE(row->has_opened());
  EXPECT_THAT(row->progress(), SizeIs(1));
  EXPECT_EQ(row->segments(), 3U);
  EXPECT_EQ(row->last_segment_hash(), "hash of 2");
  EXPECT_EQ(row->end_sequence(), 1500U);
  EXPECT_EQ(row->end_timestamp(), 240'000);
}

TEST_F(ApplyTest, StreamPositionNeverGoesBack) {
  const VolumeId other = entries_.Make<VolumeId>();
  entries_.AddExtended(other, {{stream_, 3}});  // Two recovered volumes, in the order of their names.
  entries_.AddExtended(volume_, {{stream_, 1}, {stream_, 2}});
  Apply();
  EXPECT_EQ(index_->Stream(stream_)->segments(), 4U);
  auto placed = index_->Placements(stream_);
  ASSERT_TRUE(placed.ok());
  ASSERT_THAT(*placed, SizeIs(3));
  EXPECT_EQ((*placed)[0].placement.sequence(), 1U);
  EXPECT_EQ((*placed)[0].volume, volume_);
  EXPECT_EQ((*placed)[0].entry, 1U);
  EXPECT_EQ((*placed)[2].volume, other);
}

TEST_F(ApplyTest, VolumeRowIsTheLatestStateAndStaysClosed) {
  entries_.AddExtended(volume_, {{stream_, 0}});
  entries_.AddExtended(volume_, {}, /*closed=*/true);
  entries_.all().back().body.reset();
  Apply();
  auto row = index_->Volume(volume_);
  ASSERT_TRUE(row.ok());
  EXPECT_TRUE(row->closed());
  EXPECT_EQ(row->entry(), 1U);
  EXPECT_EQ(row->state().leaves(), 2U);
  EXPECT_EQ(row->storage_class(), "mifid");
  EXPECT_EQ(row->day(), "2026-11-24");
}

TEST_F(ApplyTest, RunningCallsAreThoseThatStartedAndDidNotEnd) {
  const CallId ended = entries_.Make<CallId>();
  entries_.AddStarted(call_, 10, {line_});
  entries_.AddStarted(ended, 11, {line_});
  entries_.AddEnded(ended, 12);
  Apply();
  auto running = index_->RunningCalls();
  ASSERT_TRUE(running.ok());
  ASSERT_THAT(*running, SizeIs(1));
  EXPECT_EQ((*running)[0].call_id(), call_.ToProto());
}

TEST_F(ApplyTest, CallsOfALineAreAllThatOverlapHoweverLongAgoTheyBegan) {
  const CallId ended = entries_.Make<CallId>(), later = entries_.Make<CallId>();
  entries_.AddStarted(call_, 10, {line_});
  entries_.AddStarted(ended, 20, {line_});
  entries_.AddEnded(ended, 1000);
  entries_.AddStarted(later, 2000, {line_});
  Apply();
  EXPECT_THAT(CallsOfLine(900, 901), ElementsAre(call_.ToProto(), ended.ToProto()));
  EXPECT_THAT(CallsOfLine(1000, 2000), ElementsAre(call_.ToProto()));
  EXPECT_THAT(CallsOfLine(1000, 2001), ElementsAre(call_.ToProto(), later.ToProto()));
  EXPECT_THAT(CallsOfLine(0, 10), IsEmpty());
}

TEST_F(ApplyTest, LastCallBeforeIsOfThatLineAndStrictlyEarlier) {
  const CallId second = entries_.Make<CallId>();
  entries_.AddStarted(call_, 10, {line_});
  entries_.AddStarted(second, 20, {line_});
  entries_.AddStarted(entries_.Make<CallId>(), 15, {entries_.Make<LineId>()});
  Apply();
  EXPECT_EQ((*index_->LastCallBefore(line_, At(21)))->call_id(), second.ToProto());
  EXPECT_EQ((*index_->LastCallBefore(line_, At(20)))->call_id(), call_.ToProto());
  EXPECT_EQ(*index_->LastCallBefore(line_, At(10)), std::nullopt);
}

TEST_F(ApplyTest, PresencesAreThoseThatOverlapAndNoneOverwritesAnother) {
  entries_.AddPresence(node_, MakeInterval(0, 60), 1);
  entries_.AddPresence(node_, MakeInterval(60, 60), 1);
  entries_.AddPresence(node_, MakeInterval(60, 120), 2);
  entries_.AddPresence(entries_.Make<NodeId>(), MakeInterval(50, 110), 2);
  Apply();
  EXPECT_THAT(*index_->Presences(At(59), At(61)), SizeIs(4));
  EXPECT_THAT(*index_->Presences(At(60), At(61)), SizeIs(2));
  EXPECT_THAT(*index_->Presences(At(0), At(50)), SizeIs(1));
  EXPECT_THAT(*index_->Presences(At(120), At(500)), IsEmpty());
}

// C04: who had which line when.
TEST_F(ApplyTest, LineHistoryHoldsTheVersionsThatChangedTheLine) {
  const LineId other = entries_.Make<LineId>();
  for (const auto& [version, trader] :
       std::vector<std::pair<uint64_t, std::string>>{{1, "A"}, {2, "A"}, {3, "B"}}) {
    v1::EnrolmentChanged& enrolment = entries_.AddEnrolment(version, static_cast<int64_t>(version) * 100);
    *enrolment.add_lines() = MakeLine(line_, "LDN-1", trader);
    if (version == 2) *enrolment.add_lines() = MakeLine(other, "LDN-2", "C");
  }
  Apply();
  auto history = index_->LineHistory(line_);
  ASSERT_TRUE(history.ok());
  ASSERT_THAT(history->versions(), SizeIs(2));
  EXPECT_EQ(history->versions(1).version(), 3U);
  EXPECT_EQ(LineAsOf(*history, 50)->trader(), "A");
  EXPECT_EQ(LineAsOf(*history, 299)->trader(), "A");
  EXPECT_EQ(LineAsOf(*history, 300)->trader(), "B");
  auto gone = index_->LineHistory(other);
  ASSERT_THAT(gone->versions(), SizeIs(2));
  EXPECT_THAT(gone->versions(1).lines(), IsEmpty());
  EXPECT_EQ(*index_->LineNamed("LDN-2"), other);
  EXPECT_TRUE(absl::IsNotFound(index_->LineNamed("ldn-2").status()));
  EXPECT_EQ((*index_->LatestEnrolment())->version(), 3U);
  EXPECT_THAT(*index_->Enrolments(), SizeIs(3));
}

TEST_F(ApplyTest, MalformedIdsAndAbsurdTimesStopNothing) {
  entries_.AddFact(call_).set_call_id("short");
  entries_.AddFact(call_).mutable_stream_opened()->set_stream_id("short");
  entries_.AddStarted(call_, INT64_MIN, {line_}).add_line_ids("short");
  entries_.AddEnded(call_, INT64_MAX);
  entries_.AddPresence(node_, MakeInterval(INT64_MIN, INT64_MAX), 1);
  entries_.Add(v1::VOLUME_EXTENDED).leaf.mutable_volume()->set_volume_id("short");
  entries_.AddFact(call_).mutable_presence();
  entries_.Add(v1::CALL);  // Its key is destroyed.
  Apply();
  EXPECT_EQ(index_->Position(), 8U);
  EXPECT_THAT(CallsOfLine(10, 20), ElementsAre(call_.ToProto()));
  EXPECT_THAT(*index_->Presences(At(10), At(20)), SizeIs(1));
}

}  // namespace
}  // namespace turret::test
