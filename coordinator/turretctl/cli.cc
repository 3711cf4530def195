#include "coordinator/turretctl/cli.h"

#include "CLI/CLI.hpp"
#include "coordinator/turretctl/calls.h"
#include "coordinator/turretctl/completion.h"
#include "coordinator/turretctl/export.h"
#include "coordinator/turretctl/help.h"
#include "coordinator/turretctl/oversight.h"
#include "coordinator/turretctl/play.h"
#include "coordinator/turretctl/session.h"

namespace turret::turretctl {
namespace {

/// Everything that the command line can say.
struct Given {
  ConnectionOptions connection;
  std::string config;
  bool json = false;
  CallsOptions calls;
  PlayOptions play;
  CoverageOptions coverage;
  ExportOptions exported;
  std::string save;
};

using Command = std::function<absl::Status(Session&)>;

// The program's options and commands, and which of them was asked for.
class Parser {
 public:
  Parser() : app_(help::kAbout, "turretctl") {
    app_.footer(help::kFooter);
    app_.fallthrough();
    app_.set_help_flag("-h,--help", "Show this help, or with a command that command's");
    app_.add_flag("--json", given_.json, "Print JSON: one object, or one object a line");
    AddConnection();
    AddCalls();
    AddPlay();
    AddExport();
    AddOversight();
    AddCompletion();
    app_.require_subcommand(1);
  }

  CLI::App& app() { return app_; }
  const Given& given() const { return given_; }
  const Command& command() const { return command_; }
  bool completion() const { return completion_->parsed(); }

 private:
  CLI::App& Add(CLI::App& parent, const char* name, const char* about, const char* footer, Command command) {
    CLI::App& sub = *parent.add_subcommand(name, about);
    sub.footer(footer);
    sub.fallthrough();
    sub.callback([this, command = std::move(command)] { command_ = command; });
    return sub;
  }

  void AddConnection() {
    CLI::Option_group& group = *app_.add_option_group("Connection");
    group
        .add_option("--coordinator", given_.connection.coordinator,
                    "Address of the coordinator [TURRET_COORDINATOR]")
        ->type_name("HOST:PORT");
    group.add_option("--ca", given_.connection.ca, "Certificate of the cluster's authority, PEM [TURRET_CA]")
        ->type_name("FILE");
    group
        .add_option("--cert", given_.connection.certificate,
                    "Your certificate, PEM; its OU is your role [TURRET_CERT]")
        ->type_name("FILE");
    group.add_option("--key", given_.connection.key, "Your private key, PEM [TURRET_KEY]")->type_name("FILE");
    group
        .add_option("--config", given_.config,
                    "YAML with coordinator, ca, cert, key (~/.config/turretctl.yaml)")
        ->type_name("FILE");
  }

  void AddCalls() {
    CLI::App& sub = Add(app_, "calls", "Find calls, or show all that is known of one", help::kCalls,
                        [this](Session& session) { return RunCalls(session, given_.calls); });
    sub.add_option("--trader", given_.calls.trader, "The firm's person on the call")->type_name("NAME");
    sub.add_option("--line", given_.calls.line, "Line, as enrolled")->type_name("NAME");
    sub.add_option("--party", given_.calls.party, "Anyone on the call: name, number or address")
        ->type_name("NAME");
    sub.add_option("--from", given_.calls.from, "Calls that started at or after this time")
        ->type_name("TIME");
    sub.add_option("--until", given_.calls.until, "Calls that started before this time")->type_name("TIME");
    sub.add_option("--id", given_.calls.id, "One call: its parties, streams and gaps")->type_name("CALL");
    sub.add_option("--limit", given_.calls.limit, "At most so many (1000)")
        ->type_name("COUNT")
        ->check(CLI::PositiveNumber);
  }

  void AddPlay() {
    CLI::App& sub = Add(app_, "play", "Fetch the audio of a call into a file", help::kPlay,
                        [this](Session& session) { return RunPlay(session, given_.play); });
    sub.add_option("call", given_.play.call, "Call id, or its first 6 digits or more")
        ->required()
        ->type_name("CALL");
    sub.add_option("--reason", given_.play.reason, "Why: written to the ledger, before anything plays")
        ->required()
        ->type_name("TEXT");
    sub.add_option("-o,--output", given_.play.file, "Where to (call-<id>.wav); - is standard output")
        ->type_name("FILE");
    CLI::Option* const format = sub.add_option("--format", given_.play.format, "wav (default) or opus")
                                    ->check(CLI::IsMember({"wav", "opus"}))
                                    ->type_name("wav|opus");
    sub.add_option("--raw", given_.play.raw,
                   "One stream's payload as it was sent: its label, or digits of its id")
        ->type_name("STREAM")
        ->excludes(format);
    sub.add_flag("--force", given_.play.force, "Replace the file if it exists");
  }

  void AddExport() {
    CLI::App& sub =
        Add(app_, "export", "Write calls as a bag that verifies without this software", help::kExport,
            [this](Session& session) { return RunExport(session, given_.exported); });
    sub.add_option("calls", given_.exported.calls, "Call ids, or their first 6 digits or more")
        ->required()
        ->type_name("CALL");
    sub.add_option("--reason", given_.exported.reason, "Why: written to the ledger, before anything is read")
        ->required()
        ->type_name("TEXT");
    sub.add_option("-o,--output", given_.exported.folder,
                   "Folder for the bag; it must not exist, or be empty")
        ->required()
        ->type_name("DIR");
  }

  void AddOversight() {
    CLI::App& coverage =
        Add(app_, "coverage", "A line's day: recorded + idle + paused + gap = enrolled", help::kCoverage,
            [this](Session& session) { return RunCoverage(session, given_.coverage); });
    coverage.add_option("line", given_.coverage.line, "Line, as enrolled")->required()->type_name("LINE");
    coverage.add_option("day", given_.coverage.day, "Day, UTC: 2026-11-24, today, yesterday")
        ->required()
        ->type_name("DAY");
    coverage.add_flag("--intervals", given_.coverage.intervals, "List every interval");

    Add(app_, "lines", "Show the lines that are, or were, enrolled", "",
        [](Session& session) { return RunLines(session); });

    CLI::App& ledger = *app_.add_subcommand("ledger", "The ledger's signed tree head");
    ledger.require_subcommand(1)->fallthrough();
    CLI::App& head =
        Add(ledger, "head", "Show the newest signed tree head, or keep it in a file", help::kLedgerHead,
            [this](Session& session) { return RunLedgerHead(session, given_.save); });
    head.add_option("--save", given_.save, "Keep the head in this file; refuses to go back in time")
        ->type_name("FILE");

    CLI::App& index = *app_.add_subcommand("index", "The search index");
    index.require_subcommand(1)->fallthrough();
    Add(index, "check", "Rebuild the index from the ledger and compare", help::kIndexCheck,
        [](Session& session) { return RunIndexCheck(session); });
  }

  void AddCompletion() {
    CLI::App& completion = *app_.add_subcommand("completion", "Print a completion script");
    completion.require_subcommand(1);
    completion_ = completion.add_subcommand("bash", "For bash: source <(turretctl completion bash)");
  }

  Given given_;
  CLI::App app_;
  Command command_;
  CLI::App* completion_ = nullptr;
};

int Fail(const absl::Status& status, std::ostream& err) {
  err << "turretctl: " << status.message() << '\n';
  return ExitCode(status);
}

}  // namespace

int Run(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
  Parser parser;
  try {  // CLI11 throws; no exception of its leaves this function.
    parser.app().parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    const int code = parser.app().exit(error, surroundings.out, surroundings.err);
    return code == 0 ? 0 : ExitCode(absl::InvalidArgumentError(""));
  }
  if (parser.completion()) {
    surroundings.out << BashCompletion(parser.app());
    return 0;
  }
  const Given& given = parser.given();
  absl::StatusOr<ConnectionOptions> options = Complete(given.connection, given.config, surroundings.environ);
  if (!options.ok()) return Fail(options.status(), surroundings.err);
  const auto channel = surroundings.connect(*options);
  if (!channel.ok()) return Fail(channel.status(), surroundings.err);
  Session session{*options,   v1::Access::NewStub(*channel), surroundings.out,        surroundings.err,
                  given.json, surroundings.terminal,         surroundings.clock.Utc()};
  const absl::Status status = parser.command()(session);
  return status.ok() ? 0 : Fail(status, surroundings.err);
}

}  // namespace turret::turretctl
