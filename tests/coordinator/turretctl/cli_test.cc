#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/coordinator/turretctl/fake_access.h"

namespace turret::turretctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Result = test::Turretctl::Result;

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<v1::PlayChunk> PlayOf(const v1::CallSummary& call, const std::vector<std::string>& pieces) {
  std::vector<v1::PlayChunk> chunks(1);
  v1::PlayHeader& header = *chunks[0].mutable_header();
  *header.mutable_call() = call;
  header.add_channels("Ada Ashdown");
  header.add_channels("Bjørn");
  header.set_ledger_index(77);
  header.set_start_utc_ns(call.started_utc_ns());
  for (const std::string& piece : pieces) chunks.emplace_back().set_data(piece);
  return chunks;
}

class CliTest : public ::testing::Test {
 protected:
  CliTest() { turretctl_.access.calls = {test::SomeCall(0x3F), test::SomeCall(0x77)}; }

  test::TemporaryFolder folder_;
  test::Turretctl turretctl_;
};

TEST_F(CliTest, CallsAreATableForPeople) {
  turretctl_.access.calls[1].set_ended_utc_ns(0);
  turretctl_.access.calls[1].clear_gaps();
  turretctl_.access.calls[1].add_flags(v1::CALL_FLAG_ODD_SDP);
  const Result result = turretctl_.Run({"calls"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(
      result.out,
      R"(CALL      START (UTC)                    LENGTH  TRADER       LINE          PARTIES             GAPS              FLAGS
3fababab  2026-11-24 09:00:00.000  00:01:01.250  Ada Ashdown  LDN-EQ-014/1  Ada Ashdown, Bjørn  1 (00:00:00.040)
77ababab  2026-11-24 09:00:00.000       running  Ada Ashdown  LDN-EQ-014/1  Ada Ashdown, Bjørn  -                 odd_sdp
)");
}

TEST_F(CliTest, CallsPassEveryConditionOn) {
  const Result result = turretctl_.Run({"calls", "--trader", "Ada", "--line", "L/1", "--party", "+44 1",
                                        "--from", "-2h", "--until", "2026-11-24T09:00:00Z", "--limit", "5"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const v1::FindCallsRequest& asked = turretctl_.access.find_request;
  EXPECT_EQ(asked.trader(), "Ada");
  EXPECT_EQ(asked.line(), "L/1");
  EXPECT_EQ(asked.party(), "+44 1");
  EXPECT_EQ(asked.from_utc_ns(), 1'795'503'723'000'000'000);
  EXPECT_EQ(asked.until_utc_ns(), test::kStartUtcNs);
  EXPECT_EQ(asked.limit(), 5U);
}

TEST_F(CliTest, JsonIsOneObjectALineWithTimesAndIdsThatProgramsRead) {
  const Result result = turretctl_.Run({"calls", "--json"});
  std::istringstream lines(result.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto call = nlohmann::json::parse(line);
  EXPECT_EQ(call["call_id"], "3f" + std::string("ababababababababababababababab"));
  EXPECT_EQ(call["started"], "2026-11-24T09:00:00.000000000Z");
  EXPECT_EQ(call["gaps"][0]["cause"], "packet_loss");
  EXPECT_DOUBLE_EQ(call["gaps"][0]["seconds"], 0.04);
  EXPECT_EQ(call["streams"][1]["packets"]["lost"], 2);
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(CliTest, OneCallIsShownWithAllThatIsKnown) {
  const Result result = turretctl_.Run({"calls", "--id", "3fABab"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* text : {"3fabababababababababababababab", "after 00:01:01.250", "Bjørn <tel:+4712345678>",
                           "exact, class mifid, rules mifid5", "14-2", "packet_loss", "09:00:10.040"})
    EXPECT_THAT(result.out, HasSubstr(text));
}

TEST_F(CliTest, AnIdThatSeveralCallsBeginWithNamesThem) {
  v1::CallSummary twin = test::SomeCall(0x3F);
  twin.mutable_call_id()->back() = '\x01';
  turretctl_.access.calls.push_back(twin);
  const Result result = turretctl_.Run({"calls", "--id", "3fabab"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("2 calls begin with 3fabab; write more digits:\n  3fab"));
  EXPECT_EQ(turretctl_.Run({"calls", "--id", "aaaaaa"}).exit_code, 3);
  EXPECT_EQ(turretctl_.Run({"calls", "--id", "3fab"}).exit_code, 2);
  EXPECT_EQ(turretctl_.Run({"calls", "--id", "nothex"}).exit_code, 2);
}

TEST_F(CliTest, PlayWritesTheFileAndListsTheGaps) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"RIFF", "more"});
  const Result result =
      turretctl_.Run({"play", "3fabab", "--reason", "complaint 4711", "-o", folder_ / "a.wav"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(ReadFile(folder_ / "a.wav"), "RIFFmore");
  EXPECT_EQ(turretctl_.access.play_request.reason(), "complaint 4711");
  EXPECT_EQ(turretctl_.access.play_request.call_id(), turretctl_.access.calls[0].call_id());
  for (const char* text :
       {"a.wav, 8 bytes", "Channel 2  Bjørn", "entry 77 records", "packet_loss", "00:00:00.040"})
    EXPECT_THAT(result.out, HasSubstr(text));
  EXPECT_EQ(std::filesystem::status(folder_ / "a.wav").permissions(), std::filesystem::perms(0600));
}

TEST_F(CliTest, PlaySaysWhichAudioHasNoProvenTime) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"RIFF"});
  const std::vector<std::string> play{"play", "3fabab", "--reason", "x", "--force", "-o", folder_ / "a.wav"};
  EXPECT_THAT(turretctl_.Run(play).out, Not(HasSubstr("not proven")));
  v1::UnsurePlace& place = *turretctl_.access.play[0].mutable_header()->add_unsure();
  place.set_stream_id(std::string(16, '\x12'));
  place.set_first_segment(3);
  place.set_end_segment(5);
  const std::string out = turretctl_.Run(play).out;
  for (const char* text : {"not proven", "3 to 4"}) EXPECT_THAT(out, HasSubstr(text));
  std::vector<std::string> json = play;
  json.push_back("--json");
  EXPECT_EQ(nlohmann::json::parse(turretctl_.Run(json).out)["unsure_places"][0]["end_segment"], 5);
}

TEST_F(CliTest, PlayNeverReplacesAFileUnasked) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"new"});
  std::ofstream(folder_ / "a.wav") << "old";
  const std::vector<std::string> play{"play", "3fabab", "--reason", "x", "-o", folder_ / "a.wav"};
  EXPECT_EQ(turretctl_.Run(play).exit_code, 1);
  EXPECT_TRUE(turretctl_.access.play_request.reason().empty())
      << "nothing may be fetched, and entered, in vain";
  EXPECT_EQ(ReadFile(folder_ / "a.wav"), "old");
  std::vector<std::string> forced = play;
  forced.push_back("--force");
  EXPECT_EQ(turretctl_.Run(forced).exit_code, 0);
  EXPECT_EQ(ReadFile(folder_ / "a.wav"), "new");
}

TEST_F(CliTest, PlayToStandardOutputKeepsItClean) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"RIFF"});
  const Result result = turretctl_.Run({"play", "3fabab", "--reason", "x", "-o", "-"});
  EXPECT_EQ(result.out, "RIFF");
  EXPECT_THAT(result.err, HasSubstr("packet_loss"));
  EXPECT_EQ(turretctl_.Run({"play", "3fabab", "--reason", "x", "-o", "-", "--json"}).exit_code, 2);
}

TEST_F(CliTest, APlayThatBreaksOffLeavesNoFile) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"RIFF"});
  turretctl_.access.status = {grpc::StatusCode::DATA_LOSS, "segment 3 does not verify"};
  turretctl_.access.calls.clear();
  const Result result =
      turretctl_.Run({"play", "3f" + std::string(30, 'a'), "--reason", "x", "-o", folder_ / "a.wav"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("segment 3 does not verify"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(CliTest, RawTakesALabelOrDigitsOfTheStream) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"x"});
  for (const char* stream : {"14-2", "121212"}) {
    const Result result =
        turretctl_.Run({"play", "3fabab", "--reason", "x", "--raw", stream, "--force", "-o", folder_ / "x"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(turretctl_.access.play_request.format(), v1::PlayRequest::RAW);
    EXPECT_EQ(turretctl_.access.play_request.stream_id(), std::string(16, '\x12'));
  }
  const Result unknown =
      turretctl_.Run({"play", "3fabab", "--reason", "x", "--raw", "9", "-o", folder_ / "y"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("label 14-1"));
  EXPECT_EQ(turretctl_.Run({"play", "3fabab", "--reason", "x", "--raw", "14-2", "--format", "wav"}).exit_code,
            2);
}

TEST_F(CliTest, AReasonIsRequired) {
  const Result result = turretctl_.Run({"play", "3fabab"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--reason is required"));
}

TEST_F(CliTest, ProgressIsShownOnATerminalOnly) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"12345", "67890"});
  turretctl_.access.play[0].mutable_header()->set_total_bytes(10);
  const std::vector<std::string> play{"play", "3fabab", "--reason", "x", "--force", "-o", folder_ / "a.wav"};
  EXPECT_THAT(turretctl_.Run(play).err, Not(HasSubstr("%")));
  turretctl_.terminal = true;
  EXPECT_THAT(turretctl_.Run(play).err, HasSubstr("\rplay:  50 % of 10 B"));
}

TEST_F(CliTest, APathThatCannotBeIsAnErrorLikeAnyOther) {
  turretctl_.access.play = PlayOf(turretctl_.access.calls[0], {"new"});
  turretctl_.access.head.set_checkpoint("turret-recorder/aa\n10\nAQ==\n\n— x y\n");
  turretctl_.environment["HOME"] = folder_ / std::string(300, 'h');
  const std::string path = folder_ / std::string(300, 'x');
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"play", "3fabab", "--reason", "x", "-o", path},
        {"export", "3fabab", "--reason", "x", "-o", path},
        {"ledger", "head", "--save", path}}) {
    const Result result = turretctl_.Run(command);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("File name too long"));
  }
}

TEST_F(CliTest, FirstDigitsAreNotTakenWhereNotAllCallsCouldBeCompared) {
  turretctl_.access.calls.resize(100'000);
  const Result result = turretctl_.Run({"calls", "--id", "3fabab"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("write all 32 digits"));
}

TEST_F(CliTest, CoverageAddsUpAndAsksForADay) {
  const Result result = turretctl_.Run({"coverage", "LDN-EQ-014/1", "today"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(turretctl_.access.coverage_request.day(), "2026-11-24");
  EXPECT_THAT(result.out, HasSubstr("enrolled  10:00:00.000             = the sum"));
  turretctl_.access.coverage.mutable_totals()->set_idle_ns(0);
  EXPECT_EQ(turretctl_.Run({"coverage", "LDN-EQ-014/1", "today"}).exit_code, 6);
  const auto json = nlohmann::json::parse(turretctl_.Run({"coverage", "x", "2026-11-24", "--json"}).out);
  EXPECT_DOUBLE_EQ(json["totals"]["gap_seconds_by_cause"]["packet_loss"], 0.04);
}

TEST_F(CliTest, ATreeHeadIsKeptAndNeverReplacedByAnEarlierOne) {
  v1::TreeHead& head = turretctl_.access.head;
  head.set_size(10);
  head.set_root(std::string(32, '\x01'));
  head.set_checkpoint("turret-recorder/aa\n10\nAQ==\n\n— x y\n");
  const std::string file = folder_ / "head.txt";
  EXPECT_EQ(turretctl_.Run({"ledger", "head", "--save", file}).exit_code, 0);
  EXPECT_EQ(ReadFile(file), head.checkpoint());

  head.set_checkpoint("turret-recorder/aa\n9\nAQ==\n\n— x y\n");
  const Result cut = turretctl_.Run({"ledger", "head", "--save", file});
  EXPECT_EQ(cut.exit_code, 6);
  EXPECT_THAT(cut.err, HasSubstr("holds a head of 10 entries, the coordinator now has 9"));
  head.set_checkpoint("turret-recorder/bb\n90\nAQ==\n\n— x y\n");
  EXPECT_EQ(turretctl_.Run({"ledger", "head", "--save", file}).exit_code, 6);
  EXPECT_THAT(ReadFile(file), HasSubstr("\n10\n"));

  head.set_checkpoint("turret-recorder/aa\n10\nAg==\n\n— x y\n");
  const Result rewritten = turretctl_.Run({"ledger", "head", "--save", file});
  EXPECT_EQ(rewritten.exit_code, 6);
  EXPECT_THAT(rewritten.err, HasSubstr("its past was rewritten"));
  EXPECT_THAT(ReadFile(file), HasSubstr("\nAQ==\n"));

  head.set_checkpoint("turret-recorder/aa\n11\nAQ==\n\n— x y\n");
  EXPECT_EQ(turretctl_.Run({"ledger", "head", "--save", file}).exit_code, 0);
  EXPECT_THAT(ReadFile(file), HasSubstr("\n11\n"));
  EXPECT_THAT(turretctl_.Run({"ledger", "head"}).out, StartsWith("Entries  10\nRoot     0101"));
}

TEST_F(CliTest, LinesAndIndexCheck) {
  v1::Line line;
  line.set_name("LDN-EQ-014/1");
  line.set_trader("Ada");
  line.set_policy(v1::POLICY_OPUS);
  turretctl_.access.lines = {line};
  EXPECT_THAT(turretctl_.Run({"lines"}).out, HasSubstr("LDN-EQ-014/1  Ada     "));
  turretctl_.access.index.set_entries(5);
  turretctl_.access.index.set_rows(9);
  EXPECT_EQ(turretctl_.Run({"index", "check"}).exit_code, 0);
  turretctl_.access.index.add_differences("calls 3f: value");
  const Result result = turretctl_.Run({"index", "check"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.out, HasSubstr("calls 3f: value"));
}

TEST_F(CliTest, ErrorsSayWhatToDoNext) {
  const std::vector<std::string> head{"ledger", "head"};
  turretctl_.access.status = {grpc::StatusCode::PERMISSION_DENIED, "role it may not Play"};
  Result result = turretctl_.Run(head);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("cert.pem; its OU is your role"));
  turretctl_.access.status = {grpc::StatusCode::UNAVAILABLE, "Connection refused"};
  result = turretctl_.Run(head);
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("no connection to the coordinator at c:1"));
  EXPECT_THAT(result.err, HasSubstr("Is turret-coordinator running there"));
  turretctl_.access.status = {grpc::StatusCode::UNAVAILABLE, "Ssl handshake failed"};
  EXPECT_THAT(turretctl_.Run(head).err, HasSubstr("made by the authority in --ca"));

  turretctl_.environment.erase("TURRET_KEY");
  result = turretctl_.Run(head);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("give --key, set TURRET_KEY, or write \"key: …\""));
}

TEST_F(CliTest, TheConfigFileCompletesWhatIsNotGiven) {
  turretctl_.environment = {{"HOME", folder_.path()}, {"TURRET_CERT", "/env/cert.pem"}};
  std::filesystem::create_directories(folder_ / ".config");
  std::ofstream(folder_ / ".config/turretctl.yaml")
      << "coordinator: file:1\nca: ca.pem\ncert: file.pem\nkey: /k.pem\n";
  turretctl_.access.status = {grpc::StatusCode::PERMISSION_DENIED, "no"};
  EXPECT_THAT(turretctl_.Run({"lines"}).err, HasSubstr("/env/cert.pem"));
  turretctl_.access.status = {grpc::StatusCode::UNAVAILABLE, "no"};
  EXPECT_THAT(turretctl_.Run({"lines"}).err, HasSubstr("at file:1"));
  EXPECT_THAT(turretctl_.Run({"lines", "--coordinator", "flag:1"}).err, HasSubstr("at flag:1"));
  EXPECT_EQ(turretctl_.Run({"lines", "--config", folder_ / "none.yaml"}).exit_code, 3);
  std::ofstream(folder_ / "odd.yaml") << "coordinator: x:1\nsecret: 1\n";
  const Result odd = turretctl_.Run({"lines", "--config", folder_ / "odd.yaml"});
  EXPECT_EQ(odd.exit_code, 2);
  EXPECT_THAT(odd.err, HasSubstr("odd.yaml:2"));
}

TEST_F(CliTest, HelpIsEnoughForANewcomer) {
  const Result help = turretctl_.Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* text : {"calls", "play", "coverage", "export", "ledger", "lines", "index",
                           "First steps:", "Exit codes:", "TURRET_COORDINATOR", "--json", "-2h"})
    EXPECT_THAT(help.out, HasSubstr(text));
  EXPECT_THAT(turretctl_.Run({"play", "--help"}).out, HasSubstr("aplay"));
  const Result nothing = turretctl_.Run({});
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_EQ(turretctl_.Run({"destroy"}).exit_code, 2);
}

TEST_F(CliTest, CompletionIsAScriptThatBashTakes) {
  turretctl_.environment.clear();
  const Result result = turretctl_.Run({"completion", "bash"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string script = folder_ / "completion.bash";
  std::ofstream(script)
      << result.out
      << "\nCOMP_WORDS=(turretctl ledger head --s); COMP_CWORD=3; _turretctl; echo \"${COMPREPLY[*]}\" > "
      << folder_ / "reply"
      << "\nCOMP_WORDS=(turretctl co); COMP_CWORD=1; _turretctl; echo \"${COMPREPLY[*]}\" >> "
      << folder_ / "reply"
      << "\n";
  ASSERT_EQ(std::system(("bash " + script).c_str()), 0);
  EXPECT_EQ(ReadFile(folder_ / "reply"), "--save\ncoverage completion\n");
}

}  // namespace
}  // namespace turret::turretctl
