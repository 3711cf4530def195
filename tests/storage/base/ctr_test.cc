#include "storage/base/ctr.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::test {
namespace {

constexpr std::string_view kKey = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";

// The key stream is AES of the counter: with the counter at 0, block n is E(key, n). The blocks come from
// `openssl enc -aes-256-ctr` with this key and an IV of zeros.
TEST(Ctr, BeginsAtCounterZeroAsOpensslDoes) {
  std::vector<uint8_t> zeros(32);
  CtrCrypt(*FromHex(kKey), 0, zeros);
  EXPECT_EQ(ToHex(zeros), "e568f68194cf76d6174d4cc04310a85491151e5d0b7a1f1bc0d7acd0ae3e51e4");
}

TEST(Ctr, AnyPieceEqualsThatPieceOfTheWhole) {
  SeededRandom random(1);
  const Buffer key = *FromHex(kKey);
  Buffer plain(5000);
  random.Fill(plain);
  Buffer whole = plain;
  CtrCrypt(key, 0, whole);
  EXPECT_NE(whole, plain);
  for (const auto& [offset, size] :
       {std::pair<size_t, size_t>{0, 1}, {1, 15}, {15, 2}, {16, 16}, {17, 4000}, {4999, 1}}) {
    Buffer piece(plain.begin() + static_cast<ptrdiff_t>(offset),
                 plain.begin() + static_cast<ptrdiff_t>(offset + size));
    CtrCrypt(key, offset, piece);
    EXPECT_EQ(piece, Buffer(whole.begin() + static_cast<ptrdiff_t>(offset),
                            whole.begin() + static_cast<ptrdiff_t>(offset + size)))
        << offset << ", " << size;
  }
}

}  // namespace
}  // namespace turret::test
