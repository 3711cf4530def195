#include "node/session/multipart.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::node {
namespace {

constexpr std::string_view kBody =
    "preamble\r\n--unique-boundary\r\nContent-Type: application/SDP; charset=utf-8\r\n\r\nv=0\r\n\r\n"
    "--unique-boundary\r\nContent-Disposition: recording-session\r\nc: "
    "application/rs-metadata+xml\r\n\r\n<recording/>"
    "\r\n--unique-boundary--\r\nepilogue";

void ExpectBothParts(const std::vector<BodyPart>& parts) {
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].content_type, "application/sdp");
  EXPECT_EQ(parts[0].body, "v=0\r\n");
  EXPECT_EQ(parts[1].content_type, "application/rs-metadata+xml");
  EXPECT_EQ(parts[1].body, "<recording/>");
}

TEST(SplitBody, KnowsBoundariesQuotedAndUnquoted) {
  for (const char* type :
       {"multipart/mixed;boundary=unique-boundary", "multipart/mixed; boundary=\"unique-boundary\"",
        "Multipart/Mixed ; BOUNDARY = unique-boundary ; x=y"}) {
    bool odd = false;
    ExpectBothParts(SplitBody(type, kBody, odd));
    EXPECT_FALSE(odd) << type;
  }
}

TEST(SplitBody, WhatIsNotMultipartIsOnePart) {
  bool odd = false;
  const std::vector<BodyPart> parts = SplitBody("application/sdp", "v=0", odd);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].content_type, "application/sdp");
  EXPECT_FALSE(odd);
  EXPECT_TRUE(SplitBody("application/sdp", "", odd).empty());
}

TEST(SplitBody, GuessesABoundaryThatTheHeaderLeavesOut) {
  bool odd = false;
  ExpectBothParts(SplitBody("multipart/mixed", kBody.substr(10), odd));
  EXPECT_TRUE(odd);
}

TEST(SplitBody, GivesWhatWasThereWhenTheEndIsMissing) {
  bool odd = false;
  ExpectBothParts(SplitBody("multipart/mixed;boundary=unique-boundary",
                            kBody.substr(0, kBody.find("\r\n--unique-boundary--")), odd));
  EXPECT_TRUE(odd);
}

TEST(SplitBody, TakesBareLineFeeds) {
  bool odd = false;
  const std::vector<BodyPart> parts =
      SplitBody("multipart/mixed;boundary=b", "--b\nContent-Type: text/plain\n\nhello\n--b--\n", odd);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].body, "hello");
  EXPECT_FALSE(odd);
}

TEST(SplitBody, StopsAtSixteenPartsAndLosesNoByte) {
  std::string body;
  for (int part = 0; part < 40; ++part) body += "--b\r\n\r\nx" + std::to_string(part) + "\r\n";
  bool odd = false;
  const std::vector<BodyPart> parts = SplitBody("multipart/mixed;boundary=b", body, odd);
  EXPECT_EQ(parts.size(), kBodyPartsMax + 1);
  EXPECT_NE(parts.back().body.find("x39"), std::string::npos);
  EXPECT_TRUE(odd);
}

}  // namespace
}  // namespace turret::node
