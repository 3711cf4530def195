#include "coordinator/search/search.h"

#include "gmock/gmock.h"
#include "tests/storage/index/entries.h"

namespace turret::coordinator {
namespace {

using test::MakeInterval;
using test::MakeLine;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SearchTest : public ::testing::Test {
 protected:
  v1::EnrolmentChanged& Enrol(uint64_t version, const std::string& trader, const std::string& desk) {
    v1::EnrolmentChanged& enrolment = entries_.AddEnrolment(version, static_cast<int64_t>(version) * 100);
    v1::Line& line = *enrolment.add_lines() = MakeLine(line_, "LDN-EQ-014/1", trader);
    line.set_desk(desk);
    return enrolment;
  }
  void AddParty(v1::Party& party, const std::string& id, const std::string& name, const std::string& aor) {
    party.set_participant_id(id);
    party.set_name(name);
    party.set_aor(aor);
  }
  v1::CallSummary Summary(const CallId& call) {
    EXPECT_TRUE(entries_.ApplyTo(*index_).ok());
    auto summary = Summarise(*index_, call);
    EXPECT_TRUE(summary.ok()) << summary.status();
    return summary.value_or(v1::CallSummary());
  }
  std::vector<std::string> Find(const v1::FindCallsRequest& request) {
    auto found = FindCalls(*index_, request);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> ids;
    for (const v1::CallSummary& summary : *found) ids.push_back(summary.call_id());
    return ids;
  }

  test::Entries entries_{31};
  test::FreshIndex index_;
  const LineId line_ = entries_.Make<LineId>();
  const CallId call_ = entries_.Make<CallId>();
  const StreamId stream_ = entries_.Make<StreamId>();
};

// C04: as it was when the call began, whatever the enrolment says today.
TEST_F(SearchTest, LineTraderAndDeskAreThoseOfTheCallsStart) {
  Enrol(1, "Ada Ashdown", "London Equities");
  Enrol(2, "Bob Birch", "London Rates");
  entries_.AddStarted(call_, 150, {line_});
  const v1::CallSummary summary = Summary(call_);
  EXPECT_THAT(summary.traders(), ElementsAre("Ada Ashdown"));
  EXPECT_THAT(summary.desks(), ElementsAre("London Equities"));
  EXPECT_THAT(summary.lines(), ElementsAre("LDN-EQ-014/1"));
}

TEST_F(SearchTest, SummaryTellsAllThatIsKnownOfTheCall) {
  v1::CallStarted& started = entries_.AddStarted(call_, 1000, {line_});
  started.set_storage_class("mifid");
  started.add_rules("mifid5");
  started.set_policy(v1::POLICY_OPUS);
  started.set_sip_call_id("abc@turret");
  started.add_flags(v1::CALL_FLAG_ODD_CONTACT);
  AddParty(*started.add_parties(), "p1", "", "sip:ada@bank.example");
  v1::StreamOpened& opened = *entries_.AddFact(call_).mutable_stream_opened();
  opened.set_stream_id(stream_.ToProto());
  opened.set_label("14-1");
  opened.set_participant_id("p1");
  opened.set_codec("PCMA");
  v1::CallUpdated& updated = *entries_.AddFact(call_).mutable_call_updated();
  AddParty(*updated.add_parties(), "p1", "Ada Ashdown", "");
  AddParty(*updated.add_parties(), "p2", "Bea Barnes", "tel:+15550123");
  updated.add_flags(v1::CALL_FLAG_ODD_CONTACT);
  updated.add_flags(v1::CALL_FLAG_BROKEN_METADATA);
  for (const uint64_t packets : {10, 20}) {
    v1::StreamProgress& progress = *entries_.AddFact(call_).mutable_stream_progress();
    progress.set_stream_id(stream_.ToProto());
    progress.mutable_counts()->set_received(packets);
    *progress.add_recorded() =
        MakeInterval(static_cast<int64_t>(packets) * 100, static_cast<int64_t>(packets) * 100 + 50);
  }
  for (const int64_t begin : {1900, 1100})
    *entries_.AddFact(call_).mutable_gap()->mutable_interval() = MakeInterval(begin, begin + 1);
  entries_.AddExtended(entries_.Make<VolumeId>(), {{stream_, 0}, {stream_, 1}});
  entries_.AddEnded(call_, 3000).set_reason(v1::CallEnded::BYE);

  const v1::CallSummary summary = Summary(call_);
  EXPECT_EQ(summary.call_id(), call_.ToProto());
  EXPECT_EQ(summary.started_utc_ns(), 1000);
  EXPECT_EQ(summary.ended_utc_ns(), 3000);
  EXPECT_EQ(summary.end_reason(), v1::CallEnded::BYE);
  EXPECT_EQ(summary.storage_class(), "mifid");
  EXPECT_THAT(summary.rules(), ElementsAre("mifid5"));
  EXPECT_EQ(summary.policy(), v1::POLICY_OPUS);
  EXPECT_EQ(summary.sip_call_id(), "abc@turret");
  EXPECT_THAT(summary.flags(), ElementsAre(v1::CALL_FLAG_ODD_CONTACT, v1::CALL_FLAG_BROKEN_METADATA));
  ASSERT_THAT(summary.parties(), SizeIs(2));
  EXPECT_EQ(summary.parties(0).name(), "Ada Ashdown");
  EXPECT_EQ(summary.parties(0).aor(), "sip:ada@bank.example");
  ASSERT_THAT(summary.streams(), SizeIs(1));
  const v1::StreamSummary& stream = summary.streams(0);
  EXPECT_EQ(stream.participant(), "Ada Ashdown");
  EXPECT_EQ(stream.label(), "14-1");
  EXPECT_EQ(stream.codec(), "PCMA");
  EXPECT_EQ(stream.segments(), 2U);
  EXPECT_EQ(stream.counts().received(), 20U);
  EXPECT_THAT(stream.recorded(), SizeIs(2));
  ASSERT_THAT(summary.gaps(), SizeIs(2));
  EXPECT_EQ(summary.gaps(0).interval().begin_utc_ns(), 1100);
}

TEST_F(SearchTest, RunningCallHasNoEnd) {
  entries_.AddStarted(call_, 1000);
  EXPECT_EQ(Summary(call_).ended_utc_ns(), 0);
  EXPECT_THAT(Summary(call_).lines(), IsEmpty());
}

TEST_F(SearchTest, CallsAreFoundByEveryConditionAndByTheirId) {
  Enrol(1, "Ada Ashdown", "");
  AddParty(*entries_.AddStarted(call_, 150, {line_}).add_parties(), "", "Bea Barnes", "sip:+442079460011@x");
  const CallId other = entries_.Make<CallId>();
  entries_.AddStarted(other, 160);
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  v1::FindCallsRequest request;
  request.set_trader("ada ashdown");
  request.set_line("LDN-EQ-014/1");
  request.set_party("+44 20 7946 0011");
  request.set_from_utc_ns(150);
  request.set_until_utc_ns(151);
  EXPECT_THAT(Find(request), ElementsAre(call_.ToProto()));
  request.set_until_utc_ns(0);
  request.set_line("ldn eq 014 1");  // As somebody would write it.
  EXPECT_THAT(Find(request), ElementsAre(call_.ToProto()));
  EXPECT_THAT(Find({}), ElementsAre(call_.ToProto(), other.ToProto()));
  v1::FindCallsRequest by_id;
  by_id.set_call_id(other.ToProto());
  EXPECT_THAT(Find(by_id), ElementsAre(other.ToProto()));
}

TEST_F(SearchTest, WhatCannotBeAskedIsRefusedWithItsReason) {
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  v1::FindCallsRequest backwards;
  backwards.set_from_utc_ns(10);
  backwards.set_until_utc_ns(10);
  EXPECT_TRUE(absl::IsInvalidArgument(FindCalls(*index_, backwards).status()));
  v1::FindCallsRequest negative;
  negative.set_from_utc_ns(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(FindCalls(*index_, negative).status()));
  v1::FindCallsRequest no_such_line;
  no_such_line.set_line("LDN-9");
  EXPECT_TRUE(absl::IsNotFound(FindCalls(*index_, no_such_line).status()));
  v1::FindCallsRequest no_such_call;
  no_such_call.set_call_id(call_.ToProto());
  EXPECT_TRUE(absl::IsNotFound(FindCalls(*index_, no_such_call).status()));
  no_such_call.set_call_id("short");
  EXPECT_TRUE(absl::IsInvalidArgument(FindCalls(*index_, no_such_call).status()));
}

TEST_F(SearchTest, RetiredLineIsFoundByItsNameAndAnUnclearOneIsRefused) {
  v1::EnrolmentChanged& enrolment = Enrol(1, "Ada", "");
  enrolment.mutable_lines(0)->set_retired_utc_ns(50);
  *enrolment.add_lines() = MakeLine(entries_.Make<LineId>(), "LDN-EQ-0141", "Bob");
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  EXPECT_EQ(FindLine(*index_, "LDN-EQ-014/1")->trader(), "Ada");
  EXPECT_EQ(FindLine(*index_, "LDN-EQ-0141")->trader(), "Bob");
  EXPECT_TRUE(absl::IsInvalidArgument(FindLine(*index_, "ldn-eq-0141").status()));
}

}  // namespace
}  // namespace turret::coordinator
