// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/scripted_server.hpp"
#include "worker/fetch/engine.hpp"

namespace flagship::fetch {

constexpr std::chrono::seconds kPatience{30};  // what must happen happens within it
constexpr std::uint32_t kSoon = 300;           // milliseconds: a limit that must pass

inline std::string sha256(std::string_view bytes) {
  std::string sum(32, '\0');
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(sum.data()), nullptr,
             EVP_sha256(), nullptr);
  return sum;
}

inline std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

/// A folder of its own, an engine, and at the end a count of what is left.
class FetchEngine : public ::testing::Test {
 protected:
  FetchEngine() {
    char name[] = "/tmp/flagship-fetch-XXXXXX";
    folder_ = ::mkdtemp(name);
    engine_ = std::make_unique<Engine>(8, [this](std::uint64_t token, v1::FetchResult&& result) {
      done(token, std::move(result));
    });
  }

  ~FetchEngine() override {
    engine_.reset();
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      const auto name = entry.path().filename().string();
      EXPECT_FALSE(name.starts_with('.')) << "left behind: " << name;
    }
    std::filesystem::remove_all(folder_);
  }

  v1::FetchRequest request(const std::string& url, const std::string& name = "file") const {
    v1::FetchRequest request;
    request.set_url(url);
    if (!name.empty()) request.set_path((folder_ / name).string());
    auto& limits = *request.mutable_limits();
    limits.set_timeout_ms(20'000);
    limits.set_connect_timeout_ms(10'000);
    limits.set_max_redirects(5);
    limits.set_max_bytes(100 << 20);
    limits.set_allow_private(true);
    return request;
  }

  v1::FetchResult get(const std::string& url, const std::string& name = "file") {
    return run(request(url, name));
  }

  v1::FetchResult run(const v1::FetchRequest& request) {
    engine_->start(0, request);
    wait();
    return results_[0];
  }

  /// Drives the engine until nothing is in flight.
  void wait() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (engine_->in_flight() > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "transfers never end";
      step();
    }
  }

  void step() {
    pollfd ready{engine_->fd(), POLLIN, 0};
    ::poll(&ready, 1, 100);
    engine_->step();
  }

  virtual void done(std::uint64_t token, v1::FetchResult&& result) {
    results_[token] = std::move(result);
  }

  std::filesystem::path folder_;
  std::map<std::uint64_t, v1::FetchResult> results_;
  std::unique_ptr<Engine> engine_;
};

inline testing::ScriptedServer::Script good() {
  return testing::each_request([](testing::Peer& peer, const std::string&) {
    peer.send(testing::response("200 OK", "good"));
  });
}

}  // namespace flagship::fetch
