// Key books (FORMAT.md, "Key book").
#pragma once

#include <functional>

#include "storage/verify/container.h"
#include "turret/v1/archive.pb.h"

namespace turret::verify {

/// Checks every book that the ledger names. `visit`, when given, gets each record: full mode unwraps its key.
void CheckBooks(Scope& scope, const std::function<void(const Place&, const v1::BookRecord&)>& visit);

}  // namespace turret::verify
