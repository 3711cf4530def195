// turret-bench: the front door is tests/bench/run.
#include <algorithm>
#include <iostream>
#include <string_view>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/bench/micro.h"
#include "tests/bench/node_streams.h"
#include "tests/bench/restart.h"
#include "tests/bench/spool_commit.h"

constexpr std::string_view kNames =
    "order, seal, ledger_append, index_write, spool_commit, spool_drain, restart, node_streams";

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::vector<int> streams = {500, 1000, 2000};
  double seconds = 60;
  bool json = false;
  CLI::App app(fmt::format("Speeds, each beside a limit measured in the same run: {}.", kNames));
  app.add_option("name", names, "benchmarks to run; all when none is named");
  app.add_flag("--json", json, "one JSON object a line: name, value, unit, limit, ratio");
  app.add_option("--streams", streams, "node_streams: how many at once")->capture_default_str();
  app.add_option("--seconds", seconds, "node_streams: how long each")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto wanted = [&](const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<turret::bench::Micro> micros;
  bool known = wanted("node_streams") || wanted("spool_commit") || wanted("spool_drain") || wanted("restart");
  for (const turret::bench::Micro& micro : turret::bench::Micros())
    if (wanted(micro.name)) micros.push_back(micro), known = true;
  if (!known) {
    std::cerr << fmt::format("turret-bench: no such benchmark; there are {}\n", kNames);
    return 2;
  }
  if (!micros.empty()) turret::bench::PrintRows(turret::bench::RunMicros(micros), json);
  if (wanted("spool_commit"))
    turret::bench::PrintRows(turret::bench::SpoolCommit(absl::Seconds(std::min(seconds, 30.0))), json);
  if (wanted("spool_drain")) turret::bench::PrintRows(turret::bench::SpoolDrain(), json);
  if (wanted("restart")) turret::bench::PrintRows(turret::bench::Restart(), json);
  if (wanted("node_streams"))
    for (int count : streams)
      turret::bench::PrintRows(turret::bench::NodeStreams(count, absl::Seconds(seconds)), json);
  return 0;
}
