#include "coordinator/turretctl/find_call.h"

#include <algorithm>

#include "coordinator/turretctl/times.h"
#include "fmt/format.h"
#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

constexpr uint32_t kPrefixCallsMax = 100'000;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char letter) {
    return static_cast<char>(letter >= 'A' && letter <= 'F' ? letter - 'A' + 'a' : letter);
  });
  return text;
}

bool IsHex(const std::string& text) {
  return text.find_first_not_of("0123456789abcdef") == std::string::npos;
}
std::string Hex(const std::string& id) { return ToHex(AsBytes(id)); }

}  // namespace

absl::StatusOr<std::vector<v1::CallSummary>> FetchCalls(Session& session,
                                                        const v1::FindCallsRequest& request) {
  grpc::ClientContext context;
  const auto reader = session.stub->FindCalls(&context, request);
  std::vector<v1::CallSummary> calls;
  for (v1::CallSummary call; reader->Read(&call);) calls.push_back(std::move(call));
  TURRET_RETURN_IF_ERROR(session.Check(reader->Finish()));
  return calls;
}

absl::StatusOr<std::string> FindCallId(Session& session, const std::string& text) {
  const std::string hex = Lower(text);
  if (!IsHex(hex) || hex.size() < kPrefixDigitsMin || hex.size() > 2 * kIdBytes)
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no call id: write its 32 hex digits, or the first {} or more (`turretctl "
                    "calls` shows them)",
                    text, kPrefixDigitsMin));
  if (hex.size() == 2 * kIdBytes) return ToString(*FromHex(hex));
  v1::FindCallsRequest request;
  request.set_from_utc_ns(absl::ToUnixNanos(session.now - kPrefixWindow));
  request.set_limit(kPrefixCallsMax);
  TURRET_ASSIGN_OR_RETURN(std::vector<v1::CallSummary> calls, FetchCalls(session, request));
  // The newest of them would be missing: one fitting call might not be the only one.
  if (calls.size() >= kPrefixCallsMax)
    return absl::FailedPreconditionError(fmt::format(
        "there are over {} calls in 30 days: write all 32 digits of the call id", kPrefixCallsMax));
  std::erase_if(calls, [&](const v1::CallSummary& call) { return !Hex(call.call_id()).starts_with(hex); });
  if (calls.empty())
    return absl::NotFoundError(
        fmt::format("no call of the last 30 days begins with {}: for an older one write all 32 digits", hex));
  if (calls.size() == 1) return calls[0].call_id();
  std::string all;
  for (const v1::CallSummary& call : calls)
    all += fmt::format("\n  {}  {}", Hex(call.call_id()), ShowTime(call.started_utc_ns()));
  return absl::FailedPreconditionError(
      fmt::format("{} calls begin with {}; write more digits:{}", calls.size(), hex, all));
}

absl::StatusOr<std::string> FindStreamId(const v1::CallSummary& call, const std::string& text) {
  const std::string hex = Lower(text);
  std::vector<std::string> fitting;
  std::string all;
  for (const v1::StreamSummary& stream : call.streams()) {
    const std::string id = Hex(stream.stream_id());
    all += fmt::format("\n  {}  label {}  {}", id, stream.label().empty() ? "-" : stream.label(),
                       stream.codec());
    if (stream.label() == text || (hex.size() >= kPrefixDigitsMin && IsHex(hex) && id.starts_with(hex)))
      fitting.push_back(stream.stream_id());
  }
  if (fitting.size() == 1) return fitting[0];
  if (fitting.empty())
    return absl::NotFoundError(
        fmt::format("the call has no stream \"{}\"; it has:{}", text, all.empty() ? " none" : all));
  return absl::FailedPreconditionError(
      fmt::format("{} streams fit \"{}\"; it has:{}", fitting.size(), text, all));
}

}  // namespace turret::turretctl
