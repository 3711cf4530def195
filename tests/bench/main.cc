// turret-bench: the front door is tests/bench/run.
#include <iostream>

#include "CLI/CLI.hpp"
#include "tests/bench/micro.h"
#include "tests/bench/node_streams.h"

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::vector<int> streams = {500, 1000, 2000};
  double seconds = 60;
  bool json = false;
  CLI::App app(
      "Speeds, each beside a limit measured in the same run: order, seal, ledger_append, index_write, "
      "node_streams.");
  app.add_option("name", names, "benchmarks to run; all when none is named");
  app.add_flag("--json", json, "one JSON object a line: name, value, unit, limit, ratio");
  app.add_option("--streams", streams, "node_streams: how many at once")->capture_default_str();
  app.add_option("--seconds", seconds, "node_streams: how long each")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  const auto wanted = [&](const std::string& name) {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<turret::bench::Micro> micros;
  bool known = wanted("node_streams");
  for (const turret::bench::Micro& micro : turret::bench::Micros())
    if (wanted(micro.name)) micros.push_back(micro), known = true;
  if (!known) {
    std::cerr << "turret-bench: no such benchmark; there are order, seal, ledger_append, index_write, "
                 "node_streams\n";
    return 2;
  }
  turret::bench::PrintRows(turret::bench::RunMicros(micros), json);
  if (wanted("node_streams"))
    for (int count : streams)
      turret::bench::PrintRows(turret::bench::NodeStreams(count, absl::Seconds(seconds)), json);
  return 0;
}
