// SPDX-License-Identifier: MIT
#include "tests/support/tls_server.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace flagship::testing {
namespace {

template <auto Function>
struct Call {
  template <class Object>
  void operator()(Object* object) const {
    Function(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Call<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Call<X509_free>>;
using Session = std::unique_ptr<SSL, Call<SSL_free>>;

void must(bool good) {
  if (!good) throw std::runtime_error("libcrypto makes no certificate");
}

void extend(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509Ptr self_signed(EVP_PKEY* key, const Validity& validity) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validity.from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validity.until);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  const auto* const words = reinterpret_cast<const unsigned char*>("flagship test");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, words, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate.get(), NID_subject_alt_name, validity.name);
  must(X509_sign(certificate.get(), key, EVP_sha256()) > 0);
  return certificate;
}

class Tls : public Carrier {
 public:
  explicit Tls(Session session) : session_(std::move(session)) {}
  long receive(char* bytes, std::size_t size) override {
    return SSL_read(session_.get(), bytes, static_cast<int>(size));
  }
  long send(const char* bytes, std::size_t size) override {
    return SSL_write(session_.get(), bytes, static_cast<int>(size));
  }

 private:
  Session session_;
};

}  // namespace

struct Certificate::Parts {
  explicit Parts(const Validity& validity) : certificate(self_signed(key.get(), validity)) {}
  Key key{EVP_EC_gen("P-256")};
  X509Ptr certificate;
};

Certificate::Certificate(const Validity& validity) : parts_(std::make_unique<Parts>(validity)) {}
Certificate::~Certificate() = default;

void Certificate::save(const std::string& path) const {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  must(file != nullptr && PEM_write_X509(file, parts_->certificate.get()) == 1);
  std::fclose(file);
}

void Certificate::save_key(const std::string& path) const {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  must(file != nullptr &&
       PEM_write_PrivateKey(file, parts_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  std::fclose(file);
}

ScriptedServer::Script over_tls(const Certificate& certificate, ScriptedServer::Script script,
                                const TlsRules& rules) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  must(SSL_CTX_use_certificate(context.get(), certificate.parts_->certificate.get()) == 1);
  must(SSL_CTX_use_PrivateKey(context.get(), certificate.parts_->key.get()) == 1);
  must(SSL_CTX_set_max_proto_version(context.get(), rules.newest) == 1);
  if (rules.wants_certificate)
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       [](int, X509_STORE_CTX*) { return 1; });
  return [context, script = std::move(script)](Peer& peer) {
    Session session(SSL_new(context.get()));
    SSL_set_fd(session.get(), peer.socket());
    if (SSL_accept(session.get()) != 1) return;
    peer.carry_by(std::make_unique<Tls>(std::move(session)));
    script(peer);
  };
}

}  // namespace flagship::testing
