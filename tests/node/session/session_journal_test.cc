// The session journal on a disk that fails, loses what was not synced, and tears what it writes.
#include "node/session/session_journal.h"

#include <filesystem>
#include <map>
#include <set>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

using Operation = turret::test::FaultyEnvironment::Operation;
using Content = std::map<std::string, uint32_t>;  // Call id → remote CSeq.

class SessionJournalTest : public testing::Test {
 protected:
  std::unique_ptr<SessionJournal> Open() {
    auto opened = SessionJournal::Open(environment_, directory(), key_.Clone(), random_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static v1::JournaledDialog Dialog(CallId call, uint32_t cseq, size_t sdp_bytes = 0) {
    v1::JournaledDialog dialog;
    dialog.set_call_id(call.ToProto());
    dialog.set_sip_id("\xFF not UTF-8");
    dialog.set_remote_cseq(cseq);
    dialog.mutable_session()->set_last_sdp(std::string(sdp_bytes, 's'));
    return dialog;
  }
  static Content ContentOf(const SessionJournal& journal) {
    Content content;
    for (const v1::JournaledDialog& dialog : journal.Dialogs())
      content[dialog.call_id()] = dialog.remote_cseq();
    return content;
  }
  std::vector<std::string> Files() { return base_.List(directory()).value(); }
  std::string directory() const { return folder_ / "sessions"; }
  CallId NewCall() { return CallId::Make(random_); }
  uint64_t Draw(uint64_t below) { return turret::test::Below(random_, below); }

  turret::test::SeededRandom random_{turret::test::Seed(11)};
  turret::test::TemporaryFolder folder_;
  PosixEnvironment base_;
  turret::test::FaultyEnvironment environment_{base_};
  SecretKey key_ = SecretKey::Make(random_);
};

TEST_F(SessionJournalTest, WhatWasCommittedIsFoundByTheNextProcess) {
  const CallId first = NewCall();
  const CallId second = NewCall();
  {
    const auto journal = Open();
    journal->Put(Dialog(first, 1));
    journal->Put(Dialog(second, 1));
    EXPECT_TRUE(journal->dirty());
    ASSERT_TRUE(journal->Commit().ok());
    EXPECT_FALSE(journal->dirty());
    journal->Put(Dialog(first, 2));
    ASSERT_TRUE(journal->Commit().ok());
  }
  const auto journal = Open();
  EXPECT_EQ(ContentOf(*journal), (Content{{first.ToProto(), 2}, {second.ToProto(), 1}}));
  EXPECT_EQ(journal->Dialogs().at(0).sip_id(), "\xFF not UTF-8");
  journal->Forget(second);
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(ContentOf(*Open()), (Content{{first.ToProto(), 2}}));
  EXPECT_THAT(Files(), testing::SizeIs(1));
}

TEST_F(SessionJournalTest, TheSettledPositionOutlivesTheFileItWasWrittenTo) {
  EXPECT_EQ(Open()->settled(), std::nullopt);
  {
    const auto journal = Open();
    journal->Settle(7);
    journal->Settle(9);
    EXPECT_TRUE(journal->dirty());
    ASSERT_TRUE(journal->Commit().ok());
    journal->Settle(9);
    EXPECT_FALSE(journal->dirty());
    journal->Settle(11);  // Never committed.
  }
  EXPECT_EQ(Open()->settled(), 9u);
  EXPECT_EQ(Open()->settled(), 9u);
}

// CAPTURE.md: a freed port rests for 60 s, whoever freed it.
TEST_F(SessionJournalTest, APortThatWasFreedIsRememberedFor60Seconds) {
  const auto put = [&](SessionJournal& journal, const CallId& call, uint32_t port, bool over) {
    v1::JournaledDialog dialog = Dialog(call, 1);
    dialog.mutable_session()->add_streams()->set_port(port);
    dialog.set_over(over);
    journal.Put(std::move(dialog));
  };
  const std::array calls{NewCall(), NewCall(), NewCall()};
  const int64_t second = 1'000'000'000;
  {
    const auto journal = Open();
    put(*journal, calls[0], 20'000, false);
    put(*journal, calls[1], 20'002, false);
    put(*journal, calls[2], 20'004, true);
    journal->Forget(calls[0], 100 * second);
    ASSERT_TRUE(journal->Commit().ok());
  }
  for (int restarts = 0; restarts < 2; ++restarts)
    EXPECT_EQ(Open()->Freed(150 * second),
              (std::map<uint16_t, int64_t>{{20'000, 100 * second}, {20'004, 150 * second}}));
  const auto journal = Open();
  journal->Forget(calls[1], 161 * second);
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(Open()->Freed(170 * second),
            (std::map<uint16_t, int64_t>{{20'002, 161 * second}, {20'004, 170 * second}}));
}

TEST_F(SessionJournalTest, NothingOfACallStandsOnTheDiskInClear) {
  const auto journal = Open();
  v1::JournaledDialog dialog = Dialog(NewCall(), 1);
  dialog.set_remote("<sip:ada@bank.example>;tag=1");
  journal->Put(dialog);
  ASSERT_TRUE(journal->Commit().ok());
  const std::string bytes = turret::test::ReadFileOrEmpty(JoinPath(directory(), Files().at(0)));
  EXPECT_THAT(bytes, testing::Not(testing::HasSubstr("ada")));
  EXPECT_THAT(bytes, testing::Not(testing::HasSubstr(dialog.call_id())));
}

TEST_F(SessionJournalTest, ATornTailIsIgnoredAndNeverAppendedTo) {
  const CallId call = NewCall();
  for (const uint64_t cut : {1, 7, 40, 80}) {
    SCOPED_TRACE(cut);
    std::filesystem::remove_all(directory());
    std::string path;
    {
      const auto journal = Open();
      journal->Put(Dialog(call, 1));
      ASSERT_TRUE(journal->Commit().ok());
      path = JoinPath(directory(), Files().at(0));
      journal->Put(Dialog(call, 2));
      ASSERT_TRUE(journal->Commit().ok());
    }
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - cut);
    const auto journal = Open();
    EXPECT_EQ(ContentOf(*journal), (Content{{call.ToProto(), 1}}));
    EXPECT_EQ(journal->files_unopened(), 0u);
    journal->Put(Dialog(call, 3));
    ASSERT_TRUE(journal->Commit().ok());
    EXPECT_EQ(ContentOf(*Open()), (Content{{call.ToProto(), 3}}));
  }
}

TEST_F(SessionJournalTest, AFileOfAnotherKeyIsMovedAsideAndCounted) {
  {
    const auto journal = Open();
    journal->Put(Dialog(NewCall(), 1));
    ASSERT_TRUE(journal->Commit().ok());
  }
  key_ = SecretKey::Make(random_);
  const auto journal = Open();
  EXPECT_EQ(journal->files_unopened(), 1u);
  EXPECT_TRUE(journal->Dialogs().empty());
  EXPECT_THAT(Files(), testing::Contains(testing::EndsWith(".unopened")));
  const CallId call = NewCall();
  journal->Put(Dialog(call, 5));
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(ContentOf(*Open()), (Content{{call.ToProto(), 5}}));
}

TEST_F(SessionJournalTest, AnAlteredSnapshotIsMovedAside) {
  {
    const auto journal = Open();
    journal->Put(Dialog(NewCall(), 1));
    ASSERT_TRUE(journal->Commit().ok());
  }
  const std::string path = JoinPath(directory(), Files().at(0));
  std::string bytes = turret::test::ReadFileOrEmpty(path);
  bytes[0] = 'X';
  turret::test::WriteFileOrDie(path, bytes);
  const auto journal = Open();
  EXPECT_EQ(journal->files_unopened(), 1u);
  EXPECT_TRUE(journal->Dialogs().empty());
}

TEST_F(SessionJournalTest, AFileThatGrowsIsBegunAnewWithWhatRuns) {
  const auto journal = Open();
  const CallId call = NewCall();
  for (uint32_t cseq = 1; cseq <= 100; ++cseq) {
    journal->Put(Dialog(call, cseq, 50'000));
    ASSERT_TRUE(journal->Commit().ok());
    ASSERT_LT(journal->size_bytes(), 1'200'000u);
  }
  EXPECT_THAT(Files(), testing::SizeIs(1));
  EXPECT_EQ(ContentOf(*Open()), (Content{{call.ToProto(), 100}}));
}

TEST_F(SessionJournalTest, ABrokenDiskIsToldAndWhatWaitedIsWrittenWhenItIsMended) {
  const auto journal = Open();
  const CallId first = NewCall();
  journal->Put(Dialog(first, 1));
  ASSERT_TRUE(journal->Commit().ok());
  environment_.Break(Operation::kSync);
  const CallId second = NewCall();
  journal->Put(Dialog(second, 1));
  EXPECT_FALSE(journal->Commit().ok());
  EXPECT_FALSE(journal->Commit().ok());
  EXPECT_EQ(journal->size_bytes(), 0u);
  EXPECT_GE(journal->commits_failed(), 2u);
  environment_.Repair();
  ASSERT_TRUE(journal->Commit().ok());
  environment_.PowerCut(random_);
  EXPECT_EQ(ContentOf(*Open()), (Content{{first.ToProto(), 1}, {second.ToProto(), 1}}));
}

TEST_F(SessionJournalTest, AFailureThatANewFileMakesGoodIsCountedAllTheSame) {
  const auto journal = Open();
  journal->Put(Dialog(NewCall(), 1));
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(journal->commits_failed(), 0u);
  environment_.FailNth(Operation::kSync, 1);
  journal->Put(Dialog(NewCall(), 2));
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(journal->commits_failed(), 1u);
}

// The rule that matters: what a Commit said OK to is there after any failure and any power cut; nothing is
// there that was never put.
TEST_F(SessionJournalTest, NoFailureAndNoPowerCutLosesWhatACommitSaidOkTo) {
  constexpr std::array kOperations = {Operation::kCreate, Operation::kWrite, Operation::kSync,
                                      Operation::kSyncDirectory, Operation::kRemove};
  std::vector<CallId> calls;
  for (int i = 0; i < 6; ++i) calls.push_back(NewCall());
  Content durable;
  Content now;
  std::set<std::string> forgotten;  // Since then: the disk may know it already.
  auto journal = Open();
  for (int step = 0; step < 3000; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    const CallId call = calls[Draw(calls.size())];
    const uint64_t action = Draw(100);
    if (action < 60) {
      now[call.ToProto()] = static_cast<uint32_t>(step);
      journal->Put(Dialog(call, static_cast<uint32_t>(step), Draw(30'000)));
    } else if (action < 70) {
      now.erase(call.ToProto());
      forgotten.insert(call.ToProto());
      journal->Forget(call);
    } else if (action < 78) {
      environment_.FailNth(kOperations[Draw(kOperations.size())], 1 + Draw(4));
    }
    if (Draw(2) == 0) {
      if (!journal->Commit().ok()) continue;
      durable = now;
      forgotten.clear();
      continue;
    }
    if (Draw(20) != 0) continue;
    environment_.Repair();
    journal.reset();
    environment_.PowerCut(random_);
    journal = Open();
    const Content found = ContentOf(*journal);
    for (const auto& [id, cseq] : durable) {
      if (forgotten.contains(id)) continue;
      ASSERT_TRUE(found.contains(id));
      EXPECT_GE(found.at(id), cseq);
    }
    for (const auto& [id, cseq] : found) EXPECT_LE(cseq, static_cast<uint32_t>(step));
    EXPECT_EQ(journal->files_unopened(), 0u);
    durable = now = found;
    forgotten.clear();
  }
}

}  // namespace
}  // namespace turret::node
