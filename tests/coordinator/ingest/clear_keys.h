// A small archive, the keys that it works with, and the search for them in every file of it.
#pragma once

#include "storage/key/key_book.h"
#include "storage/segment/segment.h"
#include "tests/coordinator/ingest/archive_fixture.h"
#include "tests/support/clear_text.h"

namespace turret::test {

class ClearKeysTest : public ArchiveFixture {
 protected:
  // One call, stored and closed.
  void SetUp() override {
    OpenOrDie();
    const v1::Welcome welcome = *archive_->MakeWelcome();
    FakeNode node(random_, welcome);
    FakeCall call = node.NewCall();
    const v1::ReplicateRequest segment = node.Segment(call);
    StoreAll(node, {node.Unit(call), node.Started(call), node.StreamOpened(call), segment, node.Ended(call)});
    ASSERT_TRUE(archive_->Close().ok());
    TakeKeys(call, welcome.intake_keys(0).key_id());
    const auto header = ReadSegmentHeader(AsBytes(segment.segment().sealed()));
    HkdfSha256(call.unit_key.bytes(), header->salt, "turret segment v1", segment_key_.mutable_bytes());
  }

  std::vector<std::string> FilesWith(const SecretKey& key) const {
    return FindUnder(folder_ / "archive", AsText(key.bytes()));
  }

  // Wrapped in books.
  SecretKey unit_key_, call_key_, body_key_;
  // Sealed by the root.
  SecretKey month_key_, intake_key_, signing_key_;
  // Derived, stored nowhere.
  SecretKey segment_key_;

 private:
  void TakeKeys(const FakeCall& call, std::string_view intake_key_id) {
    KeyTree& tree = archive_->key_tree();
    const std::string day = UtcDay(clock_.Utc());
    const auto books =
        KeyBooks::Open(posix_, folder_ / "archive/books", archive_->ledger().id(), tree, random_).value();
    unit_key_ = call.unit_key.Clone();
    call_key_ = books->Find(KeyId{call.call.random}).value();
    body_key_ = books->BookBodyKey({.book_class = "coverage", .day = day}).value().key;
    month_key_ = tree.Month("mifid", day.substr(0, 7), /*create=*/false).value().key;
    intake_key_ = tree.IntakePrivate(intake_key_id).value();
    signing_key_ = tree.Secret("ledger-signing").value();
  }
};

}  // namespace turret::test
