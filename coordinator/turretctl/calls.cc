#include "coordinator/turretctl/calls.h"

#include "coordinator/turretctl/find_call.h"
#include "coordinator/turretctl/summary.h"
#include "coordinator/turretctl/table.h"
#include "coordinator/turretctl/times.h"
#include "fmt/format.h"
#include "monitoring/metrics.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

constexpr uint32_t kLimitDefault = 1000;

absl::StatusOr<v1::FindCallsRequest> RequestOf(Session& session, const CallsOptions& options) {
  v1::FindCallsRequest request;
  request.set_trader(options.trader);
  request.set_line(options.line);
  request.set_party(options.party);
  request.set_limit(options.limit);
  if (!options.from.empty()) {
    TURRET_ASSIGN_OR_RETURN(const absl::Time from, ParseTime(options.from, session.now));
    request.set_from_utc_ns(absl::ToUnixNanos(from));
  }
  if (!options.until.empty()) {
    TURRET_ASSIGN_OR_RETURN(const absl::Time until, ParseTime(options.until, session.now));
    request.set_until_utc_ns(absl::ToUnixNanos(until));
  }
  if (!options.id.empty()) {
    TURRET_ASSIGN_OR_RETURN(*request.mutable_call_id(), FindCallId(session, options.id));
  }
  return request;
}

std::string Remarks(const v1::CallSummary& call) {
  std::string all;
  for (const int flag : call.flags())
    all += (all.empty() ? "" : ", ") + CallFlagName(static_cast<v1::CallFlag>(flag));
  return all;
}

std::string Parties(const v1::CallSummary& call) {
  std::vector<std::string> names;
  for (const v1::Party& party : call.parties())
    names.push_back(party.name().empty() ? party.aor() : party.name());
  return Joined(names);
}

void PrintTable(Session& session, const std::vector<v1::CallSummary>& calls) {
  Table table({{"CALL"},
               {"START (UTC)"},
               {"LENGTH", Table::Align::kRight},
               {"TRADER"},
               {"LINE"},
               {"PARTIES"},
               {"GAPS"},
               {"FLAGS"}});
  for (const v1::CallSummary& call : calls)
    table.Add(
        {ShortId(call.call_id()), ShowTime(call.started_utc_ns()),
         call.ended_utc_ns() == 0 ? "running" : ShowDuration(call.ended_utc_ns() - call.started_utc_ns()),
         Joined(call.traders()), Joined(call.lines()), Parties(call), ShowGapCount(call), Remarks(call)});
  session.out << table.Render();
}

}  // namespace

absl::Status RunCalls(Session& session, const CallsOptions& options) {
  TURRET_ASSIGN_OR_RETURN(const v1::FindCallsRequest request, RequestOf(session, options));
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::CallSummary> calls, FetchCalls(session, request));
  if (!options.id.empty() && calls.empty()) return absl::NotFoundError("there is no such call");
  if (session.json) {
    for (const v1::CallSummary& call : calls) session.Print(ToJson(call));
  } else if (!options.id.empty()) {
    session.out << CallDetails(calls[0]);
  } else if (calls.empty()) {
    session.err << "No call fits. Names and numbers match whole; without --from, all times are searched.\n";
  } else {
    PrintTable(session, calls);
  }
  const uint32_t limit = options.limit == 0 ? kLimitDefault : options.limit;
  if (options.id.empty() && calls.size() >= limit)
    session.err << fmt::format("{} calls shown, which is the limit: narrow the search, or give --limit.\n",
                               calls.size());
  return absl::OkStatus();
}

}  // namespace turret::turretctl
