#include "tests/bench/node_streams.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <sstream>
#include <thread>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "tests/floor/floor.h"
#include "tests/floor/speech.h"
#include "tests/interop/cluster.h"

namespace turret::bench {
namespace {

struct Usage {
  double cpu_ms = 0;
  double memory_kib = 0;
};

Usage Read(pid_t pid) {
  Usage usage;
  const std::string stat = test::ReadFileOrEmpty(fmt::format("/proc/{}/stat", pid));
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 15 && fields >> field; ++i)
    if (i >= 14) usage.cpu_ms += std::stod(field) * 1000.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::istringstream lines(test::ReadFileOrEmpty(fmt::format("/proc/{}/status", pid)));
  for (std::string line; std::getline(lines, line);)
    if (line.compare(0, 6, "VmRSS:") == 0) usage.memory_kib = std::stod(line.substr(6));
  return usage;
}

// The receiver has a core of its own; sender and coordinator share the other.
void Pin(pid_t pid, int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  for (const std::string& task : [&] {
         std::vector<std::string> tasks;
         std::istringstream names(test::Run({"ls", fmt::format("/proc/{}/task", pid)}).out);
         for (std::string name; names >> name;) tasks.push_back(name);
         return tasks;
       }())
    sched_setaffinity(std::stoi(task), sizeof set, &set);
}

struct Load {
  double cpu_ms_per_stream_second = 0;
  double memory_kib_per_stream = 0;
  uint64_t sent = 0;
  uint64_t received = 0;
};

// Samples the process while `busy` says that all streams play.
class Sampler {
 public:
  Sampler(pid_t pid, const std::atomic<bool>& busy) : thread_([this, pid, &busy] { Sample(pid, busy); }) {}
  ~Sampler() {
    stop_ = true;
    thread_.join();
  }
  double cpu_ms_per_second() const { return seconds_ == 0 ? 0 : cpu_ms_ / seconds_; }
  double memory_kib_max() const { return memory_kib_max_; }

 private:
  void Sample(pid_t pid, const std::atomic<bool>& busy) {
    Usage before{};
    absl::Duration at = absl::ZeroDuration();
    while (!stop_) {
      absl::SleepFor(absl::Milliseconds(500));
      const Usage now = Read(pid);
      const absl::Duration then = test::Now();
      if (busy && at != absl::ZeroDuration()) {
        cpu_ms_ += now.cpu_ms - before.cpu_ms;
        seconds_ += absl::ToDoubleSeconds(then - at);
        memory_kib_max_ = std::max(memory_kib_max_, now.memory_kib);
      }
      at = busy ? then : absl::ZeroDuration();
      before = now;
    }
  }
  std::atomic<bool> stop_ = false;
  double cpu_ms_ = 0;
  double seconds_ = 0;
  double memory_kib_max_ = 0;
  std::thread thread_;
};

Load MeasureNode(int streams, absl::Duration length) {
  Load load;
  test::ClusterOptions options;
  const int calls = streams / 2;
  options.enrolment = floor::EnrolmentYaml(calls, "exact");
  options.presence_interval = absl::Seconds(60);
  auto cluster = test::Cluster::Start(options);
  if (!cluster.ok()) {
    std::cerr << cluster.status().message() << '\n';
    return load;
  }
  Pin((*cluster)->node().pid(), 0);
  Pin((*cluster)->coordinator().pid(), 1);
  const double idle_kib = Read((*cluster)->node().pid()).memory_kib;
  std::atomic<bool> busy = false;
  std::atomic<int> on = 0;
  floor::FloorOptions floor_options;
  floor_options.server = (*cluster)->sip_address();
  floor_options.traders = calls;
  floor_options.calls = calls;
  floor_options.speech = false;
  floor_options.stagger = absl::Milliseconds(4);
  // All calls are on for `length`: the first is that much longer than the ramp.
  floor_options.call_length = length + floor_options.stagger * calls + absl::Seconds(3);
  floor_options.progress = [&](const std::string&) {
    if (++on == calls) busy = true;
  };
  {
    Sampler sampler((*cluster)->node().pid(), busy);
    std::thread end([&] {
      while (!busy) absl::SleepFor(absl::Milliseconds(50));
      absl::SleepFor(length);
      busy = false;
    });
    const auto truth = floor::RunFloor(floor_options);
    if (!busy && on < calls) busy = true;
    end.join();
    if (!truth.ok()) {
      std::cerr << truth.status().message() << '\n';
      return load;
    }
    load.sent = truth->datagrams_sent;
    load.cpu_ms_per_stream_second = sampler.cpu_ms_per_second() / streams;
    load.memory_kib_per_stream = (sampler.memory_kib_max() - idle_kib) / streams;
  }
  test::WaitUntil(
      [&] {
        load.received = static_cast<uint64_t>(
            test::MetricValue((*cluster)->NodeMetrics(), "turret_rtp_packets_received_total"));
        return load.received >= load.sent;
      },
      absl::Seconds(5));
  return load;
}

Load MeasureBareLoop(int streams, absl::Duration length) {
  Load load;
  const test::TemporaryFolder folder;
  auto loop = test::Process::Start(
      {std::string(TURRET_BINARY_DIR) + "/turret-bare-loop", std::to_string(streams)}, folder / "log");
  if (!loop.ok()) return load;
  test::WaitUntil([&] { return test::ReadFileOrEmpty(folder / "log").find("ready") == 0; }, absl::Seconds(5));
  Pin((*loop)->pid(), 0);
  const double idle_kib = Read((*loop)->pid()).memory_kib;
  auto player = floor::RtpPlayer::Create().value();
  std::vector<floor::StreamTruth> truth(static_cast<size_t>(streams));
  const absl::Time start = absl::Now() + absl::Milliseconds(200);
  const std::vector<uint8_t> payload(static_cast<size_t>(absl::ToInt64Milliseconds(length)) * 8, 0xD5);
  for (int i = 0; i < streams; ++i) {
    floor::StreamTruth& stream = truth[static_cast<size_t>(i)];
    stream.port = static_cast<uint16_t>(20000 + 2 * i);
    stream.payload = payload;
    player->Add(stream, {}, start + absl::Microseconds(int64_t{i} * 20000 / streams));
  }
  std::atomic<bool> busy = true;
  {
    Sampler sampler((*loop)->pid(), busy);
    for (absl::Time next = start; next != absl::InfiniteFuture();) {
      absl::SleepFor(std::min(std::max(next - absl::Now(), absl::ZeroDuration()), absl::Milliseconds(1)));
      next = player->SendDue(absl::Now());
    }
    load.cpu_ms_per_stream_second = sampler.cpu_ms_per_second() / streams;
    load.memory_kib_per_stream = (sampler.memory_kib_max() - idle_kib) / streams;
  }
  load.sent = player->datagrams_sent();
  absl::SleepFor(absl::Milliseconds(100));
  (*loop)->Signal(SIGTERM);
  (*loop)->Wait(absl::Seconds(5));
  const std::string log = test::ReadFileOrEmpty(folder / "log");
  if (const size_t at = log.find("datagrams "); at != std::string::npos)
    load.received = std::stoull(log.substr(at + 10));
  return load;
}

}  // namespace

std::vector<Row> NodeStreams(int streams, absl::Duration length) {
  Pin(getpid(), 1);
  std::cerr << fmt::format("node_streams: {} streams, node …\n", streams);
  const Load node = MeasureNode(streams, length);
  std::cerr << fmt::format("node_streams: {} streams, bare loop …\n", streams);
  const Load bare = MeasureBareLoop(streams, length);
  const std::string name = fmt::format("node_streams/{}", streams);
  const char* const limit = "bare epoll + recvmmsg loop, 20 ms between rounds";
  return {{name + "/lost", static_cast<double>(node.sent - node.received) / streams, "packets/stream",
           static_cast<double>(bare.sent - bare.received) / streams, limit},
          {name + "/cpu", node.cpu_ms_per_stream_second, "ms/s/stream", bare.cpu_ms_per_stream_second, limit},
          {name + "/memory", node.memory_kib_per_stream, "KiB/stream", bare.memory_kib_per_stream, limit}};
}

}  // namespace turret::bench
