#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace vbrain::testing {

struct CertificateOptions {
  std::string common_name;
  std::string alternative_names = {};  // in OpenSSL's format: "IP:127.0.0.1,DNS:localhost"
  bool authority = false;
  long begins = -3600;  // seconds from now
  long ends = 86'400;
};

struct CertificateAndKey {
  std::string certificate_pem;
  std::string key_pem;
};

namespace internal {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<&X509_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<&BIO_free_all>>;

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

inline void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) throw std::runtime_error("certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace internal

// A certificate with an elliptic-curve key, signed by `issuer` or self-signed.
inline CertificateAndKey make_certificate(const CertificateOptions& options,
                                          const CertificateAndKey* issuer = nullptr) {
  using namespace internal;
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  static long serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.begins);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.ends);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.common_name.c_str()), -1, -1, 0);
  Certificate parent;
  Key parent_key;
  if (issuer != nullptr) {
    const Bio certificate_text(BIO_new_mem_buf(issuer->certificate_pem.data(), -1));
    parent.reset(PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
    const Bio key_text(BIO_new_mem_buf(issuer->key_pem.data(), -1));
    parent_key.reset(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  }
  X509* signer = parent ? parent.get() : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  add_extension(certificate.get(), signer, NID_basic_constraints, options.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (!options.alternative_names.empty()) {
    add_extension(certificate.get(), signer, NID_subject_alt_name, options.alternative_names);
  }
  if (X509_sign(certificate.get(), parent_key ? parent_key.get() : key.get(), EVP_sha256()) == 0) {
    throw std::runtime_error("certificate could not be signed");
  }
  const Bio certificate_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_out.get(), certificate.get());
  const Bio key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate_out.get()), text_of(key_out.get())};
}

}  // namespace vbrain::testing
