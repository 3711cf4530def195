#include "tests/bench/spool_commit.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <thread>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "node/spool/spool.h"
#include "storage/base/clock.h"
#include "tests/support/support.h"

namespace turret::bench {
namespace {

constexpr int kStreams = 4000;
constexpr int kPacketsPerSecond = 50;
constexpr size_t kDatagramBytes = 12 + 160;
constexpr size_t kRememberedBytes = 2600;  // Of a stream, in Opus policy: what a snapshot holds.
constexpr uint64_t kMib = uint64_t{1} << 20;
constexpr uint64_t kBareFileBytes = 64 * kMib;
constexpr uint64_t kOtherFileBytes = 1024 * kMib;

// 100 MB/s into a file that is written over and over, synced once a second.
class OtherWriter {
 public:
  explicit OtherWriter(const std::string& path)
      : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), thread_([this] { Write(); }) {}
  ~OtherWriter() {
    stop_ = true;
    thread_.join();
    close(fd_);
  }
  double megabytes() const { return static_cast<double>(bytes_) / 1e6; }

 private:
  void Write() {
    const std::vector<char> chunk(1'000'000, 'w');
    absl::Time next = absl::Now();
    for (int i = 0; !stop_; ++i) {
      const ssize_t n = pwrite(fd_, chunk.data(), chunk.size(), static_cast<off_t>(bytes_ % kOtherFileBytes));
      if (n > 0) bytes_ += static_cast<uint64_t>(n);
      if (i % 100 == 99) fdatasync(fd_);
      next = std::max(next + absl::Milliseconds(10), absl::Now() - absl::Seconds(1));
      absl::SleepFor(next - absl::Now());
    }
  }

  const int fd_;
  std::atomic<bool> stop_ = false;
  std::atomic<uint64_t> bytes_ = 0;
  std::thread thread_;
};

// The limit: what the disk itself takes.
class BareFiles {
 public:
  explicit BareFiles(std::string folder) : folder_(std::move(folder)) { Next(); }
  ~BareFiles() { close(fd_); }
  absl::Duration Commit(const std::vector<char>& bytes) {
    if (offset_ + bytes.size() > kBareFileBytes) Next();
    const absl::Time begin = absl::Now();
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset_));
    const bool synced = fdatasync(fd_) == 0;
    const absl::Duration took = absl::Now() - begin;
    if (n != static_cast<ssize_t>(bytes.size()) || !synced) std::cerr << "spool_commit: the disk fails\n";
    offset_ += bytes.size();
    return took;
  }

 private:
  void Next() {
    if (fd_ >= 0) close(fd_);
    if (number_ > 0) unlink(Path(number_ - 1).c_str());
    fd_ = open(Path(number_++).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fallocate(fd_, 0, 0, kBareFileBytes) != 0) std::cerr << "spool_commit: nothing can be set aside\n";
    fsync(fd_);
    offset_ = 0;
  }
  std::string Path(int number) const { return fmt::format("{}/bare-{}", folder_, number); }

  const std::string folder_;
  int fd_ = -1;
  int number_ = 0;
  uint64_t offset_ = 0;
};

// Each new extent begins with what is remembered of all streams.
class Remembered final : public node::SnapshotSource {
 public:
  uint64_t OldestNeeded(uint64_t acknowledged) override { return acknowledged; }
  node::Snapshot Take(uint64_t acknowledged) override {
    node::Snapshot snapshot;
    snapshot.acknowledged = snapshot.oldest_needed = acknowledged;
    for (size_t left = kStreams * kRememberedBytes; left > 0;) {
      const size_t part = std::min(left, node::kSnapshotPartBytesMax);
      snapshot.parts.emplace_back(part);
      left -= part;
    }
    return snapshot;
  }
};

// A round of 20 ms: one datagram of each stream.
absl::Status AppendRound(node::Spool& spool, std::vector<node::Datagram>& datagrams) {
  constexpr size_t kBatch = 256;
  for (size_t at = 0; at < datagrams.size(); at += kBatch) {
    const size_t count = std::min(kBatch, datagrams.size() - at);
    absl::Status appended = spool.AppendDatagrams(std::span(datagrams).subspan(at, count));
    if (!appended.ok()) return appended;
  }
  return absl::OkStatus();
}

double Percentile(std::vector<absl::Duration> took, double share) {
  std::sort(took.begin(), took.end());
  const auto at = static_cast<size_t>(share * static_cast<double>(took.size()));
  return took.empty() ? 0 : absl::ToDoubleMilliseconds(took[std::min(at, took.size() - 1)]);
}

absl::Status Measure(absl::Duration length, std::vector<absl::Duration>& ours,
                     std::vector<absl::Duration>& bare) {
  const test::TemporaryFolder folder;
  PosixEnvironment environment;
  SystemClock clock;
  SystemRandom random;
  auto spool =
      node::Spool::Open({.directory = folder / "spool"}, environment, SecretKey::Make(random), clock, random);
  if (!spool.ok()) return spool.status();
  const std::vector<uint8_t> bytes(kDatagramBytes, 0xD5);
  std::vector<node::Datagram> datagrams(kStreams);
  for (node::Datagram& datagram : datagrams) datagram = {StreamId::Make(random), 1, {}, bytes};
  Remembered remembered;
  (*spool)->SetSnapshotSource(&remembered);
  BareFiles files(folder.path());
  const OtherWriter other(folder / "other");
  absl::SleepFor(absl::Seconds(2));  // For its writes to reach the disk.

  const absl::Time begin = absl::Now();
  uint64_t position = (*spool)->Stats().position_end;
  for (absl::Time turn = begin; turn - begin < length; turn += node::kCommitInterval) {
    absl::SleepFor(turn - absl::Now());
    for (int round = 0; round < kPacketsPerSecond * node::kCommitInterval / absl::Seconds(1); ++round)
      if (absl::Status appended = AppendRound(**spool, datagrams); !appended.ok()) return appended;
    const absl::Time committing = absl::Now();
    if (absl::Status committed = (*spool)->Commit(); !committed.ok()) return committed;
    ours.push_back(absl::Now() - committing);
    const uint64_t end = (*spool)->Stats().position_end;
    absl::SleepFor(turn + node::kCommitInterval / 2 - absl::Now());
    bare.push_back(files.Commit(std::vector<char>(end - position, 'b')));
    position = end;
    if (absl::Status trimmed = (*spool)->Trim(end); !trimmed.ok()) return trimmed;
  }
  (*spool)->SetSnapshotSource(nullptr);
  std::cerr << fmt::format(
      "spool_commit: {:.1f} MB a commit, {} of each; the other writer made {:.0f} MB/s\n",
      static_cast<double>(position) / 1e6 / static_cast<double>(ours.size()), ours.size(),
      other.megabytes() / absl::ToDoubleSeconds(absl::Now() - begin + absl::Seconds(2)));
  return absl::OkStatus();
}

}  // namespace

std::vector<Row> SpoolCommit(absl::Duration length) {
  std::cerr << "spool_commit: 4000 streams' payload beside 100 MB/s …\n";
  std::vector<absl::Duration> ours;
  std::vector<absl::Duration> bare;
  if (const absl::Status measured = Measure(length, ours, bare); !measured.ok()) {
    std::cerr << "spool_commit: " << measured.message() << '\n';
    return {};
  }
  const char* const limit = "bare preallocated write and fdatasync of the same size, in turns";
  return {{"spool_commit/p50", Percentile(ours, 0.5), "ms", Percentile(bare, 0.5), limit},
          {"spool_commit/p99", Percentile(ours, 0.99), "ms", Percentile(bare, 0.99), limit}};
}

}  // namespace turret::bench
