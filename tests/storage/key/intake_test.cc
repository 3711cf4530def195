#include "storage/key/intake.h"

#include "gtest/gtest.h"
#include "storage/key/hpke.h"
#include "storage/key/names.h"
#include "tests/support/support.h"

namespace turret {
namespace {

class IntakeTest : public testing::Test {
 protected:
  IntakeTest() : pair_(MakeX25519Pair(random_)), unit_key_(SecretKey::Make(random_)) {
    names_ = {UnitId::Make(random_), CallId::Make(random_), "mifid", "2026-11-02"};
    intake_.set_key_id("0123456789abcdef");
    intake_.set_public_key(ToString(pair_.public_key));
  }

  test::SeededRandom random_{7};
  X25519Pair pair_;
  SecretKey unit_key_;
  UnitNames names_;
  v1::IntakeKey intake_;
};

TEST_F(IntakeTest, TheArchiveOpensWhatTheNodeSealed) {
  const auto message = SealUnitKey(names_, unit_key_, intake_, random_);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(message->intake_key_id(), intake_.key_id());
  const auto opened = OpenUnitKey(*message, pair_.private_key);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(ToHex(opened->bytes()), ToHex(unit_key_.bytes()));
  const auto names = UnitNamesOf(*message);
  ASSERT_TRUE(names.ok());
  EXPECT_EQ(names->unit, names_.unit);
  EXPECT_EQ(names->call, names_.call);
}

TEST_F(IntakeTest, AKeyMovedToAnotherUnitCallClassOrDayDoesNotOpen) {
  const v1::UnitOpened good = SealUnitKey(names_, unit_key_, intake_, random_).value();
  const auto refused = [&](auto change) {
    v1::UnitOpened moved = good;
    change(moved);
    return OpenUnitKey(moved, pair_.private_key).status().code() == absl::StatusCode::kDataLoss;
  };
  EXPECT_TRUE(refused([&](auto& m) { m.set_unit_id(UnitId::Make(random_).ToProto()); }));
  EXPECT_TRUE(refused([&](auto& m) { m.set_call_id(CallId::Make(random_).ToProto()); }));
  EXPECT_TRUE(refused([](auto& m) { m.set_storage_class("gdpr"); }));
  EXPECT_TRUE(refused([](auto& m) { m.set_day("2026-11-03"); }));
  EXPECT_TRUE(refused([](auto& m) { m.mutable_sealed_key()->at(3) ^= 1; }));
}

TEST_F(IntakeTest, ANodeKeyOpensForTheNodeAloneThatItWasSealedFor) {
  const NodeId node = NodeId::Make(random_);
  const auto good = SealNodeKey(node, "node-1", unit_key_, intake_, random_);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->intake_key_id(), intake_.key_id());
  const auto opened = OpenNodeKey(*good, pair_.private_key);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(ToHex(opened->bytes()), ToHex(unit_key_.bytes()));
  const auto code = [&](auto change) {
    v1::SealedNodeKey moved = *good;
    change(moved);
    return OpenNodeKey(moved, pair_.private_key).status().code();
  };
  EXPECT_EQ(code([](auto& m) { m.set_common_name("node-2"); }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code([&](auto& m) { m.set_node_id(NodeId::Make(random_).ToProto()); }),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(code([](auto& m) { m.mutable_sealed_key()->at(3) ^= 1; }), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code([](auto& m) { m.set_node_id("short"); }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& m) { m.clear_encapsulated_key(); }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](auto& m) { m.set_common_name(std::string(300, 'n')); }),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(IntakeTest, MalformedMessagesAreInvalidArgument) {
  const v1::UnitOpened good = SealUnitKey(names_, unit_key_, intake_, random_).value();
  const auto code = [&](auto change) {
    v1::UnitOpened bad = good;
    change(bad);
    return OpenUnitKey(bad, pair_.private_key).status().code();
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](auto& m) { m.set_unit_id("short"); }), invalid);
  EXPECT_EQ(code([](auto& m) { m.set_storage_class("../etc"); }), invalid);
  EXPECT_EQ(code([](auto& m) { m.set_storage_class(""); }), invalid);
  EXPECT_EQ(code([](auto& m) { m.set_storage_class("abcdefghijklmnopq"); }), invalid);
  EXPECT_EQ(code([](auto& m) { m.set_day("2026-02-30"); }), invalid);
  EXPECT_EQ(code([](auto& m) { m.set_day("2026-1-02 "); }), invalid);
  EXPECT_EQ(code([](auto& m) { m.set_encapsulated_key("x"); }), invalid);
  intake_.set_public_key("not 32 bytes");
  EXPECT_EQ(SealUnitKey(names_, unit_key_, intake_, random_).status().code(), invalid);
}

}  // namespace
}  // namespace turret
