#include "tests/second_verifier/both_verifiers.h"

#include <sstream>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "gtest/gtest.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::test {
namespace {

constexpr int kUsage = 2;
constexpr int kWrong = 1;
// Counts that say how much was checked, and never shrink while an archive is written to.
constexpr const char* kGrowing[] = {"entries", "heads",    "books",           "keys",         "volumes",
                                    "streams", "segments", "segments_opened", "bodies_opened"};

nlohmann::json Parse(const std::string& text) {
  nlohmann::json report = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return report.is_discarded() ? nlohmann::json() : report;
}

Verdict RunFirst(VerifyArguments arguments) {
  arguments.insert(arguments.begin(), TURRET_VERIFY);
  arguments.push_back("--json");
  const CommandResult result = Run(arguments, absl::Minutes(2));
  return {result.exit_code, Parse(result.out)};
}

std::vector<nlohmann::json> RunSecond(const std::vector<VerifyArguments>& runs) {
  const TemporaryFolder folder;
  std::string jobs;
  for (const VerifyArguments& arguments : runs) jobs += nlohmann::json(arguments).dump() + "\n";
  WriteFileOrDie(folder / "jobs", jobs);
  const CommandResult result =
      Run({TURRET_PYTHON, "-B", TURRET_SECOND_VERIFIER, "--jobs", folder / "jobs"}, absl::Minutes(2));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::vector<nlohmann::json> reports;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) reports.push_back(Parse(line));
  reports.resize(runs.size());
  return reports;
}

void ExpectWithin(const Verdict& before, const nlohmann::json& second, const Verdict& after) {
  for (const char* count : kGrowing) {
    EXPECT_LE(before.report["counts"][count], second["counts"][count]) << count;
    EXPECT_GE(after.report["counts"][count], second["counts"][count]) << count;
  }
  EXPECT_LE(before.report["size"], second["size"]);
  EXPECT_GE(after.report["size"], second["size"]);
}

void ExpectAgreement(const VerifyArguments& arguments, const Verdict& before, const nlohmann::json& second,
                     const Verdict& after) {
  SCOPED_TRACE(fmt::format("turret-verify {}", fmt::join(arguments, " ")));
  EXPECT_EQ(before.exit_code, second.value("exit_status", -1))
      << before.Told() << "the second verifier: " << second.dump(2);
  if (before.exit_code == second.value("exit_status", -1) && before.exit_code != kUsage &&
      before.exit_code != kWrong)
    ExpectWithin(before, second, after);
}

}  // namespace

std::string Verdict::Told() const {
  std::string text = fmt::format("turret-verify: exit code {}\n", exit_code);
  if (!report.contains("findings")) return text;
  for (const nlohmann::json& finding : report["findings"])
    text += fmt::format("{}: {}\n", finding.value("place", ""), finding.value("what", ""));
  return text;
}

Verdict BothVerify(const VerifyArguments& arguments) {
  const Verdict before = RunFirst(arguments);
  const nlohmann::json second = RunSecond({arguments}).front();
  ExpectAgreement(arguments, before, second, RunFirst(arguments));
  return before;
}

std::vector<Verdict> BothVerifyAll(const std::vector<VerifyArguments>& runs) {
  const std::vector<nlohmann::json> second = RunSecond(runs);
  std::vector<Verdict> verdicts;
  for (size_t i = 0; i < runs.size(); ++i) {
    const Verdict first = RunFirst(runs[i]);
    ExpectAgreement(runs[i], first, second[i], first);
    verdicts.push_back(first);
  }
  return verdicts;
}

}  // namespace turret::test
