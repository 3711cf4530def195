// turret-verify: checks an archive against a tree head that was kept elsewhere, and names the place of what
// is wrong.
#include <cstdio>
#include <fstream>
#include <sstream>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "google/protobuf/stubs/logging.h"
#include "nlohmann/json.hpp"
#include "storage/verify/verify.h"

namespace turret::verify {
namespace {

enum ExitCode { kVerified = 0, kWrong = 1, kUsage = 2, kFreshnessUnproven = 3 };

constexpr const char* kFooter = R"(
Trust comes from outside the archive: the ledger's public key, and a tree head that somebody else kept (the text that
`turretctl ledger head` prints, or the checkpoint of an export). Without --head, an archive that was rolled back to an
older state as a whole would look whole; the exit status says so.

Exit status:
  0  verified against the given head
  1  something is wrong; each finding names its place
  2  usage: a bad option, or the head, key or passphrase cannot be used
  3  nothing is wrong, but freshness is unproven: no head was given)";

struct Arguments {
  std::string archive;
  std::string head_file;
  std::string key_file;
  std::string passphrase_file;
  bool hashes = false;
  bool at_rest = false;
  bool json = false;
};

std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return file.good() ? std::optional(text.str()) : std::nullopt;
}

int Usage(const std::string& why) {
  fmt::print(stderr, "turret-verify: {}\nTry `turret-verify --help`.\n", why);
  return kUsage;
}

nlohmann::json ToJson(const Finding& finding) {
  nlohmann::json row{{"place", ToText(finding.place)}, {"what", finding.what}};
  const auto number = [&row](const char* name, const std::optional<uint64_t>& value) {
    if (value) row[name] = *value;
  };
  if (!finding.place.file.empty()) row["file"] = finding.place.file;
  number("record", finding.place.record);
  number("offset_bytes", finding.place.offset_bytes);
  number("entry", finding.place.entry);
  number("entry_last", finding.place.entry_last);
  if (!finding.place.ids.empty()) row["ids"] = finding.place.ids;
  return row;
}

nlohmann::json CountsJson(const Counts& counts) {
  return {{"entries", counts.entries},
          {"heads", counts.heads},
          {"books", counts.books},
          {"keys", counts.keys},
          {"volumes", counts.volumes},
          {"segments", counts.segments},
          {"streams", counts.streams},
          {"bodies_opened", counts.bodies_opened},
          {"segments_opened", counts.segments_opened},
          {"uncovered_bytes", counts.uncovered_bytes}};
}

void PrintJson(const Options& options, const Report& report, const std::optional<Head>& newest, int code) {
  nlohmann::json out{{"archive", options.archive},
                     {"mode", options.passphrase ? "full" : "hashes"},
                     {"verified", report.clean()},
                     {"freshness_proven", report.clean() && options.trusted.has_value()},
                     {"exit_status", code},
                     {"findings_total", report.total()},
                     {"counts", CountsJson(report.counts)},
                     {"findings", nlohmann::json::array()},
                     {"notes", report.notes()}};
  if (options.trusted) out["trusted_size"] = options.trusted->size;
  if (newest) out["size"] = newest->size;
  for (const Finding& finding : report.findings()) out["findings"].push_back(ToJson(finding));
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void PrintText(const Options& options, const Report& report, const std::optional<Head>& newest) {
  for (const Finding& finding : report.findings())
    fmt::print("WRONG  {}: {}\n", ToText(finding.place), finding.what);
  if (report.total() > report.findings().size())
    fmt::print("WRONG  … and {} more\n", report.total() - report.findings().size());
  for (const std::string& note : report.notes()) fmt::print("note   {}\n", note);
  const Counts& counts = report.counts;
  fmt::print("read   {} entries, {} heads, {} key books, {} volumes, {} segments of {} streams\n",
             counts.entries, counts.heads, counts.books, counts.volumes, counts.segments, counts.streams);
  if (options.passphrase)
    fmt::print("opened {} segments and {} bodies\n", counts.segments_opened, counts.bodies_opened);
  if (counts.uncovered_bytes > 0)
    fmt::print("note   {} bytes are newer than the newest head\n", counts.uncovered_bytes);
  if (!report.clean()) return fmt::print("NOT VERIFIED: {} findings\n", report.total());
  const uint64_t size = newest ? newest->size : 0;
  if (options.trusted)
    fmt::print("VERIFIED against the given head of size {}; the archive's newest head has size {}\n",
               options.trusted->size, size);
  else
    fmt::print(
        "FRESHNESS UNPROVEN: whole up to the archive's own newest head of size {}; give --head to prove that "
        "nothing newer is missing\n",
        size);
}

// Turns arguments into options; a message when one cannot be used.
std::string Prepare(const Arguments& arguments, Options& options) {
  if (arguments.hashes == !arguments.passphrase_file.empty())
    return "say either --hashes, or --passphrase-file FILE to open everything";
  options.archive = arguments.archive;
  options.at_rest = arguments.at_rest;
  const auto key_text = ReadText(arguments.key_file);
  const auto key = key_text ? ReadPublicKey(*key_text) : std::nullopt;
  if (!key) return fmt::format("{}: is no Ed25519 public key (PEM or 64 hex digits)", arguments.key_file);
  options.key = *key;
  if (!arguments.head_file.empty()) {
    const auto text = ReadText(arguments.head_file);
    std::string why = "cannot be read";
    if (text) options.trusted = ReadHead(*text, *key, why);
    if (!options.trusted) return fmt::format("{}: {}", arguments.head_file, why);
  }
  if (!arguments.passphrase_file.empty()) {
    options.passphrase = ReadText(arguments.passphrase_file);
    if (!options.passphrase) return fmt::format("{}: cannot be read", arguments.passphrase_file);
    if (options.passphrase->ends_with('\n')) options.passphrase->pop_back();
  }
  return "";
}

int Run(const Arguments& arguments) {
  Options options;
  if (const std::string why = Prepare(arguments, options); !why.empty()) return Usage(why);
  Report report;
  const auto [newest, opened] = Verify(options, report);
  if (!opened && report.clean()) return Usage("the passphrase does not open keys/root.key");
  const int code = !report.clean() ? kWrong : options.trusted ? kVerified : kFreshnessUnproven;
  if (arguments.json)
    PrintJson(options, report, newest, code);
  else
    PrintText(options, report, newest);
  return code;
}

int Main(int argc, char** argv) {
  google::protobuf::SetLogHandler(nullptr);  // Of broken messages we tell ourselves, with their place.
  CLI::App app("Checks the whole archive of a turret recorder, and names the place of what is wrong.");
  app.footer(kFooter);
  Arguments arguments;
  app.add_option("ARCHIVE", arguments.archive, "Folder with ledger, volumes, books and keys")->required();
  app.add_option("--key", arguments.key_file, "The ledger's public key: PEM, or 64 hex digits")->required();
  app.add_option("--head", arguments.head_file, "A signed tree head that was kept outside of the archive");
  app.add_flag("--hashes", arguments.hashes, "Check hashes and signatures alone: needs no secret");
  app.add_option("--passphrase-file", arguments.passphrase_file,
                 "Passphrase of keys/root.key: opens every segment and every entry's body too");
  app.add_flag(
      "--at-rest", arguments.at_rest,
      "Nobody writes to the archive: what is newer than its newest head is wrong, too, and not only counted");
  app.add_flag("--json", arguments.json, "Machine-readable report");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return Run(arguments);
}

}  // namespace
}  // namespace turret::verify

int main(int argc, char** argv) { return turret::verify::Main(argc, argv); }
