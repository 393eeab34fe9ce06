#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::base {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Certificate = std::unique_ptr<X509, FreeWith<&X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;

// The certificates of a PEM text, in its order; at least one. Fails with a sentence that begins with `what`. Pure.
Result<std::vector<Certificate>, std::string> read_certificates(const std::string& pem, const std::string& what);

// The private key of a PEM text. Fails with a sentence that begins with `what`, also if the key is encrypted, because
// nobody can enter its passphrase. Pure.
Result<PrivateKey, std::string> read_private_key(const std::string& pem, const std::string& what);

// What the last call of OpenSSL in this thread reported, such as "no shared cipher"; "" if nothing. Clears it.
std::string take_openssl_error();

}  // namespace vbrain::base
