// SPDX-License-Identifier: MIT
// How requests are made: headers, secrets and whom they reach, cookies, a proxy, certificates.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/integration/secure_fetch_fixture.hpp"
#include "tests/support/fake_resolver.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tls_server.hpp"

namespace flagship::fetch {
namespace {

using flagship::testing::asks_for;
using flagship::testing::Certificate;
using flagship::testing::each_request;
using flagship::testing::FakeResolver;
using flagship::testing::over_tls;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;
using flagship::testing::TlsRules;

using Change = std::function<void(v1::FetchSettings&)>;

v1::FetchRequest with(v1::FetchRequest request, const Change& change) {
  v1::FetchSettings settings;
  change(settings);
  request.mutable_limits()->set_settings(settings.SerializeAsString());
  return request;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Keeps the heads of its requests; "/away" leads to `target`.
class Witness {
  std::mutex mutex_;  // each connection has a thread

 public:
  explicit Witness(std::string target = {})
      : server(each_request([this, target](Peer& peer, const std::string& request) {
          {
            const std::lock_guard lock(mutex_);
            heads.push_back(request);
          }
          peer.send(asks_for(request, "/away") ? response("302 Found\r\nLocation: " + target, "")
                                               : response("200 OK\r\nSet-Cookie: crumb=1", "good"));
        })) {}

  std::vector<std::string> heads;
  ScriptedServer server;
};

class FetchSettings : public FetchEngine {};

// ---- headers ------------------------------------------------------------------------------------

TEST_F(FetchSettings, SendsItsHeadersWithEachRequest) {
  Witness there;
  const auto lines = [](v1::FetchSettings& settings) {
    settings.add_headers("X-Key: 1");
    settings.add_headers("User-Agent: me");
  };
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(run(with(request(there.server.url("/")), lines)).outcome(), v1::FETCH_OK);
  ASSERT_EQ(there.heads.size(), 2u);
  for (const auto& head : there.heads) {
    EXPECT_TRUE(holds(head, "X-Key: 1\r\n")) << head;
    EXPECT_TRUE(holds(head, "User-Agent: me\r\n")) << head;
  }
  EXPECT_EQ(get(there.server.url("/")).outcome(), v1::FETCH_OK);
  EXPECT_FALSE(holds(there.heads[2], "X-Key"));
}

TEST_F(FetchSettings, ShowsSecretsToNoOtherOrigin) {
  Witness other;
  Witness there(other.server.url("/"));
  const auto secrets = [](v1::FetchSettings& settings) {
    settings.add_headers("X-Api-Key: s3cret");
    settings.add_headers("Cookie: s3cret");
    settings.add_headers("Accept-Language: de");
    settings.set_bearer("s3cret");
  };
  EXPECT_EQ(run(with(request(there.server.url("/away")), secrets)).outcome(), v1::FETCH_OK);
  EXPECT_TRUE(holds(there.heads.at(0), "Authorization: Bearer s3cret\r\n"));
  EXPECT_TRUE(holds(there.heads.at(0), "X-Api-Key: s3cret\r\n"));
  EXPECT_FALSE(holds(other.heads.at(0), "s3cret")) << other.heads[0];
  EXPECT_TRUE(holds(other.heads.at(0), "Accept-Language: de\r\n"));
  EXPECT_EQ(run(with(request(there.server.url("/")), secrets)).outcome(), v1::FETCH_OK);
  EXPECT_TRUE(holds(there.heads.at(1), "X-Api-Key: s3cret\r\n")) << "at home they are shown again";
}

TEST_F(FetchSettings, KeepsSecretsOnARedirectWithinTheOrigin) {
  Witness there("/end");
  EXPECT_EQ(run(with(request(there.server.url("/away")),
                     [](v1::FetchSettings& settings) { settings.set_bearer("s3cret"); }))
                .outcome(),
            v1::FETCH_OK);
  EXPECT_TRUE(holds(there.heads.at(1), "Authorization: Bearer s3cret\r\n"));
}

TEST_F(FetchSettings, TakesNamesAndPasswordsFromNetrcForTheHostThatTheyAreOf) {
  FakeResolver resolver;
  Witness other;
  Witness there("http://flags.test:" + std::to_string(other.server.port()) + "/");
  const auto netrc = folder_ / "netrc";
  std::ofstream(netrc) << "machine 127.0.0.1 login me password s3cret\n";
  EXPECT_EQ(run(with(request(there.server.url("/away")),
                     [&](v1::FetchSettings& settings) { settings.set_netrc_file(netrc.string()); }))
                .outcome(),
            v1::FETCH_OK);
  EXPECT_TRUE(holds(there.heads.at(0), "Authorization: Basic bWU6czNjcmV0\r\n")) << there.heads[0];
  EXPECT_FALSE(holds(other.heads.at(0), "Authorization")) << other.heads[0];
}

TEST_F(FetchSettings, RefusesWhatCannotBeRead) {
  auto odd = request("http://127.0.0.1/");
  odd.mutable_limits()->set_settings("\xff\xff\xff");
  EXPECT_EQ(run(odd).error_class(), v1::BAD_INPUT);
}

// ---- cookies ------------------------------------------------------------------------------------

TEST_F(FetchSettings, SendsCookiesBackOnlyWhenAsked) {
  Witness there;
  const auto keep = [](v1::FetchSettings& settings) { settings.set_cookies(true); };
  for (int i = 0; i < 2; ++i) get(there.server.url("/"));
  EXPECT_FALSE(holds(there.heads.at(1), "Cookie"));
  for (std::uint64_t i = 0; i < 4; ++i)
    engine_->start(i, with(request(there.server.url("/"), ""), keep));
  wait();
  run(with(request(there.server.url("/")), keep));
  EXPECT_TRUE(holds(there.heads.back(), "Cookie: crumb=1\r\n")) << there.heads.back();
}

TEST_F(FetchSettings, BeginsWithTheCookiesOfAFile) {
  Witness there;
  const auto jar = folder_ / "jar";
  std::ofstream(jar) << "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\told\t2\n";
  const auto keep = [&](v1::FetchSettings& settings) {
    settings.set_cookies(true);
    settings.set_cookie_file(jar.string());
  };
  for (int i = 0; i < 2; ++i) run(with(request(there.server.url("/")), keep));
  EXPECT_TRUE(holds(there.heads.at(0), "Cookie: old=2\r\n")) << there.heads[0];
  EXPECT_TRUE(holds(there.heads.at(1), "old=2")) << there.heads[1];
  EXPECT_TRUE(holds(there.heads.at(1), "crumb=1")) << there.heads[1];
}

// ---- a proxy ------------------------------------------------------------------------------------

TEST_F(FetchSettings, GoesThroughAProxyWhereverThatIs) {
  Witness proxy;
  auto there = with(request("http://flags.example/x"),
                    [&](v1::FetchSettings& settings) { settings.set_proxy(proxy.server.url("")); });
  there.mutable_limits()->set_allow_private(false);
  EXPECT_EQ(run(there).outcome(), v1::FETCH_OK);
  EXPECT_TRUE(proxy.heads.at(0).starts_with("GET http://flags.example/x HTTP/1.1\r\n"));
}

TEST_F(FetchSettings, SendsNothingPastAProxyWhateverTheEnvironmentSays) {
  Witness proxy;
  Witness there;
  ::setenv("no_proxy", "127.0.0.1", 1);
  run(with(request(there.server.url("/")),
           [&](v1::FetchSettings& settings) { settings.set_proxy(proxy.server.url("")); }));
  ::unsetenv("no_proxy");
  EXPECT_EQ(there.server.connections(), 0);
  EXPECT_EQ(proxy.heads.size(), 1u);
}

TEST_F(FetchSettings, AsksAProxyForNoPrivateAddress) {
  Witness proxy;
  for (const std::string host : {"127.0.0.1", "localhost", "a.localhost.", "2130706433", "0x7f.1",
                                 "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254"}) {
    auto there = with(request("http://" + host + ":81/"), [&](v1::FetchSettings& settings) {
      settings.set_proxy(proxy.server.url(""));
    });
    there.mutable_limits()->set_allow_private(false);
    EXPECT_EQ(run(there).error_class(), v1::REFUSED_ADDRESS) << host;
  }
  EXPECT_EQ(proxy.server.connections(), 0);
}

TEST_F(FetchSettings, CallsAProxyThatRefusesAConnectError) {
  ScriptedServer proxy(each_request([](Peer& peer, const std::string&) {
    peer.send(response("407 Who are you", ""));
    peer.close();
  }));
  const auto result = run(with(request("https://flags.example/"), [&](v1::FetchSettings& settings) {
    settings.set_proxy(proxy.url(""));
  }));
  EXPECT_EQ(result.error_class(), v1::CONNECT) << result.reason();
  EXPECT_EQ(result.status(), 0u);
}

TEST_F(FetchSettings, CallsAProxyWithoutAddressADnsErrorForAllWhoWaitForIt) {
  FakeResolver resolver;
  for (std::uint64_t i = 0; i < 5; ++i)
    engine_->start(i, with(request("http://flags.example/"), [](v1::FetchSettings& settings) {
                     settings.set_proxy("http://nowhere.invalid:3128");
                   }));
  wait();
  for (std::uint64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(results_[i].error_class(), v1::DNS);
    EXPECT_EQ(results_[i].reason(), "the proxy's name has no address");
  }
  EXPECT_EQ(resolver.lookups(), 1);
}

// ---- certificates -------------------------------------------------------------------------------

// ---- names --------------------------------------------------------------------------------------

TEST_F(FetchSettings, AsksNobodyForTheAddressOfANameThatItIsTold) {
  const FakeResolver resolver;
  Witness there;
  const std::string port = std::to_string(there.server.port());
  const Change told = [&](v1::FetchSettings& settings) {
    settings.add_resolve("elsewhere.example:" + port + ":127.0.0.9");
    settings.add_resolve("here.example:" + port + ":127.0.0.1");
  };
  for (std::uint64_t i = 0; i < 20; ++i)
    engine_->start(i, with(request("http://here.example:" + port + "/", ""), told));
  wait();
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_EQ(results_[i].outcome(), v1::FETCH_OK) << results_[i].reason();
  EXPECT_EQ(resolver.lookups(), 0);
  EXPECT_TRUE(holds(there.heads.at(0), "Host: here.example:" + port)) << there.heads[0];
}

TEST_F(FetchSettings, ConnectsToNoPrivateAddressForBeingTold) {
  Witness there;
  const std::string port = std::to_string(there.server.port());
  auto refused =
      with(request("http://here.example:" + port + "/"), [&](v1::FetchSettings& settings) {
        settings.add_resolve("here.example:" + port + ":127.0.0.1");
      });
  refused.mutable_limits()->set_allow_private(false);
  EXPECT_EQ(run(refused).error_class(), v1::REFUSED_ADDRESS);
  EXPECT_EQ(there.server.connections(), 0);
}

// ---- certificates -------------------------------------------------------------------------------

class SecureSettings : public SecureFetch {};

TEST_F(SecureSettings, TrustsTheFileThatItIsToldInsteadOfTheUsual) {
  const Certificate other;
  other.save((folder_ / "other.pem").string());
  ScriptedServer server(over_tls(other, good()));
  EXPECT_EQ(get(https(server, "/")).error_class(), v1::TLS);
  EXPECT_EQ(run(with(request(https(server, "/")),
                     [&](v1::FetchSettings& settings) {
                       settings.set_ca_file((folder_ / "other.pem").string());
                     }))
                .outcome(),
            v1::FETCH_OK);
  EXPECT_EQ(get(https(server, "/")).error_class(), v1::TLS) << "no connection outlives its trust";
}

TEST_F(SecureSettings, RefusesTlsThatIsOlderThanItMayBe) {
  ScriptedServer old(over_tls(certificate_, good(), {.newest = TLS1_2_VERSION}));
  ScriptedServer fresh(over_tls(certificate_, good()));
  const auto at_least = [](v1::TlsVersion least) {
    return [least](v1::FetchSettings& settings) { settings.set_least_tls(least); };
  };
  EXPECT_EQ(run(with(request(https(old, "/")), at_least(v1::TLS_1_2))).outcome(), v1::FETCH_OK);
  EXPECT_EQ(run(with(request(https(old, "/")), at_least(v1::TLS_1_3))).error_class(), v1::TLS);
  EXPECT_EQ(run(with(request(https(fresh, "/")), at_least(v1::TLS_1_3))).outcome(), v1::FETCH_OK);
}

TEST_F(SecureSettings, ShowsItsCertificateToTheOriginThatItIsForAndToNoOther) {
  const TlsRules careful{.wants_certificate = true};
  ScriptedServer other(over_tls(certificate_, good(), careful));
  ScriptedServer server(
      over_tls(certificate_, each_request([&](Peer& peer, const auto& request) {
                 peer.send(asks_for(request, "/away")
                               ? response("302 Found\r\nLocation: " + https(other, "/"), "")
                               : response("200 OK", "good"));
               }),
               careful));
  const Certificate mine;
  mine.save((folder_ / "mine.pem").string());
  mine.save_key((folder_ / "mine.key").string());
  const Change known = [&](v1::FetchSettings& settings) {
    settings.set_certificate_file((folder_ / "mine.pem").string());
    settings.set_key_file((folder_ / "mine.key").string());
  };
  EXPECT_EQ(get(https(server, "/")).outcome(), v1::FETCH_ERROR);
  EXPECT_EQ(run(with(request(https(server, "/")), known)).outcome(), v1::FETCH_OK);
  EXPECT_EQ(run(with(request(https(other, "/")), known)).outcome(), v1::FETCH_OK);
  EXPECT_EQ(run(with(request(https(server, "/away")), known)).outcome(), v1::FETCH_ERROR);
  EXPECT_EQ(other.requests(), 1);
}

TEST_F(SecureSettings, TakesAnyCertificateWhenToldTo) {
  const Certificate other;
  ScriptedServer server(over_tls(other, good()));
  EXPECT_EQ(run(with(request(https(server, "/")),
                     [&](v1::FetchSettings& settings) { settings.set_insecure(true); }))
                .outcome(),
            v1::FETCH_OK);
}

// ---- names --------------------------------------------------------------------------------------

// A DNS message that holds one address record.
std::string dns_answer(const std::string& address) {
  using namespace std::string_literals;
  const std::string head = "\0\0\x81\x80\0\0\0\1\0\0\0\0"s;
  return head + "\0\0\1\0\1\0\0\0\x3c\0\4"s + address;
}

TEST_F(SecureFetch, AsksForNamesOverHttpsWhereThatIsWanted) {
  FakeResolver resolver;
  Witness witness;
  const std::string port = ":" + std::to_string(witness.server.port()) + "/";
  std::string address("\x7f\0\0\1", 4);
  const ScriptedServer names(over_tls(
      certificate_, each_request([&](Peer& peer, const std::string&) {
        peer.send(response("200 OK\r\nContent-Type: application/dns-message", dns_answer(address)));
      })));
  const auto asking = [&](const std::string& url) {
    return with(request(url), [&](v1::FetchSettings& settings) {
      settings.set_doh_url(https(names, "/dns-query"));
    });
  };
  const auto result = run(asking("http://flags.example" + port));
  EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
  EXPECT_EQ(resolver.lookups(), 0);
  auto refused = asking("http://other.example" + port);
  refused.mutable_limits()->set_allow_private(false);
  EXPECT_EQ(run(refused).error_class(), v1::REFUSED_ADDRESS);
  address = "x";
  EXPECT_EQ(run(asking("http://third.example" + port)).error_class(), v1::DNS);
}

}  // namespace
}  // namespace flagship::fetch
