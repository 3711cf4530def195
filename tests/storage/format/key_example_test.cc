// FORMAT.md's examples of root file, key file, key book and unit key: read from the page, opened, made again.
#include "storage/key/intake.h"
#include "storage/key/key_book.h"
#include "storage/key/root.h"
#include "tests/storage/format/example.h"

namespace turret {
namespace {

using test::ExpectOnPage;
using test::KeyOnPage;
using test::OnPage;

constexpr std::string_view kPassphrase = "correct horse battery staple";
constexpr ScryptCost kCost{.n = 16, .r = 8, .p = 1};

class KeyExample : public test::Example {
 protected:
  // The archive of the page's bytes.
  void WritePage() {
    ASSERT_TRUE(environment_.CreateDirectories(folder_ / "keys/month").ok());
    ASSERT_TRUE(environment_.CreateDirectories(folder_ / "books/mifid").ok());
    test::Overwrite(folder_ / "root", OnPage("root-file"));
    test::Overwrite(folder_ / "keys/month/mifid-2026-11.key", OnPage("month-key-file"));
    test::Overwrite(folder_ / "books/mifid/2026-11-02.book", OnPage("key-book"));
  }
  KeyId key_id_{unit_.random};
};

TEST_F(KeyExample, FromThePassphraseToAUnitKey) {
  WritePage();
  const auto root = OpenRootFile(environment_, folder_ / "root", kPassphrase, random_);
  ASSERT_TRUE(root.ok()) << root.status();
  const auto tree = KeyTree::Open(environment_, folder_ / "keys", **root, random_).value();
  EXPECT_EQ(ToHex(tree->Month("mifid", "2026-11", false).value().key.bytes()), ToHex(OnPage("month-key")));
  const auto books = KeyBooks::Open(environment_, folder_ / "books", ledger_, *tree, random_);
  ASSERT_TRUE(books.ok()) << books.status();
  const auto key = (*books)->Find(key_id_);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(ToHex(key->bytes()), ToHex(OnPage("unit-key")));
  ExpectOnPage("key-book-root", AsBytes((*books)->StatesOnOpen().at(0).root()));
}

TEST_F(KeyExample, RootFileMonthKeyFileAndBookAreMadeAgain) {
  ASSERT_TRUE(CreateRootFile(environment_, folder_ / "root", kPassphrase, random_, kCost).ok());
  ExpectOnPage("root-file", environment_.ReadAll(folder_ / "root").value());
  const auto root = OpenRootFile(environment_, folder_ / "root", kPassphrase, random_).value();

  random_.StartAgain();
  const auto tree = KeyTree::Open(environment_, folder_ / "keys", *root, random_).value();
  const SecretKey month_key = std::move(tree->Month("mifid", "2026-11", true).value().key);
  ExpectOnPage("month-key", month_key.bytes());
  ExpectOnPage("month-key-file", environment_.ReadAll(folder_ / "keys/month/mifid-2026-11.key").value());

  random_.StartAgain();
  const auto books = KeyBooks::Open(environment_, folder_ / "books", ledger_, *tree, random_).value();
  ASSERT_TRUE(
      books->Add({class_, day_}, key_id_, call_, v1::WrappedKey::UNIT, KeyOnPage("unit-key"), node_).ok());
  ASSERT_TRUE(books->Commit().ok());
  ExpectOnPage("key-book", environment_.ReadAll(folder_ / "books/mifid/2026-11-02.book").value());
}

TEST_F(KeyExample, UnitKeyOnItsWay) {
  const SecretKey intake_private = KeyOnPage("intake-private-key");
  const UnitNames names{unit_, call_, class_, day_};
  v1::IntakeKey intake;
  intake.set_key_id(ToString(OnPage("intake-key-id")));
  intake.set_public_key(ToString(OnPage("intake-public-key")));
  ExpectOnPage("intake-public-key", X25519PublicOf(intake_private));

  const v1::UnitOpened made = SealUnitKey(names, KeyOnPage("unit-key"), intake, random_).value();
  ExpectOnPage("encapsulated-key", AsBytes(made.encapsulated_key()));
  ExpectOnPage("sealed-unit-key", AsBytes(made.sealed_key()));

  v1::UnitOpened shown;
  shown.set_unit_id(unit_.ToProto());
  shown.set_call_id(call_.ToProto());
  shown.set_storage_class(class_);
  shown.set_day(day_);
  shown.set_encapsulated_key(ToString(OnPage("encapsulated-key")));
  shown.set_sealed_key(ToString(OnPage("sealed-unit-key")));
  const auto opened = OpenUnitKey(shown, intake_private);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(ToHex(opened->bytes()), ToHex(OnPage("unit-key")));
}

}  // namespace
}  // namespace turret
