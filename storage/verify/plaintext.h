// Plaintext of a segment (FORMAT.md, "Plaintext of a segment").
#pragma once

#include <string>

#include "storage/verify/hash.h"

namespace turret::verify {

/// What is wrong with an opened segment, or empty: lengths, tables that do not account for every media byte,
/// the payload's digest where it can be computed. `call_id` is the one that the unit's key belongs to.
std::string PlaintextFault(View plaintext, std::string_view call_id);

}  // namespace turret::verify
