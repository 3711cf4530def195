// Micro-benchmarks, by Google Benchmark: each of ours beside its limit.
#pragma once

#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/bench/row.h"

namespace turret::bench {

/// A pair: both set `state.SetBytesProcessed` or `state.SetItemsProcessed`.
struct Micro {
  std::string name;
  std::string unit;  // "MB/s" (bytes) or "1000/s" (items).
  std::string limit_name;
  void (*ours)(benchmark::State&);
  void (*limit)(benchmark::State&);
};

std::vector<Micro> Micros();
std::vector<Row> RunMicros(const std::vector<Micro>& micros);

void Seal(benchmark::State& state);
void RawAesGcm(benchmark::State& state);
void LedgerAppend(benchmark::State& state);
void RawSha256(benchmark::State& state);
void IndexWrite(benchmark::State& state);
void RawRocksDb(benchmark::State& state);
void Order(benchmark::State& state);
void Memcpy(benchmark::State& state);

}  // namespace turret::bench
