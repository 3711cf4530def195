#include "coordinator/turretctl/play.h"

#include <optional>

#include "coordinator/turretctl/find_call.h"
#include "coordinator/turretctl/output_file.h"
#include "coordinator/turretctl/progress.h"
#include "coordinator/turretctl/summary.h"
#include "coordinator/turretctl/table.h"
#include "coordinator/turretctl/times.h"
#include "fmt/format.h"
#include "storage/base/bytes.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

// A file, or standard output.
class Target {
 public:
  static absl::StatusOr<Target> Open(Session& session, const std::string& path, bool force) {
    Target target(session);
    if (path == "-") return target;
    TURRET_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path, force));
    target.file_.emplace(std::move(file));
    return target;
  }
  absl::Status Write(std::string_view bytes) {
    if (file_.has_value()) return file_->Write(bytes);
    session_->out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return session_->out ? absl::OkStatus() : absl::InternalError("cannot write to standard output");
  }
  absl::Status Complete() {
    if (file_.has_value()) return file_->Complete();
    session_->out.flush();
    return absl::OkStatus();
  }

 private:
  explicit Target(Session& session) : session_(&session) {}
  Session* session_;
  std::optional<OutputFile> file_;
};

absl::StatusOr<v1::PlayRequest> RequestOf(Session& session, const PlayOptions& options) {
  v1::PlayRequest request;
  request.set_reason(options.reason);
  TURRET_ASSIGN_OR_RETURN(*request.mutable_call_id(), FindCallId(session, options.call));
  if (options.raw.empty()) {
    request.set_format(options.format == "opus" ? v1::PlayRequest::OGG_OPUS : v1::PlayRequest::WAV);
    return request;
  }
  v1::FindCallsRequest one;
  one.set_call_id(request.call_id());
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::CallSummary> calls, FetchCalls(session, one));
  if (calls.empty()) return absl::NotFoundError("there is no such call");
  request.set_format(v1::PlayRequest::RAW);
  TURRET_ASSIGN_OR_RETURN(*request.mutable_stream_id(), FindStreamId(calls[0], options.raw));
  return request;
}

std::string FileOf(const PlayOptions& options, const v1::PlayRequest& request) {
  if (!options.file.empty()) return options.file;
  const char* const ending = request.format() == v1::PlayRequest::RAW        ? "raw"
                             : request.format() == v1::PlayRequest::OGG_OPUS ? "opus"
                                                                             : "wav";
  return fmt::format("call-{}.{}", ShortId(request.call_id()), ending);
}

struct Fetched {
  v1::PlayHeader header;
  uint64_t bytes = 0;
};

absl::StatusOr<Fetched> Fetch(Session& session, const v1::PlayRequest& request, Target& target) {
  grpc::ClientContext context;
  const auto reader = session.stub->Play(&context, request);
  Fetched fetched;
  Progress progress(session, "play");
  for (v1::PlayChunk chunk; reader->Read(&chunk);) {
    if (chunk.has_header()) fetched.header = chunk.header();
    if (absl::Status written = target.Write(chunk.data()); !written.ok()) {
      context.TryCancel();
      return written;
    }
    fetched.bytes += chunk.data().size();
    progress.Bytes(fetched.bytes, fetched.header.total_bytes());
  }
  progress.Done();
  TURRET_RETURN_IF_ERROR(session.Check(reader->Finish()));
  TURRET_RETURN_IF_ERROR(target.Complete());
  return fetched;
}

void Report(Session& session, const std::string& path, const Fetched& fetched) {
  const v1::PlayHeader& header = fetched.header;
  if (session.json) {
    Json channels = Json::array();
    for (const std::string& channel : header.channels()) channels.push_back(channel);
    Json unsure = Json::array();
    for (const v1::UnsurePlace& place : header.unsure()) unsure.push_back(ToJson(place));
    session.Print({{"file", path},
                   {"bytes", fetched.bytes},
                   {"ledger_index", header.ledger_index()},
                   {"start", Rfc3339(header.start_utc_ns())},
                   {"channels", channels},
                   {"unsure_places", unsure},
                   {"call", ToJson(header.call())}});
    return;
  }
  std::ostream& out = path == "-" ? session.err : session.out;
  Table facts({{""}, {""}});
  facts.Add({"File", path == "-" ? fmt::format("standard output, {} bytes", fetched.bytes)
                                 : fmt::format("{}, {} bytes", path, fetched.bytes)});
  facts.Add({"Begins", ShowTime(header.start_utc_ns()) + " UTC"});
  for (int i = 0; i < header.channels_size(); ++i)
    facts.Add({fmt::format("Channel {}", i + 1), header.channels(i)});
  facts.Add({"Ledger", fmt::format("entry {} records this access", header.ledger_index())});
  out << facts.Render() << '\n' << GapTable(header.call()) << UnsureTable(header);
}

}  // namespace

absl::Status RunPlay(Session& session, const PlayOptions& options) {
  if (session.json && options.file == "-")
    return absl::InvalidArgumentError("--json and -o - both want standard output: name a file");
  TURRET_ASSIGN_OR_RETURN(const v1::PlayRequest request, RequestOf(session, options));
  const std::string path = FileOf(options, request);
  TURRET_ASSIGN_OR_RETURN(Target target, Target::Open(session, path, options.force));
  TURRET_ASSIGN_OR_RETURN(const Fetched fetched, Fetch(session, request, target));
  Report(session, path, fetched);
  return absl::OkStatus();
}

}  // namespace turret::turretctl
