// The search finds what is planted: else its silence would prove nothing.
#include "tests/support/clear_text.h"

#include <openssl/evp.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/base/bytes.h"
#include "storage/base/file.h"
#include "tests/support/support.h"

namespace turret::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FindUnderTest : public ::testing::Test {
 protected:
  void Plant(const std::string& text) {
    ASSERT_TRUE(environment_.CreateDirectories(folder_ / "deep").ok());
    ASSERT_TRUE(
        environment_.WriteAtomically(folder_ / "deep/file", AsBytes("before" + text + "behind")).ok());
  }
  std::vector<std::string> Find() { return FindUnder(folder_.path(), AsText(secret_)); }

  PosixEnvironment environment_;
  TemporaryFolder folder_;
  SeededRandom random_{Seed(5)};
  Buffer secret_ = [this] {
    Buffer secret(32);
    random_.Fill(secret);
    return secret;
  }();
};

TEST_F(FindUnderTest, FindsASecretAsItIsAndInHex) {
  Plant("nothing");
  EXPECT_THAT(Find(), IsEmpty());
  Plant(ToString(secret_));
  EXPECT_THAT(Find(), ElementsAre("deep/file: as it is"));
  Plant(ToHex(secret_));
  EXPECT_THAT(Find(), ElementsAre("deep/file: hex"));
}

TEST_F(FindUnderTest, FindsASecretInUtf16OfEitherOrder) {
  std::string little, big;
  for (const uint8_t c : secret_) {
    little += {static_cast<char>(c), '\0'};
    big += {'\0', static_cast<char>(c)};
  }
  Plant(little);
  EXPECT_THAT(Find(), ElementsAre("deep/file: UTF-16"));
  Plant(big);
  EXPECT_THAT(Find(), ElementsAre("deep/file: UTF-16"));
}

TEST_F(FindUnderTest, FindsASecretInsideOfBase64AtAnyAlignment) {
  for (size_t before = 0; before < 6; ++before)
    for (size_t behind = 0; behind < 3; ++behind) {
      Buffer whole(before, 0xA5);
      Append(whole, secret_);
      whole.resize(whole.size() + behind, 0x5A);
      std::string encoded((whole.size() + 2) / 3 * 4 + 1, '\0');
      EVP_EncodeBlock(reinterpret_cast<uint8_t*>(encoded.data()), whole.data(),
                      static_cast<int>(whole.size()));
      Plant(encoded);
      EXPECT_THAT(Find(), ElementsAre("deep/file: base64")) << before << " " << behind;
    }
}

}  // namespace
}  // namespace turret::test
