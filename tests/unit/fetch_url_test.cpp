// SPDX-License-Identifier: MIT
#include "worker/fetch/url.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

v1::FetchClass refusal(std::string_view url) {
  const auto ending = refuse_url(url);
  return ending ? ending->error_class : v1::NONE;
}

v1::FetchClass redirect(std::string_view from, std::string_view location, unsigned followed,
                        const RedirectRules& rules) {
  const auto ending = refuse_redirect(from, location, followed, rules);
  return ending ? ending->error_class : v1::NONE;
}

TEST(FetchUrl, TakesHttpAndHttpsInAnyCaseAndNothingElse) {
  EXPECT_EQ(refusal("http://host/x"), v1::NONE);
  EXPECT_EQ(refusal("HTTPS://user:password@host:8443/x?y#z"), v1::NONE);
  EXPECT_EQ(refusal("http://[::1]:80/"), v1::NONE);
  EXPECT_EQ(refusal("ftp://host/"), v1::REFUSED_SCHEME);
  EXPECT_EQ(refusal("javascript:alert(1)"), v1::REFUSED_SCHEME);
  EXPECT_EQ(refusal("host/x"), v1::BAD_INPUT);
  EXPECT_EQ(refusal("//host/x"), v1::BAD_INPUT);
  EXPECT_EQ(refusal("http:/host"), v1::BAD_INPUT);
  EXPECT_EQ(refusal("http://user@/x"), v1::BAD_INPUT);
  EXPECT_EQ(refusal("http://host/a\tb"), v1::BAD_INPUT);
}

TEST(FetchUrl, FindsTheHostBehindCredentials) {
  EXPECT_EQ(authority_of("http://me:a@b@Host.Example:80/p@th?q@r"), "host.example:80");
  EXPECT_EQ(authority_of("http://host?x@y"), "host");
  EXPECT_EQ(authority_of("http://host#x@y"), "host");
}

TEST(FetchUrl, AnOriginIsSchemeHostAndPort) {
  EXPECT_EQ(origin_of("http://host/x"), "http://host:80");
  EXPECT_EQ(origin_of("HTTPS://me:secret@Host.Example?x"), "https://host.example:443");
  EXPECT_EQ(origin_of("http://host:8080/x:1"), "http://host:8080");
  EXPECT_EQ(origin_of("http://host:/x"), "http://host:80");
  EXPECT_EQ(origin_of("https://[::1]/"), "https://[::1]:443");
  EXPECT_EQ(origin_of("https://[::1]:8443/"), "https://[::1]:8443");
  EXPECT_NE(origin_of("http://host:443/"), origin_of("https://host/"));
}

TEST(FetchUrl, ShowsNoCredentials) {
  EXPECT_EQ(shown_url("http://me:secret@host/p@th"), "http://host/p@th");
  EXPECT_EQ(shown_url("http://host/p@th"), "http://host/p@th");
  EXPECT_EQ(shown_url("http:/\x01/me:secret@host/"), "http://host/");
  EXPECT_TRUE(has_credentials("http://me@host/"));
  EXPECT_FALSE(has_credentials("http://host/me@home"));
}

TEST(FetchUrl, LooksUpNamesOnly) {
  EXPECT_TRUE(needs_no_lookup("127.0.0.1:80"));
  EXPECT_TRUE(needs_no_lookup("[::1]:80"));
  EXPECT_TRUE(needs_no_lookup("localhost"));
  EXPECT_FALSE(needs_no_lookup("example.org:80"));
  EXPECT_FALSE(needs_no_lookup("1.2.3.4.5"));
}

TEST(FetchRedirect, IsFollowedAsOftenAsAllowed) {
  const RedirectRules two{2, false};
  EXPECT_EQ(redirect("http://a/", "/b", 1, two), v1::NONE);
  EXPECT_EQ(redirect("http://a/", "/b", 2, two), v1::REDIRECT);
  EXPECT_EQ(redirect("http://a/", "/b", 0, {0, false}), v1::REDIRECT);
}

TEST(FetchRedirect, NeedsALocation) {
  EXPECT_EQ(redirect("http://a/", "", 0, {5, false}), v1::REDIRECT);
}

TEST(FetchRedirect, LeavesHttpsOnlyWhenAllowed) {
  EXPECT_EQ(redirect("https://a/", "http://a/", 0, {5, false}), v1::REDIRECT);
  EXPECT_EQ(redirect("https://a/", "HTTP://a/", 0, {5, false}), v1::REDIRECT);
  EXPECT_EQ(redirect("https://a/", "http://a/", 0, {5, true}), v1::NONE);
  EXPECT_EQ(redirect("https://a/", "//b/", 0, {5, false}), v1::NONE);
  EXPECT_EQ(redirect("http://a/", "https://a/", 0, {5, false}), v1::NONE);
}

TEST(FetchRedirect, NeverLeadsToAnotherScheme) {
  for (const char* location :
       {"file:///etc/passwd", "FTP://a/", "gopher://a/", "data:text/plain,x"}) {
    EXPECT_EQ(redirect("http://a/", location, 0, {5, true}), v1::REFUSED_SCHEME) << location;
  }
}

TEST(Url, TellsOneOriginFromAnother) {
  for (const char* same :
       {"http://host", "HTTP://HOST:80/x", "http://me:secret@host/", "http://host:/"})
    EXPECT_TRUE(same_origin("http://host/y", same)) << same;
  for (const char* other : {"https://host/", "http://host:81/", "http://host.example/",
                            "http://hos/", "http://host@other/", ""})
    EXPECT_FALSE(same_origin("http://host/y", other)) << other;
  EXPECT_TRUE(same_origin("https://[::1]/", "https://[::1]:443/"));
  EXPECT_FALSE(same_origin("https://[::1]/", "https://[::1]:1/"));
}

}  // namespace
}  // namespace flagship::fetch
