#include "coordinator/export/cms.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/secret.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freeing<X509_free>>;
using Bio = std::unique_ptr<BIO, Freeing<BIO_free_all>>;
using Cms = std::unique_ptr<CMS_ContentInfo, Freeing<CMS_ContentInfo_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freeing<ASN1_TIME_free>>;

constexpr char kUse[] = "export-signing";
constexpr long kValidDays = 20L * 365;
constexpr int64_t kNanosecondsASecond = 1'000'000'000;
// An ECDSA P-256 value in DER has 70 to 72 bytes, half of them 71: signing again soon gives one.
constexpr int kSignatureBytes = 71;
constexpr int kAttemptsMax = 200;

absl::Status OpenSslError(std::string_view what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return absl::InternalError(fmt::format("{}: {}", what, text));
}

time_t Seconds(int64_t utc_ns) { return static_cast<time_t>(utc_ns / kNanosecondsASecond); }

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(bytes));
}

bool AddExtension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  const bool ok = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

Certificate MakeCertificate(EVP_PKEY* key, const std::string& common_name, int64_t now_utc_ns) {
  Certificate certificate(X509_new());
  X509* const x = certificate.get();
  unsigned char serial[16];
  X509_NAME* const name = X509_get_subject_name(x);
  const auto* const text = reinterpret_cast<const unsigned char*>(common_name.data());
  time_t now = Seconds(now_utc_ns);
  const bool ok =
      RAND_bytes(serial, sizeof serial) == 1 && X509_set_version(x, X509_VERSION_3) == 1 &&
      ASN1_STRING_set(X509_get_serialNumber(x), (serial[0] &= 0x7F, serial[0] |= 0x40, serial),
                      sizeof serial) == 1 &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, static_cast<int>(common_name.size()), -1,
                                 0) == 1 &&
      X509_set_issuer_name(x, name) == 1 && X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &now) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(x), kValidDays, 0, &now) != nullptr &&
      X509_set_pubkey(x, key) == 1 && AddExtension(x, NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(x, NID_key_usage, "critical,digitalSignature,nonRepudiation") &&
      AddExtension(x, NID_subject_key_identifier, "hash") && X509_sign(x, key, EVP_sha256()) > 0;
  return ok ? std::move(certificate) : nullptr;
}

absl::Status MakeAndStore(KeyTree& keys, const std::string& ledger_id_hex, int64_t now_utc_ns) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return OpenSslError("export key");
  const Certificate certificate =
      MakeCertificate(key.get(), fmt::format("turret-recorder export {}", ledger_id_hex), now_utc_ns);
  const Bio pem(BIO_new(BIO_s_secmem()));
  if (!certificate || PEM_write_bio_X509(pem.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return OpenSslError("export certificate");
  std::string text = TextOf(pem.get());
  absl::Status stored = keys.StoreBlob(kUse, AsBytes(text));
  Wipe(text);
  return stored;
}

// Sets the signing time, so that it is our clock's and not OpenSSL's.
bool SetSigningTime(CMS_SignerInfo* signer, int64_t utc_ns) {
  const Time time(ASN1_UTCTIME_set(nullptr, Seconds(utc_ns)));
  return time &&
         CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, V_ASN1_UTCTIME, time.get(), -1) == 1;
}

Cms SignOnce(X509* certificate, EVP_PKEY* key, Bytes content, int64_t utc_ns) {
  constexpr unsigned kFlags =
      CMS_DETACHED | CMS_BINARY | CMS_NOCERTS | CMS_NOSMIMECAP | CMS_USE_KEYID | CMS_PARTIAL;
  Cms cms(CMS_sign(nullptr, nullptr, nullptr, nullptr, kFlags));
  const Bio data(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  CMS_SignerInfo* const signer = CMS_add1_signer(cms.get(), certificate, key, EVP_sha256(), kFlags);
  const bool ok = signer != nullptr && SetSigningTime(signer, utc_ns) &&
                  CMS_final(cms.get(), data.get(), nullptr, kFlags) == 1;
  return ok ? std::move(cms) : nullptr;
}

}  // namespace

struct ExportSigner::State {
  Key key;
  Certificate certificate;
  std::string pem;
  std::string digest;
};

ExportSigner::ExportSigner(std::unique_ptr<State> state) : state_(std::move(state)) {}
ExportSigner::~ExportSigner() = default;
ExportSigner::ExportSigner(ExportSigner&&) noexcept = default;
ExportSigner& ExportSigner::operator=(ExportSigner&&) noexcept = default;

absl::StatusOr<ExportSigner> ExportSigner::Open(KeyTree& keys, const std::string& ledger_id_hex,
                                                int64_t now_utc_ns) {
  absl::StatusOr<Buffer> blob = keys.LoadBlob(kUse);
  if (absl::IsNotFound(blob.status())) {
    TURRET_RETURN_IF_ERROR(MakeAndStore(keys, ledger_id_hex, now_utc_ns));
    blob = keys.LoadBlob(kUse);
  }
  if (!blob.ok()) return blob.status();
  const Bio in(BIO_new_mem_buf(blob->data(), static_cast<int>(blob->size())));
  auto state = std::make_unique<State>();
  state->certificate.reset(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  state->key.reset(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  Wipe(*blob);
  if (!state->certificate || !state->key) return OpenSslError("export certificate");
  const Bio pem(BIO_new(BIO_s_mem()));
  unsigned char digest[kDigestBytes];
  if (PEM_write_bio_X509(pem.get(), state->certificate.get()) != 1 ||
      X509_digest(state->certificate.get(), EVP_sha256(), digest, nullptr) != 1)
    return OpenSslError("export certificate");
  state->pem = TextOf(pem.get());
  state->digest = ToHex(digest);
  return ExportSigner(std::move(state));
}

const std::string& ExportSigner::certificate_pem() const { return state_->pem; }
const std::string& ExportSigner::certificate_digest() const { return state_->digest; }

absl::StatusOr<Buffer> ExportSigner::Sign(Bytes content, int64_t signed_utc_ns) const {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const Cms cms = SignOnce(state_->certificate.get(), state_->key.get(), content, signed_utc_ns);
    if (!cms) return OpenSslError("signature of the export");
    CMS_SignerInfo* const signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0);
    if (ASN1_STRING_length(CMS_SignerInfo_get0_signature(signer)) != kSignatureBytes) continue;
    unsigned char* der = nullptr;
    const int bytes = i2d_CMS_ContentInfo(cms.get(), &der);
    if (bytes <= 0) return OpenSslError("signature of the export");
    Buffer out(der, der + bytes);
    OPENSSL_free(der);
    return out;
  }
  return absl::InternalError("signature of the export: no value of the usual length");
}

}  // namespace turret::coordinator
