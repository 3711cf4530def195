// The examples that stand in storage/FORMAT.md, by name.
#pragma once

#include <string>

#include "storage/base/bytes.h"
#include "storage/base/secret.h"

namespace turret::test {

/// The text of the block that begins with "```hex NAME" or "```text NAME". Fails the test when there is none.
std::string TextOnPage(const std::string& name);
/// Bytes of a hex block; white space in it says nothing.
Buffer OnPage(const std::string& name);
SecretKey KeyOnPage(const std::string& name);

/// Compares bytes that a test made with those on the page. With TURRET_FORMAT_OUT=directory it also writes
/// them there as they belong on the page, for whoever changes a format.
void ExpectOnPage(const std::string& name, Bytes made);
void ExpectTextOnPage(const std::string& name, const std::string& made);

}  // namespace turret::test
