#include "coordinator/turretctl/oversight.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "coordinator/turretctl/coverage_table.h"
#include "coordinator/turretctl/output_file.h"
#include "coordinator/turretctl/table.h"
#include "coordinator/turretctl/times.h"
#include "fmt/format.h"
#include "storage/base/bytes.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

// Origin, size and root of a C2SP checkpoint: its first three lines.
struct Kept {
  std::string origin;
  uint64_t size = 0;
  std::string root;
};
std::optional<Kept> ReadKept(std::istream& text) {
  Kept kept;
  std::string size;
  if (!std::getline(text, kept.origin) || !std::getline(text, size) || !std::getline(text, kept.root))
    return std::nullopt;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), kept.size);
  if (error != std::errc{} || end != size.data() + size.size()) return std::nullopt;
  return kept;
}

// A file that holds a head may be replaced by a later head of the same ledger, and by nothing else.
absl::Status CheckMayReplace(const std::string& path, const v1::TreeHead& head) {
  std::error_code ignored;  // What cannot be looked at cannot be written either, which is told then.
  if (!std::filesystem::exists(path, ignored)) return absl::OkStatus();
  std::ifstream file(path);
  const std::optional<Kept> old = ReadKept(file);
  std::istringstream text(head.checkpoint());
  const std::optional<Kept> fresh = ReadKept(text);
  if (!fresh.has_value()) return absl::DataLossError("the coordinator sent a head that is no checkpoint");
  if (!old.has_value())
    return absl::AlreadyExistsError(fmt::format("{} exists and holds no tree head: name another file", path));
  if (old->origin != fresh->origin)
    return absl::DataLossError(
        fmt::format("{} holds a head of another ledger ({}): is this the right coordinator?", path,
                    Printable(old->origin)));
  if (old->size > fresh->size)
    return absl::DataLossError(fmt::format(
        "{} holds a head of {} entries, the coordinator now has {}: its ledger was cut or restored from an "
        "old copy. Keep the file and run turret-verify",
        path, old->size, fresh->size));
  if (old->size == fresh->size && old->root != fresh->root)
    return absl::DataLossError(fmt::format(
        "{} holds another head of {} entries than the coordinator's: its past was rewritten. Keep both, "
        "and run turret-verify",
        path, old->size));
  return absl::OkStatus();
}

absl::Status Save(const std::string& path, const v1::TreeHead& head) {
  TURRET_RETURN_IF_ERROR(CheckMayReplace(path, head));
  TURRET_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path, /*replace=*/true));
  TURRET_RETURN_IF_ERROR(file.Write(head.checkpoint()));
  return file.Complete();
}

}  // namespace

absl::Status RunCoverage(Session& session, const CoverageOptions& options) {
  v1::CoverageRequest request;
  request.set_line(options.line);
  TURRET_ASSIGN_OR_RETURN(*request.mutable_day(), ParseDay(options.day, session.now));
  grpc::ClientContext context;
  v1::CoverageReport report;
  TURRET_RETURN_IF_ERROR(session.Check(session.stub->Coverage(&context, request, &report)));
  if (session.json)
    session.Print(ToJson(report));
  else
    session.out << CoverageTable(report, options.intervals);
  return CheckCoverage(report);
}

absl::Status RunLedgerHead(Session& session, const std::string& save) {
  grpc::ClientContext context;
  v1::TreeHead head;
  TURRET_RETURN_IF_ERROR(session.Check(session.stub->GetTreeHead(&context, {}, &head)));
  if (!save.empty()) TURRET_RETURN_IF_ERROR(Save(save, head));
  if (session.json) {
    session.Print(ToJson(head));
    return absl::OkStatus();
  }
  session.out << fmt::format("Entries  {}\nRoot     {}\n\n{}", head.size(), ToHex(AsBytes(head.root())),
                             head.checkpoint());
  if (!save.empty())
    session.out << fmt::format(
        "\nKept in {}. Bring it to another administrator's machine; check the archive against it "
        "with turret-verify.\n",
        save);
  return absl::OkStatus();
}

absl::Status RunLines(Session& session) {
  grpc::ClientContext context;
  const auto reader = session.stub->ListLines(&context, {});
  Table table({{"LINE"},
               {"TRADER"},
               {"DESK"},
               {"DEVICE"},
               {"POLICY"},
               {"CLASS"},
               {"RULES"},
               {"ENROLLED (UTC)"},
               {"RETIRED (UTC)"}});
  for (v1::Line line; reader->Read(&line);) {
    if (session.json)
      session.Print(ToJson(line));
    else
      table.Add({line.name(), line.trader(), line.desk(), line.device().empty() ? "-" : line.device(),
                 PolicyName(line.policy()), line.storage_class(), Joined(line.rules()),
                 ShowTime(line.enrolled_utc_ns()), ShowTime(line.retired_utc_ns())});
  }
  TURRET_RETURN_IF_ERROR(session.Check(reader->Finish()));
  if (session.json) return absl::OkStatus();
  if (table.empty())
    session.err << "No line is enrolled: write them into the coordinator's enrolment file.\n";
  else
    session.out << table.Render();
  return absl::OkStatus();
}

absl::Status RunIndexCheck(Session& session) {
  grpc::ClientContext context;
  v1::CheckIndexReport report;
  TURRET_RETURN_IF_ERROR(session.Check(session.stub->CheckIndex(&context, {}, &report)));
  if (session.json) {
    session.Print(ToJson(report));
  } else {
    session.out << fmt::format("Rebuilt from {} ledger entries: {} rows, {} differ.\n", report.entries(),
                               report.rows(), report.differences_size());
    for (const std::string& difference : report.differences())
      session.out << "  " << Printable(difference) << '\n';
  }
  if (report.differences().empty()) return absl::OkStatus();
  return absl::DataLossError(
      "the index is not what the ledger says: stop the coordinator, delete its index folder, start "
      "it again (it is rebuilt), and report this");
}

}  // namespace turret::turretctl
