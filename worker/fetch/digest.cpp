// SPDX-License-Identifier: MIT
#include "worker/fetch/digest.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace flagship::fetch {
namespace {

// Looked up once: OpenSSL 3 searches its providers each time otherwise.
const EVP_MD* sha256() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

void must(int result) {
  if (result != 1) throw std::runtime_error("libcrypto cannot compute SHA-256");
}

}  // namespace

void Digest::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Digest::Digest() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  must(EVP_DigestInit_ex2(context_.get(), sha256(), nullptr));
}

void Digest::begin() { must(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr)); }

void Digest::add(std::string_view bytes) {
  must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Digest::finish() {
  std::string sum(32, '\0');
  must(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(sum.data()), nullptr));
  return sum;
}

}  // namespace flagship::fetch
