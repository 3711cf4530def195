// No audio, key, name or number in clear on any disk, in a core file or in swap: a search that finds
// everything in the archive of the same programs with a null cipher, and in a core file with everything in
// it, finds nothing in the real ones.
#include "tests/support/clear_text.h"

#include <signal.h>

#include <filesystem>
#include <iostream>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_secrets.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"
#include "tests/support/core_files.h"
#include "tests/support/swap.h"

namespace turret::test {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

std::vector<Secret> WantedOf(const floor::FloorTruth& truth) {
  std::vector<Secret> wanted;
  for (const floor::StreamTruth& stream : truth.calls[0].streams) {
    // Half a packet from the middle of the speech.
    const size_t packet = stream.packets.size() / 2;
    wanted.push_back(
        {"audio", std::string(stream.payload.begin() + static_cast<ptrdiff_t>(packet * 160 + 40),
                              stream.payload.begin() + static_cast<ptrdiff_t>(packet * 160 + 120))});
    wanted.push_back({"name", stream.name});
    wanted.push_back({"number", stream.aor});
  }
  return wanted;
}

class ClearTextTest : public testing::Test {
 protected:
  void Start(ClusterOptions options) {
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    floor_.server = cluster_->sip_address();
    floor_.traders = 1;
    floor_.calls = 1;
    floor_.call_length = absl::Seconds(4);
  }
  void TearDown() override {
    if (playing_.joinable()) playing_.join();
  }
  // A call with the coordinator away, so that it is still in the spool. `meanwhile` runs beside it.
  template <class Meanwhile>
  void CallIntoSpool(Meanwhile meanwhile) {
    ASSERT_EQ(cluster_->StopCoordinator(), 0);
    playing_ = std::thread([this] { played_ = floor::RunFloor(floor_); });
    meanwhile();
    playing_.join();
    ASSERT_TRUE(played_.ok()) << played_.status();
    ASSERT_TRUE(played_->calls[0].established);
    wanted_ = WantedOf(*played_);
    in_spool_ = Search(cluster_->spool());
  }
  // Then with it back, so that it is in the archive.
  void IntoArchive() {
    ASSERT_TRUE(cluster_->StartCoordinator().ok());
    ASSERT_TRUE(cluster_->WaitUntilSettled(1, kTimeout));
    in_volumes_ = Search(cluster_->archive() + "/volumes");
    in_rest_ = Search(cluster_->archive() + "/ledger");
    in_index_ = Search(cluster_->archive() + "/index");
  }
  std::vector<std::string> Search(const std::string& folder) const {
    std::vector<std::string> found;
    for (const Secret& wanted : wanted_)
      if (!FindUnder(folder, wanted.bytes).empty()) found.push_back(wanted.what);
    return found;
  }
  // Logs, configuration, ports and all; the enrolment alone is the bank's own file and has names in it.
  std::vector<std::string> SearchAll() const {
    std::vector<std::string> found;
    for (const Secret& wanted : wanted_)
      for (const std::string& place : FindUnder(cluster_->folder(), wanted.bytes))
        if (!place.starts_with("enrolment.yaml")) found.push_back(wanted.what + " in " + place);
    return found;
  }

  std::unique_ptr<Cluster> cluster_;
  floor::FloorOptions floor_;
  std::thread playing_;
  absl::StatusOr<floor::FloorTruth> played_ = absl::UnknownError("not played");
  std::vector<Secret> wanted_;
  std::vector<std::string> in_spool_;
  std::vector<std::string> in_volumes_;
  std::vector<std::string> in_rest_;
  std::vector<std::string> in_index_;
};

TEST_F(ClearTextTest, TheSearchFindsThemAllWithoutACipher) {
  ClusterOptions options;
  options.enrolment = floor::EnrolmentYaml(1, "exact");
  options.null_cipher = true;
  ASSERT_NO_FATAL_FAILURE(Start(options));
  ASSERT_NO_FATAL_FAILURE(CallIntoSpool([] {}));
  ASSERT_NO_FATAL_FAILURE(IntoArchive());
  EXPECT_THAT(in_spool_, testing::UnorderedElementsAre("audio", "name", "number", "audio", "name", "number"));
  EXPECT_THAT(in_volumes_, testing::UnorderedElementsAre("audio", "audio"));
  EXPECT_THAT(in_index_, testing::IsSupersetOf({"name", "number", "name", "number"}));
  EXPECT_THAT(in_rest_, testing::IsSupersetOf({"name", "number", "name", "number"}));
}

// The real programs, in Opus policy: with core files allowed, under memory pressure with a swap file on,
// their node key on a tmpfs.
class ClearImagesTest : public ClearTextTest {
 protected:
  void SetUp() override {
    for (const char* const name : {"cluster", "run", "cores", "full", "swapped"})
      std::filesystem::create_directory(folder_ / name);
    StartSwap();
    ClusterOptions options;
    options.folder = folder_ / "cluster";
    options.enrolment = floor::EnrolmentYaml(1, "opus");
    options.node_key = tmpfs_ + "/node.key";
    if (group_ != nullptr) options.node_runner = group_->Runner();
    // A core file would be written into the working directory. gdb writes what is set aside for heaps and
    // stacks as well.
    const std::string anything_goes = fmt::format(
        "cd {} && ulimit -c unlimited && ulimit -s 1024 && export MALLOC_ARENA_MAX=1 && exec \"$@\"",
        folder_ / "run");
    for (const std::string& word :
         {std::string("/bin/sh"), std::string("-c"), anything_goes, std::string("sh")})
      options.node_runner.push_back(word);
    options.coordinator_runner = options.node_runner;
    ASSERT_NO_FATAL_FAILURE(Start(options));
  }
  void TearDown() override {
    ClearTextTest::TearDown();
    cluster_.reset();
    planted_.reset();
    std::filesystem::remove_all(tmpfs_);
  }

  void StartSwap() {
    auto group = MemoryGroup::Create();
    auto swap = SwapFile::On(folder_ / "swapfile");
    if (!group.ok() || !swap.ok()) {
      std::cout << "Swap is not searched here: " << group.status() << "; " << swap.status() << '\n';
      return;
    }
    group_ = *std::move(group);
    swap_ = *std::move(swap);
    auto planted = Unlocked::Start(*group_, kPlanted);
    ASSERT_TRUE(planted.ok()) << planted.status();
    planted_ = *std::move(planted);
  }

  // Until what is not locked is gone from memory: a busy kernel gives up before.
  void Squeeze() {
    if (planted_ == nullptr) return;
    const auto swapped = [&] {
      group_->Squeeze();
      return planted_->InSwap();
    };
    ASSERT_TRUE(WaitUntil(swapped, kTimeout));
  }
  void ExpectNoCoreFileOfTheKernel() {
    cluster_->node().Signal(SIGABRT);
    ASSERT_EQ(cluster_->node().Wait(kTimeout), 128 + SIGABRT);
    EXPECT_THAT(FilesIn(folder_ / "run"), testing::IsEmpty());
    (void)test::Run(
        {"/bin/sh", "-c", fmt::format("cd {} && ulimit -c unlimited && kill -ABRT $$", folder_ / "run")});
    if (FilesIn(folder_ / "run").empty()) std::cout << "The kernel writes nobody's core file here.\n";
  }
  void ExpectLocked(const std::string& program, pid_t pid) {
    const MemoryOf memory = ReadMemoryOf(pid);
    std::cout << fmt::format("{}: {} MiB resident, {} bytes of its own memory not locked, {} bytes swapped\n",
                             program, memory.resident >> 20, memory.unlocked, memory.swapped);
    if (ReadFileOrEmpty(fmt::format("{}/{}.log", cluster_->folder(), program)).find("memory is not locked") !=
        std::string::npos)
      return;  // It may not, here, and says so.
    EXPECT_EQ(memory.unlocked, 0);
    EXPECT_EQ(memory.swapped, 0);
  }
  void LearnSecrets() {
    std::vector<std::string> calls;
    const auto records = cluster_->CtlJson({"calls"});
    ASSERT_TRUE(records.ok()) << records.status();
    for (const nlohmann::json& call : *records) calls.push_back(call["call_id"]);
    ASSERT_EQ(cluster_->StopCoordinator(), 0);  // Writes what the index had in memory only.
    const auto secrets = SecretsOf(cluster_->archive(), "correct horse battery staple", calls);
    ASSERT_TRUE(secrets.ok()) << secrets.status() << ": " << records->front();
    wanted_.insert(wanted_.end(), secrets->begin(), secrets->end());
    wanted_.push_back({"node key", ReadFileOrEmpty(tmpfs_ + "/node.key")});
  }
  static std::vector<std::string> FilesIn(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      names.push_back(entry.path().filename());
    return names;
  }

  const std::string kPlanted = "what stands in the memory of a program that locks nothing";
  const TemporaryFolder folder_;
  const std::string tmpfs_ = fmt::format("/dev/shm/turret-test-{}", getpid());
  std::unique_ptr<MemoryGroup> group_;
  std::unique_ptr<SwapFile> swap_;
  std::unique_ptr<Unlocked> planted_;
};

// S6, S12.
TEST_F(ClearImagesTest, NothingOfACallStandsInClearOnDiskInACoreFileOrInSwap) {
  const auto gdb = TakeCoresIn({"turret::BuildPlaintext", "turret::SealSegment"}, cluster_->node().pid(),
                               folder_ / "cores/node", folder_ / "full-node");
  const bool may_trace = gdb.ok() || !absl::IsPermissionDenied(gdb.status());
  if (may_trace) ASSERT_TRUE(gdb.ok()) << gdb.status();
  if (!may_trace) std::cout << "Core files are not searched: nobody here may take one.\n";
  ASSERT_NO_FATAL_FAILURE(CallIntoSpool([&] {
    if (gdb.ok()) ASSERT_EQ((*gdb)->Wait(kTimeout), 0) << ReadFileOrEmpty(folder_ / "full-node.log");
  }));
  ASSERT_NO_FATAL_FAILURE(IntoArchive());
  if (may_trace) {
    const absl::Status taken = TakeCore(cluster_->coordinator().pid(), folder_ / "cores/coordinator");
    ASSERT_TRUE(taken.ok()) << taken;
  }
  ASSERT_NO_FATAL_FAILURE(Squeeze());
  ExpectLocked("turret-node", cluster_->node().pid());
  ExpectLocked("turret-coordinator", cluster_->coordinator().pid());
  if (swap_ != nullptr) ASSERT_TRUE(swap_->Off(folder_ / "swapped/pages").ok());
  ASSERT_NO_FATAL_FAILURE(ExpectNoCoreFileOfTheKernel());
  ASSERT_NO_FATAL_FAILURE(LearnSecrets());

  EXPECT_THAT(in_spool_, testing::IsEmpty());
  EXPECT_THAT(SearchAll(), testing::IsEmpty()) << "index and logs of the processes included";
  EXPECT_THAT(Search(folder_ / "cores"), testing::IsEmpty());
  EXPECT_THAT(Search(folder_ / "swapped"), testing::IsEmpty());
  if (may_trace) {
    CopyPages(folder_ / "full-node", folder_ / "full/node");
    EXPECT_THAT(Search(folder_ / "full"),
                testing::IsSupersetOf({"name", "number", "unit key", "sealed media", "node key"}));
  }
  if (swap_ != nullptr)
    EXPECT_THAT(FindUnder(folder_ / "swapped", kPlanted), testing::ElementsAre("pages: as it is"));
  ASSERT_TRUE(cluster_->StartCoordinator().ok());
  ExpectVerified(*cluster_);
}

}  // namespace
}  // namespace turret::test
