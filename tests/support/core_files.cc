#include "tests/support/core_files.h"

#include "fmt/format.h"

namespace turret::test {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(100);  // gdb reads all symbols first.

std::vector<std::string> Gdb(pid_t pid, const std::vector<std::string>& commands) {
  std::vector<std::string> words{"gdb",
                                 "-nx",
                                 "-batch",
                                 "-iex",
                                 "set debuginfod enabled off",
                                 "-iex",
                                 "set auto-load no",
                                 "-iex",
                                 "set auto-solib-add off",
                                 "-p",
                                 fmt::format("{}", pid)};
  for (const std::string& command : commands) words.insert(words.end(), {"-ex", command});
  return words;
}

absl::Status Failed(const std::string& words) {
  return words.find("Operation not permitted") == std::string::npos
             ? absl::UnavailableError("gdb: " + words)
             : absl::PermissionDeniedError("gdb: " + words);
}

}  // namespace

absl::Status TakeCore(pid_t pid, const std::string& path) {
  const CommandResult taken = Run(Gdb(pid, {"generate-core-file " + path, "detach"}), kTimeout);
  if (ReadFileOrEmpty(path).empty()) return Failed(taken.out + taken.err);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Process>> TakeCoresIn(const std::vector<std::string>& functions, pid_t pid,
                                                     const std::string& path, const std::string& full) {
  const std::string log = full + ".log";
  std::vector<std::string> commands{"handle all nostop noprint pass"};
  for (const std::string& function : functions)
    commands.insert(commands.end(), {"break " + function, "continue", "delete"});
  const std::string filter = fmt::format("/proc/{}/coredump_filter", pid);
  for (const std::string& command :
       {"generate-core-file " + path, "shell echo 1 > " + filter, "generate-core-file " + full,
        "shell echo 0 > " + filter, std::string("detach")})
    commands.push_back(command);
  auto gdb = Process::Start(Gdb(pid, commands), log);
  if (!gdb.ok()) return gdb.status();
  const auto set = [&] { return ReadFileOrEmpty(log).find("Breakpoint 1 at") != std::string::npos; };
  if (!WaitUntil([&] { return set() || !(*gdb)->running(); }, kTimeout) || !set())
    return Failed(ReadFileOrEmpty(log));
  return gdb;
}

}  // namespace turret::test
