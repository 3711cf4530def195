#include "node/session/rs_metadata.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::node {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kRfc7865 = R"(<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns='urn:ietf:params:xml:ns:recording:1'>
  <datamode>complete</datamode>
  <group group_id="7+OTCyoxTmqmqyA/1weDAg=="><associate-time>2010-12-16T23:41:07Z</associate-time></group>
  <session session_id="hVpd7YQgRW2nD22h7q60JQ=="><sipSessionID>ab30317f1a784dc48ff824d0d3715d86</sipSessionID>
    <group-ref>7+OTCyoxTmqmqyA/1weDAg==</group-ref></session>
  <participant participant_id="srfBElmCRp2QB23b7Mpk0w==">
    <nameID aor="sip:bob@biloxi.com"><name xml:lang="it">Bob B</name></nameID></participant>
  <participant participant_id="zSfPoSvdSDCmU3A3TRDxAw==">
    <nameID aor="sip:Paul@biloxi.com"><name>Paul &amp; Co</name></nameID></participant>
  <stream stream_id="UAAMm5GRQKSCMVvLyl4rFw==" session_id="hVpd7YQgRW2nD22h7q60JQ=="><label>96</label></stream>
  <stream stream_id="i1Pz3to5hGk8fuXl+PbwCw==" session_id="hVpd7YQgRW2nD22h7q60JQ=="><label>97</label></stream>
  <participantstreamassoc participant_id="srfBElmCRp2QB23b7Mpk0w==">
    <send>i1Pz3to5hGk8fuXl+PbwCw==</send><recv>UAAMm5GRQKSCMVvLyl4rFw==</recv></participantstreamassoc>
  <participantstreamassoc participant_id="zSfPoSvdSDCmU3A3TRDxAw==">
    <send>UAAMm5GRQKSCMVvLyl4rFw==</send></participantstreamassoc>
</recording>)";

TEST(RsMetadata, ReadsTheExampleOfTheRfc) {
  const RsMetadata read = ParseRsMetadata(kRfc7865);
  EXPECT_THAT(read.flags, IsEmpty());
  EXPECT_FALSE(read.partial);
  ASSERT_EQ(read.parties.size(), 2u);
  EXPECT_EQ(read.parties[0].name(), "Bob B");
  EXPECT_EQ(read.parties[0].aor(), "sip:bob@biloxi.com");
  EXPECT_EQ(read.parties[1].name(), "Paul & Co");
  EXPECT_EQ(read.communication_session_id, "7+OTCyoxTmqmqyA/1weDAg==");
  EXPECT_THAT(read.SendersOf("97"), ElementsAre("srfBElmCRp2QB23b7Mpk0w=="));
  EXPECT_THAT(read.SendersOf("96"), ElementsAre("zSfPoSvdSDCmU3A3TRDxAw=="));
  EXPECT_THAT(read.SendersOf("95"), IsEmpty());
  EXPECT_THAT(read.SendersOf(""), IsEmpty());
}

TEST(RsMetadata, ReadsADraftWithAPrefixAndItsOwnNames) {
  const RsMetadata read = ParseRsMetadata(
      R"(<rs:recording xmlns:rs="urn:ietf:params:xml:ns:recording"><rs:dataMode>partial</rs:dataMode>
      <rs:session id="s1"/><rs:participant id="p1" session="s1"><rs:aor>sip:ada@bank.example</rs:aor><rs:name>Ada</rs:name>
      <rs:send>t1</rs:send></rs:participant><rs:stream id="t1" session="s1"><rs:label>1</rs:label></rs:stream></rs:recording>)");
  EXPECT_THAT(read.flags, IsEmpty());
  EXPECT_TRUE(read.partial);
  ASSERT_EQ(read.parties.size(), 1u);
  EXPECT_EQ(read.parties[0].aor(), "sip:ada@bank.example");
  EXPECT_EQ(read.communication_session_id, "s1");
  EXPECT_THAT(read.SendersOf("1"), ElementsAre("p1"));
}

TEST(RsMetadata, BrokenXmlGivesWhatStandsBeforeTheBreakAndAFlag) {
  const RsMetadata read = ParseRsMetadata(kRfc7865.substr(0, kRfc7865.find("<stream")));
  EXPECT_THAT(read.flags, ElementsAre(v1::CALL_FLAG_BROKEN_METADATA));
  EXPECT_EQ(read.parties.size(), 2u);
}

TEST(RsMetadata, NestedWithoutEndIsFlaggedUnparsed) {
  std::string xml;
  for (int depth = 0; depth < 20'000; ++depth) xml += "<recording>";
  EXPECT_THAT(ParseRsMetadata(xml).flags, ElementsAre(v1::CALL_FLAG_BROKEN_METADATA));
}

TEST(RsMetadata, ManyTagsWithOpenQuotesTakeNoQuadraticTime) {
  std::string xml;
  while (xml.size() < kMetadataBytesMax - 8) xml += "<a b='";
  EXPECT_THAT(ParseRsMetadata(xml).flags, Contains(v1::CALL_FLAG_BROKEN_METADATA));
}

TEST(RsMetadata, OversizedIsFlaggedUnparsed) {
  const std::string xml = "<recording>" + std::string(kMetadataBytesMax, ' ') + "</recording>";
  EXPECT_THAT(ParseRsMetadata(xml).flags, ElementsAre(v1::CALL_FLAG_OVERSIZED_METADATA));
}

TEST(RsMetadata, ExternalEntitiesAreNeitherLoadedNorExpanded) {
  const RsMetadata read = ParseRsMetadata(
      R"(<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "yyyy">]>
      <recording><participant participant_id="p"><nameID aor="sip:a@b"><name>&x;&y;</name></nameID></participant></recording>)");
  EXPECT_THAT(read.flags, ElementsAre(v1::CALL_FLAG_BROKEN_METADATA));
  ASSERT_EQ(read.parties.size(), 1u);
  EXPECT_EQ(read.parties[0].name(), "&x;&y;");
}

TEST(RsMetadata, NamesAreCleanAndBounded) {
  const RsMetadata read = ParseRsMetadata("<recording><participant id=\"p\"><name>\xFF" +
                                          std::string(5000, 'n') + "</name></participant></recording>");
  ASSERT_EQ(read.parties.size(), 1u);
  EXPECT_LE(read.parties[0].name().size(), 256u);
  EXPECT_EQ(read.parties[0].name().substr(0, 3), "\xEF\xBF\xBD");
}

TEST(RsMetadata, APartialDocumentAddsToWhatIsKnown) {
  RsMetadata known = ParseRsMetadata(kRfc7865);
  known.Merge(ParseRsMetadata(
      R"(<recording><datamode>partial</datamode><participant participant_id="srfBElmCRp2QB23b7Mpk0w==">
      <nameID aor="sip:bob@new.example"/></participant><participant participant_id="third"/></recording>)"));
  ASSERT_EQ(known.parties.size(), 3u);
  EXPECT_EQ(known.parties[0].aor(), "sip:bob@new.example");
  EXPECT_EQ(known.parties[0].name(), "Bob B");
  EXPECT_THAT(known.SendersOf("97"), ElementsAre("srfBElmCRp2QB23b7Mpk0w=="));
}

TEST(RsMetadata, IsToldByItsTypeOrByALookIntoXml) {
  EXPECT_TRUE(IsRsMetadata({"application/rs-metadata+xml", ""}));
  EXPECT_TRUE(IsRsMetadata({"application/rs-metadata", ""}));
  EXPECT_TRUE(IsRsMetadata({"application/xml", "<recording/>"}));
  EXPECT_FALSE(IsRsMetadata({"application/rs-metadata-request", ""}));
  EXPECT_FALSE(IsRsMetadata({"application/sdp", "recording"}));
}

}  // namespace
}  // namespace turret::node
