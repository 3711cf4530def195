#include "proto/rpc/credentials.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "fmt/format.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr unsigned kRefreshSeconds = 10;
constexpr size_t kPemBytesMax = size_t{1} * 1024 * 1024;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

absl::StatusOr<Bio> ReadPemFile(const std::string& path) {
  Bio bio(BIO_new_file(path.c_str(), "r"));
  ERR_clear_error();
  if (bio == nullptr) return absl::NotFoundError(fmt::format("{}: cannot be read", path));
  return bio;
}

absl::StatusOr<Certificate> ReadCertificate(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(const Bio bio, ReadPemFile(path));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr)
    return absl::InvalidArgumentError(fmt::format("{}: no PEM certificate in it", path));
  return certificate;
}

absl::Status Check(const TlsFiles& files) {
  TURRET_RETURN_IF_ERROR(ReadCertificate(files.authority).status());
  TURRET_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(files.certificate));
  TURRET_ASSIGN_OR_RETURN(const Bio bio, ReadPemFile(files.key));
  // An empty passphrase: an encrypted key must fail here, not ask on a terminal.
  char no_passphrase[] = "";
  const PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_passphrase));
  const bool fits = key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr)
    return absl::InvalidArgumentError(
        fmt::format("{}: no PEM private key without a passphrase in it", files.key));
  if (!fits)
    return absl::InvalidArgumentError(
        fmt::format("{}: not the private key of {}", files.key, files.certificate));
  return absl::OkStatus();
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> Watch(const TlsFiles& files) {
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.authority, kRefreshSeconds);
}

// The only value of one kind in the subject; empty when there is none, or more than one.
std::string SubjectField(const X509_NAME* subject, int nid) {
  const int index = X509_NAME_get_index_by_NID(subject, nid, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(subject, nid, index) >= 0) return "";
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (length < 0) return "";
  std::string value(reinterpret_cast<const char*>(text), static_cast<size_t>(length));
  OPENSSL_free(text);
  return value.find('\0') == std::string::npos ? value : "";
}

std::optional<Buffer> ToDer(X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  if (length < 0) return std::nullopt;
  Buffer bytes(der, der + length);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const TlsFiles& files) {
  TURRET_RETURN_IF_ERROR(Check(files));
  grpc::experimental::TlsServerCredentialsOptions options(Watch(files));
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const TlsFiles& files) {
  TURRET_RETURN_IF_ERROR(Check(files));
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Watch(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

absl::StatusOr<std::string> OwnCommonName(const TlsFiles& files) {
  TURRET_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(files.certificate));
  return SubjectField(X509_get_subject_name(certificate.get()), NID_commonName);
}

absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated())
    return absl::UnauthenticatedError("a client certificate of the cluster's authority is required");
  const std::vector<grpc::string_ref> pems = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pems.size() != 1 || pems[0].size() > kPemBytesMax)
    return absl::UnauthenticatedError("the peer showed no certificate");
  const Bio bio(BIO_new_mem_buf(pems[0].data(), static_cast<int>(pems[0].size())));
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) return absl::UnauthenticatedError("the peer's certificate cannot be read");
  const std::optional<Buffer> der = ToDer(certificate.get());
  if (!der) return absl::UnauthenticatedError("the peer's certificate cannot be read");
  const X509_NAME* const subject = X509_get_subject_name(certificate.get());
  return Peer{.common_name = SubjectField(subject, NID_commonName),
              .role = SubjectField(subject, NID_organizationalUnitName),
              .certificate_digest = ToHex(Sha256(*der))};
}

}  // namespace turret
