#include "tests/bench/micro.h"

#include <map>

namespace turret::bench {
namespace {

// Keeps the rates that Google Benchmark measures, instead of printing them.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto bytes = run.counters.find("bytes_per_second");
      const auto items = run.counters.find("items_per_second");
      double rate = 0;
      if (bytes != run.counters.end()) rate = bytes->second.value / 1e6;
      if (items != run.counters.end()) rate = items->second.value / 1e3;
      // Medians only: these machines are noisy.
      if (run.aggregate_name == "median") rates[run.run_name.function_name] = rate;
    }
  }
  std::map<std::string, double> rates;
};

}  // namespace

std::vector<Micro> Micros() {
  return {{"order", "MB/s", "memcpy of the same bytes", Order, Memcpy},
          {"seal", "MB/s", "raw AES-256-GCM of the same bytes", Seal, RawAesGcm},
          {"ledger_append", "1000/s", "raw SHA-256 of the same leaves", LedgerAppend, RawSha256},
          {"index_write", "1000/s", "a raw RocksDB batch of the same rows", IndexWrite, RawRocksDb}};
}

std::vector<Row> RunMicros(const std::vector<Micro>& micros) {
  for (const Micro& micro : micros)
    for (const auto& [suffix, function] : {std::pair("", micro.ours), std::pair("/limit", micro.limit)})
      benchmark::RegisterBenchmark((micro.name + suffix).c_str(), function)
          ->Repetitions(5)
          ->ReportAggregatesOnly(false)
          ->UseRealTime();
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  std::vector<Row> rows;
  for (const Micro& micro : micros)
    rows.push_back({micro.name, collector.rates[micro.name], micro.unit,
                    collector.rates[micro.name + "/limit"], micro.limit_name});
  return rows;
}

}  // namespace turret::bench
