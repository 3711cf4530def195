// Which book a call's key goes to, whatever a node calls the call's class and day (C09).
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/coordinator/ingest/archive_fixture.h"

namespace turret::coordinator {
namespace {

using test::FakeCall;
using test::FakeNode;

class CallKeysTest : public test::ArchiveFixture {
 protected:
  void SetUp() override { OpenOrDie(); }
};

TEST_F(CallKeysTest, ACallOfAClassOrDayThatIsNoneIsKept) {
  FakeNode node = MakeNode();
  for (const auto& [storage_class, day] :
       {std::pair{"-mifid", ""}, std::pair{"access", ""}, std::pair{"none", ""}, std::pair{"../mifid", ""},
        std::pair{"", ""}, std::pair{"mifid", "today"}, std::pair{"mifid", "2026-02-30"}}) {
    SCOPED_TRACE(std::string(storage_class) + " " + day);
    const FakeCall call = node.NewCall();
    v1::ReplicateRequest started = node.Started(call);
    started.mutable_fact()->mutable_call_started()->set_storage_class(storage_class);
    if (*day != '\0') started.mutable_fact()->mutable_call_started()->set_day(day);
    StoreAll(node, {started});
    EXPECT_TRUE(archive_->index().Call(call.call).ok());
  }
  EXPECT_TRUE(archive_->health().ok());
}

}  // namespace
}  // namespace turret::coordinator
