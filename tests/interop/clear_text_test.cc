// No audio, name or number in clear on any disk (of keys: clear_keys_test.cc of spool and ingest): a search
// that finds everything in the archive of the same programs with a null cipher finds nothing in the real one.
#include "tests/support/clear_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

struct Wanted {
  std::string what;
  std::string bytes;
};

std::vector<Wanted> WantedOf(const floor::FloorTruth& truth) {
  std::vector<Wanted> wanted;
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
  // A call with the coordinator away, so that it is still in the spool; then with it back, so that it is in
  // the archive.
  void Run(bool null_cipher) {
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(1, "exact");
    options.null_cipher = null_cipher;
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    ASSERT_EQ(cluster_->StopCoordinator(), 0);
    floor::FloorOptions floor_options;
    floor_options.server = cluster_->sip_address();
    floor_options.traders = 1;
    floor_options.calls = 1;
    floor_options.call_length = absl::Seconds(4);
    const auto truth = floor::RunFloor(floor_options);
    ASSERT_TRUE(truth.ok()) << truth.status();
    ASSERT_TRUE(truth->calls[0].established);
    wanted_ = WantedOf(*truth);
    in_spool_ = Search(cluster_->spool());
    ASSERT_TRUE(cluster_->StartCoordinator().ok());
    ASSERT_TRUE(cluster_->WaitUntilSettled(1, absl::Seconds(60)));
    in_volumes_ = Search(cluster_->archive() + "/volumes");
    in_rest_ = Search(cluster_->archive() + "/ledger");
    in_books_ = Search(cluster_->archive() + "/books");
    in_index_ = Search(cluster_->archive() + "/index");
    ASSERT_EQ(cluster_->StopCoordinator(), 0);  // Writes what the index had in memory only.
    in_folder_ = SearchAll();
    ASSERT_TRUE(cluster_->StartCoordinator().ok());
  }
  std::vector<std::string> Search(const std::string& folder) const {
    std::vector<std::string> found;
    for (const Wanted& wanted : wanted_)
      if (!FindUnder(folder, wanted.bytes).empty()) found.push_back(wanted.what);
    return found;
  }
  // Logs, configuration, ports and all; the enrolment alone is the bank's own file and has names in it.
  std::vector<std::string> SearchAll() const {
    std::vector<std::string> found;
    for (const Wanted& wanted : wanted_)
      for (const std::string& place : FindUnder(cluster_->folder(), wanted.bytes))
        if (!place.starts_with("enrolment.yaml")) found.push_back(wanted.what + " in " + place);
    return found;
  }

  std::unique_ptr<Cluster> cluster_;
  std::vector<Wanted> wanted_;
  std::vector<std::string> in_spool_;
  std::vector<std::string> in_volumes_;
  std::vector<std::string> in_rest_;
  std::vector<std::string> in_books_;
  std::vector<std::string> in_index_;
  std::vector<std::string> in_folder_;
};

// S6, S12.
TEST_F(ClearTextTest, SpoolVolumesBooksAndLedgerHoldNoAudioNameOrNumber) {
  ASSERT_NO_FATAL_FAILURE(Run(/*null_cipher=*/false));
  EXPECT_THAT(in_spool_, testing::IsEmpty());
  EXPECT_THAT(in_volumes_, testing::IsEmpty());
  EXPECT_THAT(in_rest_, testing::IsEmpty());
  EXPECT_THAT(in_books_, testing::IsEmpty());
  EXPECT_THAT(in_index_, testing::IsEmpty());
  EXPECT_THAT(in_folder_, testing::IsEmpty()) << "logs of the processes included";
  ExpectVerified(*cluster_);
}

TEST_F(ClearTextTest, TheSameSearchFindsThemAllWithoutACipher) {
  ASSERT_NO_FATAL_FAILURE(Run(/*null_cipher=*/true));
  EXPECT_THAT(in_spool_, testing::UnorderedElementsAre("audio", "name", "number", "audio", "name", "number"));
  EXPECT_THAT(in_volumes_, testing::UnorderedElementsAre("audio", "audio"));
  EXPECT_THAT(in_index_, testing::IsSupersetOf({"name", "number", "name", "number"}));
  EXPECT_THAT(in_rest_, testing::IsSupersetOf({"name", "number", "name", "number"}));
}

}  // namespace
}  // namespace turret::test
