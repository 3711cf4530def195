// One line's day as a floor would leave it in the ledger, and what was true at each second of it.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/storage/index/entries.h"

namespace turret::test {

inline constexpr int64_t kDayBeginS = int64_t{20'781} * 86'400;  // 2026-11-24, UTC.
inline constexpr char kDayText[] = "2026-11-24";                 // Begins at kDayBeginS.
inline constexpr int64_t kDayS = 86'400;

/// Kinds of a second, by first letter: i(dle) e(dge) r(ecorded) p(aused) g(ap).
using Seconds = std::string;

/// What one ledger entry alone evidences: without it, these seconds must be gap.
struct Evidenced {
  size_t channel;  // 0 own, 1 far.
  int64_t begin_s, end_s;
};

/// Days of one seed are alike but for their ids and dates, and far enough from each other that many fit into
/// one ledger: three days apart.
class FloorDay {
 public:
  explicit FloorDay(uint64_t seed, int64_t number = 0);

  const int64_t begin_s;
  Entries entries;
  const LineId line;                               // The same on all days.
  std::array<Seconds, 2> truth;                    // From begin_s on.
  std::vector<std::vector<Evidenced>> evidence;    // By ledger index.
  std::vector<std::pair<size_t, int64_t>> starts;  // Ledger index and time of each CallStarted of the line.
  int64_t proof_age_s = kDayS;

 private:
  struct Span {
    int64_t begin_s, end_s;
  };
  int64_t Between(int64_t low, int64_t high);  // Both included.
  void Enrol();
  void PlanDay();
  void AddCall(Span span);
  void AddStream(const CallId& call, Span span, const std::vector<size_t>& channels);
  void AddSpan(char kind, Span span, const StreamId& stream, const CallId& call,
               const std::vector<size_t>& channels);
  void AddProgress(const CallId& call, v1::StreamProgress progress, std::vector<Evidenced> evidenced);
  void AddPresences();
  void Mark(char kind, Span span, size_t channel);
  void Evidence(std::vector<Evidenced> evidenced);

  std::mt19937_64 random_;
  NodeId node_;
  std::vector<Span> calls_;
  Span outage_{};
};

v1::Interval IntervalOfSeconds(int64_t begin_s, int64_t end_s);

}  // namespace turret::test
