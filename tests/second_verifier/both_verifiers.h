// turret-verify and the second verifier side by side: what they do not agree on is an error in one of them,
// or in storage/FORMAT.md.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace turret::test {

/// The arguments of one run, as both programs take them, without --json.
using VerifyArguments = std::vector<std::string>;

/// What turret-verify said, after the second verifier agreed.
struct Verdict {
  int exit_code = -1;
  nlohmann::json report;  // Of --json; null when there is none (exit code 2).
  std::string Told() const;
};

/// Runs both. Fails the test when exit codes differ or, where nothing is wrong, counts or sizes do. The
/// archive may be written to meanwhile: turret-verify runs before and behind the other, and counts only grow.
Verdict BothVerify(const VerifyArguments& arguments);

/// The same for archives that nobody writes to, with one start of the second verifier for them all.
std::vector<Verdict> BothVerifyAll(const std::vector<VerifyArguments>& runs);

}  // namespace turret::test
