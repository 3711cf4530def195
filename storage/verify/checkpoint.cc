#include "storage/verify/checkpoint.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <vector>

#include "fmt/format.h"

namespace turret::verify {
namespace {

using KeyHandle = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // The em dash that opens a signature line.

// Only the one canonical form of each value.
std::optional<std::vector<uint8_t>> Unbase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 4096) return std::nullopt;
  std::vector<uint8_t> out(text.size() / 4 * 3);
  const int got = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()));
  if (got < 0) return std::nullopt;
  out.resize(static_cast<size_t>(got) - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  std::vector<unsigned char> again(text.size() + 1);
  EVP_EncodeBlock(again.data(), out.data(), static_cast<int>(out.size()));
  if (!std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(again.data()))) return std::nullopt;
  return out;
}

// Cuts one line, without its newline, off the front; nullopt when there is none.
std::optional<std::string_view> Line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

bool SignatureFits(const PublicKey& key, std::string_view message, View signature) {
  const KeyHandle handle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
                         &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return handle && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), ViewOf(message).data(),
                          message.size()) == 1;
}

bool ReadBody(std::string_view body, Head& head) {
  const auto origin = Line(body);
  const auto size = Line(body);
  const auto root = Line(body);
  if (!origin || !size || !root || !body.empty()) return false;
  head.origin = std::string(*origin);
  const auto [end, error] = std::from_chars(size->data(), size->data() + size->size(), head.size);
  if (error != std::errc() || end != size->data() + size->size() || fmt::format("{}", head.size) != *size)
    return false;
  const auto raw = Unbase64(*root);
  if (!raw || raw->size() != head.root.size()) return false;
  std::ranges::copy(*raw, head.root.begin());
  return true;
}

}  // namespace

std::optional<PublicKey> ReadPublicKey(std::string_view text) {
  PublicKey key{};
  std::string_view trimmed = text;
  while (!trimmed.empty() && std::string_view(" \r\n\t").find(trimmed.back()) != std::string_view::npos)
    trimmed.remove_suffix(1);
  if (const auto raw = Unhex(trimmed); raw && raw->size() == key.size()) {
    std::ranges::copy(*raw, key.begin());
    return key;
  }
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  const KeyHandle handle(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  size_t bytes = key.size();
  if (!handle || EVP_PKEY_get_id(handle.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(handle.get(), key.data(), &bytes) != 1)
    return std::nullopt;
  return key;
}

std::string PublicKeyPem(const PublicKey& key) {
  const KeyHandle handle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
                         &EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  char* text = nullptr;
  if (!handle || PEM_write_bio_PUBKEY(bio.get(), handle.get()) != 1) return "";
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(bytes));
}

std::optional<Head> ReadHead(std::string_view text, const PublicKey& key, std::string& why) {
  const size_t blank = text.find("\n\n");
  Head head;
  if (blank == std::string_view::npos || !ReadBody(text.substr(0, blank + 1), head)) {
    why = "is not a checkpoint";
    return std::nullopt;
  }
  std::string_view rest = text.substr(blank + 2);
  const auto line = Line(rest);
  if (!line || !line->starts_with(kDash) || !rest.empty()) {
    why = "does not have exactly one signature line";
    return std::nullopt;
  }
  const std::string_view signature_line = line->substr(kDash.size());
  const size_t space = signature_line.find(' ');
  if (space == std::string_view::npos || signature_line.substr(0, space) != head.origin) {
    why = "is not signed in the name of its origin";
    return std::nullopt;
  }
  const auto raw = Unbase64(signature_line.substr(space + 1));
  const Hash key_hash = Sha256({ViewOf(head.origin), ViewOf(std::string_view("\n\x01", 2)), key});
  if (!raw || raw->size() != 4 + 64 || !std::equal(raw->begin(), raw->begin() + 4, key_hash.begin())) {
    why = "is not signed with the ledger's key";
    return std::nullopt;
  }
  if (!SignatureFits(key, text.substr(0, blank + 1), View(*raw).subspan(4))) {
    why = "has a signature that does not fit";
    return std::nullopt;
  }
  return head;
}

}  // namespace turret::verify
