// A SIPREC client that we did not write: SIPp places the call, and plays RTP from a pcap.
#include <filesystem>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/floor/pcap.h"
#include "tests/floor/speech.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

class SippTest : public testing::TestWithParam<const char*> {};

floor::StreamTruth MakeSpeechPcap(const std::string& path) {
  floor::StreamTruth stream;
  stream.ssrc = 0x51500001;
  stream.payload =
      floor::EncodeG711(floor::Law::kALaw, floor::Speak(floor::TraderLine(7, 0), "en-gb").value());
  stream.payload.resize(size_t{250} * stream.packet_samples, 0xD5);
  EXPECT_TRUE(floor::WritePcap(stream, path).ok());
  return stream;
}

CommandResult PlaceCall(const Cluster& cluster, const std::string& folder, const std::string& transport) {
  std::filesystem::copy_file(std::string(TURRET_SOURCE_DIR) + "/tests/interop/siprec_uac.xml",
                             folder + "/siprec_uac.xml");
  const std::string script = fmt::format(
      "cd {} && exec sipp {} -sf siprec_uac.xml -t {} -m 1 -l 1 -i 127.0.0.1 -mi 127.0.0.1 -nostdin -timeout "
      "30s -timeout_error",
      folder, cluster.sip_address(), transport);
  return Run({"sh", "-c", script});
}

// C01, R18: what was said is kept, bit for bit.
TEST_P(SippTest, RawPlayIsByteForByteThePayloadThatWasSent) {
  ClusterOptions options;
  options.enrolment = floor::EnrolmentYaml(1, "exact");
  auto cluster = Cluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const TemporaryFolder folder;
  const floor::StreamTruth sent = MakeSpeechPcap(folder / "speech.pcap");

  const CommandResult sipp = PlaceCall(**cluster, folder.path(), GetParam());
  ASSERT_EQ(sipp.exit_code, 0) << sipp.out.substr(sipp.out.size() > 3000 ? sipp.out.size() - 3000 : 0)
                               << sipp.err;
  ASSERT_TRUE((*cluster)->WaitUntilSettled(1, absl::Seconds(60)));

  const auto calls = (*cluster)->CtlJson({"calls", "--trader", "ada ashdown"});
  ASSERT_TRUE(calls.ok()) << calls.status();
  ASSERT_EQ(calls->size(), 1U);
  const nlohmann::json& call = calls->front();
  const nlohmann::json* stream = nullptr;
  for (const nlohmann::json& candidate : call["streams"])
    if (candidate["label"] == "1") stream = &candidate;
  ASSERT_NE(stream, nullptr) << call.dump(2);
  const std::string out = folder / "raw";
  const CommandResult play = (*cluster)->Ctl(
      {"play", call["call_id"], "--reason", "test", "--raw", (*stream)["stream_id"], "-o", out});
  ASSERT_EQ(play.exit_code, 0) << play.err;
  EXPECT_EQ(ReadFileOrEmpty(out), std::string(sent.payload.begin(), sent.payload.end()));
  ExpectVerified(**cluster);
}

INSTANTIATE_TEST_SUITE_P(Transports, SippTest, testing::Values("u1", "t1"),
                         [](const auto& info) { return std::string(info.param) == "u1" ? "Udp" : "Tcp"; });

}  // namespace
}  // namespace turret::test
