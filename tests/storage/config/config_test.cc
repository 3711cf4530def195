#include "storage/base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/support.h"

namespace turret {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ConfigReader Read(std::string_view yaml) {
  absl::StatusOr<ConfigReader> reader = ConfigReader::Parse(yaml, "x.yaml");
  EXPECT_TRUE(reader.ok()) << reader.status();
  return *std::move(reader);
}

TEST(ConfigReader, ValuesNestedKeysAndFallbacksAreRead) {
  ConfigReader reader = Read("archive: /var/a\ntls:\n  key: k.pem\nport: 7\nfast: true\nevery: 50ms\n");
  EXPECT_EQ(reader.RequiredString("archive"), "/var/a");
  EXPECT_EQ(reader.RequiredString("tls.key"), "k.pem");
  EXPECT_EQ(reader.Integer("port", 1, 0, 9), 7);
  EXPECT_TRUE(reader.Boolean("fast", false));
  EXPECT_EQ(reader.Duration("every", absl::Seconds(1), absl::ZeroDuration(), absl::Hours(1)),
            absl::Milliseconds(50));
  EXPECT_EQ(reader.String("absent", "fallback"), "fallback");
  EXPECT_EQ(reader.Integer("absent_too", 5, 0, 9), 5);
  EXPECT_TRUE(reader.Finish().ok()) << reader.Finish();
}

TEST(ConfigReader, EveryMistakeIsToldWithItsLine) {
  ConfigReader reader = Read("port: 70\nfsat: true\nevery: soon\nfast: yes\nport: 8\nlist: [a]\n");
  (void)reader.RequiredString("archive");
  (void)reader.Integer("port", 1, 0, 9);
  (void)reader.Boolean("fast", false);
  (void)reader.Duration("every", absl::Seconds(1), absl::ZeroDuration(), absl::Hours(1));
  const absl::Status status = reader.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string text(status.message());
  EXPECT_THAT(text, HasSubstr("x.yaml: `archive` is missing"));
  EXPECT_THAT(text, HasSubstr("x.yaml:1: `port` must be a whole number from 0 to 9"));
  EXPECT_THAT(text, HasSubstr("x.yaml:2: unknown key `fsat`"));
  EXPECT_THAT(text, HasSubstr("x.yaml:3: `every` must be a duration"));
  EXPECT_THAT(text, HasSubstr("x.yaml:4: `fast` must be true or false"));
  EXPECT_THAT(text, HasSubstr("x.yaml:5: `port` is given twice"));
  EXPECT_THAT(text, HasSubstr("x.yaml:6: `list` must be one value, not a list"));
}

TEST(ConfigReader, ErrorsNeverShowAValue) {
  ConfigReader reader = Read("port: hunter2\npassword: hunter2\n");
  (void)reader.Integer("port", 1, 0, 9);
  EXPECT_THAT(std::string(reader.Finish().message()), Not(HasSubstr("hunter2")));
}

TEST(ConfigReader, BrokenYamlIsRefusedWithItsLine) {
  const absl::Status status = ConfigReader::Parse("a: 1\nb: [\n", "x.yaml").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("x.yaml:"));
  EXPECT_FALSE(ConfigReader::Parse("- a\n- b\n", "x.yaml").ok());
  EXPECT_FALSE(ConfigReader::Parse(std::string(5000, '['), "x.yaml").ok());
}

TEST(ConfigReader, AliasesThatMultiplyWithoutEndAreBounded) {
  std::string bomb = "a0: &a0 {k: v}\n";
  for (int i = 1; i < 30; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " {x: *a" + std::to_string(i - 1) +
            ", y: *a" + std::to_string(i - 1) + "}\n";
  EXPECT_FALSE(Read(bomb).Finish().ok());
}

TEST(ConfigReader, FilesAreLoadedAndMissingOnesNamed) {
  test::TemporaryFolder folder;
  std::ofstream(folder / "c.yaml") << "a: 1\n";
  absl::StatusOr<ConfigReader> reader = ConfigReader::Load(folder / "c.yaml");
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->Integer("a", 0, 0, 9), 1);
  EXPECT_EQ(ConfigReader::Load(folder / "none.yaml").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace turret
