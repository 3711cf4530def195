#include "node/session/sdp.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::node {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOffer =
    "v=0\r\no=SRC 2890844526 2890844526 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
    "m=audio 12240 RTP/AVP 0 4 8\r\na=sendonly\r\na=label:1\r\na=ptime:30\r\n"
    "m=video 22456 RTP/AVP 98\r\na=rtpmap:98 H264/90000\r\na=sendonly\r\na=label:2\r\n"
    "m=audio 12242 RTP/AVP 96 8\r\na=rtpmap:96 opus/48000/2\r\na=inactive\r\na=label:3\r\n"
    "m=audio 12244 RTP/AVP 101 97\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:97 iLBC/8000\r\n";

SdpOffer Parse(std::string_view text) {
  absl::StatusOr<SdpOffer> offer = ParseSdp(text);
  EXPECT_TRUE(offer.ok()) << offer.status();
  return offer.ok() ? *std::move(offer) : SdpOffer{};
}

TEST(Sdp, ReadsTheMediaLinesOfASiprecOffer) {
  const SdpOffer offer = Parse(kOffer);
  ASSERT_EQ(offer.media.size(), 4u);
  EXPECT_FALSE(offer.odd);
  EXPECT_TRUE(offer.media[0].recordable());
  EXPECT_FALSE(offer.media[0].paused());
  EXPECT_EQ(offer.media[0].label, "1");
  EXPECT_EQ(offer.media[0].ptime_ms, 30u);
  EXPECT_EQ(offer.media[0].chosen().name, "PCMU");
  EXPECT_FALSE(offer.media[1].recordable());
  EXPECT_EQ(offer.media[2].chosen().name, "PCMA");
  EXPECT_TRUE(offer.media[2].paused());
  EXPECT_EQ(offer.media[3].chosen().name, "iLBC");
  EXPECT_FALSE(IsKnownCodec(offer.media[3].chosen()));
}

TEST(Sdp, AnswersEachOfferedLineInItsOrder) {
  const std::string answer =
      FormatAnswer({1, 2, "192.0.2.7"}, Parse(kOffer), {20000, std::nullopt, 20002, 20004});
  EXPECT_EQ(answer,
            "v=0\r\no=turret 1 2 IN IP4 192.0.2.7\r\ns=turret recorder\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
            "m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:30\r\na=label:1\r\na=recvonly\r\n"
            "m=video 0 RTP/AVP 98\r\na=label:2\r\n"
            "m=audio 20002 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=label:3\r\na=inactive\r\n"
            "m=audio 20004 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\na=recvonly\r\n");
}

TEST(Sdp, TheZeroAddressIsAHold) {
  std::string offer(kOffer);
  offer.replace(offer.find("c=IN IP4 198.51.100.1"), 21, "c=IN IP4 0.0.0.0");
  EXPECT_TRUE(Parse(offer).media[0].paused());
  EXPECT_THAT(FormatAnswer({1, 1, "192.0.2.7"}, Parse(offer), {20000}), HasSubstr("a=inactive"));
}

TEST(Sdp, ASecureLineIsNotTakenForAPlainOne) {
  std::string offer(kOffer);
  offer.replace(offer.find("RTP/AVP"), 7, "RTP/SAVP");
  EXPECT_FALSE(Parse(offer).media[0].recordable());
}

TEST(Sdp, AddressesOfVersionSixAreSaid) {
  EXPECT_THAT(FormatAnswer({1, 1, "2001:db8::7"}, Parse(kOffer), {20000}),
              HasSubstr("c=IN IP6 2001:db8::7\r\n"));
}

TEST(Sdp, BrokenLinesAreReadAroundAndFlagged) {
  const SdpOffer offer = Parse("m=audio 4000 RTP/AVP 8\nx\nq=what is this\na=label:7\na=sendonly\n");
  EXPECT_TRUE(offer.odd);
  ASSERT_EQ(offer.media.size(), 1u);
  EXPECT_EQ(offer.media[0].label, "7");
  EXPECT_EQ(offer.media[0].chosen().name, "PCMA");
}

// The library loops for ever at some of these, and takes memory as it does.
TEST(Sdp, NoCharacterInAMediaLineStopsTheReader) {
  for (const std::string_view line :
       {"m=audio 40000 UDP 8 @", "m=audio 40000 FOO/AVP @", "m=image 1 udptl t38 @",
        "m=audio 40000 RT@/AVP 8", "m=audio 40000 RT @AVP 8", "m=audio 4@0 UDP 8", "m=@ 40000 UDP 8",
        "m=@audio 40000 UDP 8", "@m=audio 40000 UDP 8", "m=audio 40000 UDP@", "m=image 1 udptl@",
        "m=audio 40000@"})
    for (int byte = 0; byte < 256; ++byte) {
      std::string odd(line);
      std::ranges::replace(odd, '@', static_cast<char>(byte));
      const auto offer = ParseSdp(std::string(kOffer) + odd + "\r\n");
      if (byte == '\n' || byte == '\r') continue;  // Another line begins: that it was read at all will do.
      ASSERT_TRUE(offer.ok()) << odd;
      EXPECT_TRUE(offer->media.at(0).recordable()) << odd;
    }
}

TEST(Sdp, AnOfferWithoutAnyMediaLineIsAnError) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(ParseSdp("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseSdp("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseSdp("\xFF\xFE garbage").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseSdp(std::string(kSdpBytesMax + 1, 'm')).status()));
}

}  // namespace
}  // namespace turret::node
