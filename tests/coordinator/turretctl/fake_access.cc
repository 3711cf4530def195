#include "tests/coordinator/turretctl/fake_access.h"

#include <algorithm>

#include "coordinator/turretctl/cli.h"

namespace turret::test {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr int64_t kHour = 3600 * kSecond;

void AddInterval(v1::CoverageReport& report, const char* kind, const char* detail, int64_t length_ns) {
  const int64_t begin = report.intervals().empty() ? report.enrolled().begin_utc_ns()
                                                   : report.intervals().rbegin()->interval().end_utc_ns();
  v1::CoverageKind& added = *report.add_intervals();
  added.set_kind(kind);
  added.set_detail(detail);
  added.mutable_interval()->set_begin_utc_ns(begin);
  added.mutable_interval()->set_end_utc_ns(begin + length_ns);
}

template <class All, class Message>
grpc::Status SendAll(const All& all, grpc::ServerWriter<Message>* writer, const grpc::Status& status) {
  for (const Message& one : all) writer->Write(one);
  return status;
}

}  // namespace

v1::CallSummary SomeCall(uint8_t first_byte) {
  v1::CallSummary call;
  call.set_call_id(std::string(1, static_cast<char>(first_byte)) + std::string(15, '\xAB'));
  call.set_started_utc_ns(kStartUtcNs);
  call.set_ended_utc_ns(kStartUtcNs + 61'250 * kMs);
  call.set_end_reason(v1::CallEnded::BYE);
  call.add_traders("Ada Ashdown");
  call.add_desks("London Equities");
  call.add_lines("LDN-EQ-014/1");
  call.set_policy(v1::POLICY_EXACT);
  call.set_storage_class("mifid");
  call.add_rules("mifid5");
  call.set_sip_call_id("abc@sbc");
  for (const auto& [name, aor] :
       {std::pair{"Ada Ashdown", "sip:ada@bank.example"}, {"Bjørn", "tel:+4712345678"}}) {
    v1::Party& party = *call.add_parties();
    party.set_name(name);
    party.set_aor(aor);
    v1::StreamSummary& stream = *call.add_streams();
    stream.set_stream_id(std::string(16, static_cast<char>(0x10 + call.streams_size())));
    stream.set_label("14-" + std::to_string(call.streams_size()));
    stream.set_participant(name);
    stream.set_codec("PCMA");
    stream.set_segments(13);
    stream.mutable_counts()->set_received(3001);
    stream.mutable_counts()->set_recorded(3000);
    stream.mutable_counts()->set_duplicate(1);
    stream.mutable_counts()->set_lost(2);
  }
  v1::Gap& gap = *call.add_gaps();
  gap.set_stream_id(call.streams(1).stream_id());
  gap.set_cause(v1::GAP_CAUSE_PACKET_LOSS);
  gap.mutable_interval()->set_begin_utc_ns(kStartUtcNs + 10 * kSecond);
  gap.mutable_interval()->set_end_utc_ns(kStartUtcNs + 10 * kSecond + 40 * kMs);
  gap.set_missing_packets(2);
  return call;
}

v1::CoverageReport SomeCoverage() {
  v1::CoverageReport report;
  report.set_line("LDN-EQ-014/1");
  report.set_day("2026-11-24");
  report.mutable_enrolled()->set_begin_utc_ns(kStartUtcNs - 9 * kHour);
  report.mutable_enrolled()->set_end_utc_ns(kStartUtcNs + kHour);
  v1::CoverageTotals& totals = *report.mutable_totals();
  const int64_t gap_ns = 40 * kMs + 10'600'000;
  totals.set_enrolled_ns(10 * kHour);
  totals.set_recorded_ns(kHour);
  totals.set_paused_ns(120 * kSecond);
  totals.set_gap_ns(gap_ns);
  totals.set_idle_ns(9 * kHour - 120 * kSecond - gap_ns);
  totals.set_edge_ns(480 * kMs);
  totals.set_silence_ns(2 * kSecond);
  (*totals.mutable_gap_by_cause_ns())["packet_loss"] = 40 * kMs;
  (*totals.mutable_gap_by_cause_ns())["no_media"] = gap_ns - 40 * kMs;
  AddInterval(report, "idle", "", totals.idle_ns());
  AddInterval(report, "recorded", "", totals.recorded_ns());
  AddInterval(report, "paused", "", totals.paused_ns());
  AddInterval(report, "gap", "packet_loss", 40 * kMs);
  AddInterval(report, "gap", "no_media", gap_ns - 40 * kMs);
  v1::ChannelCoverage& own = *report.add_channels();
  own.set_direction(v1::DIRECTION_OWN);
  *own.mutable_totals() = totals;
  *own.mutable_intervals() = report.intervals();
  return report;
}

grpc::Status FakeAccess::FindCalls(grpc::ServerContext*, const v1::FindCallsRequest* request,
                                   grpc::ServerWriter<v1::CallSummary>* writer) {
  find_request = *request;
  std::vector<v1::CallSummary> fitting = calls;
  std::erase_if(fitting, [&](const v1::CallSummary& call) {
    return !request->call_id().empty() && call.call_id() != request->call_id();
  });
  return SendAll(fitting, writer, status);
}
grpc::Status FakeAccess::Play(grpc::ServerContext*, const v1::PlayRequest* request,
                              grpc::ServerWriter<v1::PlayChunk>* writer) {
  play_request = *request;
  return SendAll(play, writer, status);
}
grpc::Status FakeAccess::Coverage(grpc::ServerContext*, const v1::CoverageRequest* request,
                                  v1::CoverageReport* report) {
  coverage_request = *request;
  *report = coverage;
  return status;
}
grpc::Status FakeAccess::GetTreeHead(grpc::ServerContext*, const v1::TreeHeadRequest*, v1::TreeHead* answer) {
  *answer = head;
  return status;
}
grpc::Status FakeAccess::Export(grpc::ServerContext*, const v1::ExportRequest* request,
                                grpc::ServerWriter<v1::ExportChunk>* writer) {
  export_request = *request;
  return SendAll(exported, writer, status);
}
grpc::Status FakeAccess::ListLines(grpc::ServerContext*, const v1::ListLinesRequest*,
                                   grpc::ServerWriter<v1::Line>* writer) {
  return SendAll(lines, writer, status);
}
grpc::Status FakeAccess::CheckIndex(grpc::ServerContext*, const v1::CheckIndexRequest*,
                                    v1::CheckIndexReport* report) {
  *report = index;
  return status;
}

Turretctl::Turretctl() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&access);
  server_ = builder.BuildAndStart();
}
Turretctl::~Turretctl() { server_->Shutdown(); }

Turretctl::Result Turretctl::Run(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = turretctl::Run(
      arguments,
      {.clock = clock_,
       .out = out,
       .err = err,
       .terminal = terminal,
       .environ = [this](const std::string& name) -> std::optional<std::string> {
         const auto found = environment.find(name);
         return found == environment.end() ? std::nullopt : std::optional(found->second);
       },
       .connect = [this](const turretctl::ConnectionOptions&) { return server_->InProcessChannel({}); }});
  return {exit_code, out.str(), err.str()};
}

}  // namespace turret::test
