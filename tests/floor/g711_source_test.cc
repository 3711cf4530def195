#include "tests/floor/g711_source.h"

#include <cmath>
#include <cstdlib>

#include "gtest/gtest.h"

namespace turret::floor {
namespace {

TEST(G711Source, EveryCodeDecodesToASampleThatEncodesToItAgain) {
  for (Law law : {Law::kALaw, Law::kMuLaw}) {
    for (int code = 0; code < 256; ++code) {
      const auto byte = static_cast<uint8_t>(code);
      if (law == Law::kMuLaw && byte == 0x7F) continue;  // Negative zero: encodes as positive zero.
      EXPECT_EQ(EncodeG711(law, DecodeG711(law, byte)), byte) << "law " << static_cast<int>(law);
    }
  }
}

TEST(G711Source, KnownCodesOfTheStandard) {
  EXPECT_EQ(EncodeG711(Law::kMuLaw, 0), 0xFF);
  EXPECT_EQ(EncodeG711(Law::kALaw, 0), 0xD5);
  EXPECT_EQ(DecodeG711(Law::kMuLaw, 0x00), -32124);
  EXPECT_EQ(DecodeG711(Law::kALaw, 0xAA), 32256);
}

TEST(G711Source, ErrorIsBelowAThirtiethOfTheSample) {
  for (Law law : {Law::kALaw, Law::kMuLaw})
    for (int sample = -32000; sample <= 32000; sample += 37) {
      const int error = std::abs(DecodeG711(law, EncodeG711(law, static_cast<int16_t>(sample))) - sample);
      EXPECT_LE(error, std::abs(sample) / 30 + 16) << sample;
    }
}

}  // namespace
}  // namespace turret::floor
