// SPDX-License-Identifier: MIT
#include "worker/fetch/response_head.hpp"

#include <gtest/gtest.h>

namespace flagship::fetch {
namespace {

ResponseHead head_of(std::initializer_list<std::string_view> lines) {
  ResponseHead head;
  for (const auto line : lines) head.add(line);
  return head;
}

TEST(ResponseHead, ReadsWhatMattersOfAnAnswer) {
  const auto head = head_of({"HTTP/1.1 503 Service Unavailable\r\n", "CONTENT-length:  12 \r\n",
                             "Content-Type: Text/HTML; charset=x\r\n", "Retry-After: 3\r\n",
                             "Location: /x\r\n", "\r\n"});
  EXPECT_TRUE(head.complete());
  EXPECT_EQ(head.status(), 503u);
  EXPECT_EQ(head.phrase(), "Service Unavailable");
  EXPECT_EQ(head.content_length(), 12u);
  EXPECT_EQ(head.media_type(), "text/html");
  EXPECT_EQ(head.retry_after(), "3");
  EXPECT_EQ(head.location(), "/x");
  EXPECT_EQ(head.fault(), "");
}

TEST(ResponseHead, KeepsWhatTellsOneStateOfAFileFromAnother) {
  const auto head =
      head_of({"HTTP/1.1 206 Partial Content\r\n", "ETAG: W/\"1\"\r\n", "Date: today\r\n",
               "Last-Modified: yesterday\r\n", "Content-Range: bytes 5-9/10\r\n",
               "Content-Encoding: GZIP\r\n", "Content-Encoding: br\r\n", "\r\n"});
  EXPECT_EQ(head.etag(), "W/\"1\"");
  EXPECT_EQ(head.date(), "today");
  EXPECT_EQ(head.last_modified(), "yesterday");
  EXPECT_EQ(head.content_range(), "bytes 5-9/10");
  EXPECT_EQ(head.content_encoding(), "gzip,br");
}

TEST(ResponseHead, KeepsNoValidatorThatNoServerShouldSend) {
  const auto head =
      head_of({"HTTP/1.1 200 OK\r\n", "ETag: \"\xff\"\r\n", "Last-Modified: a\tb\r\n", "\r\n"});
  EXPECT_EQ(head.etag(), "");
  EXPECT_EQ(head.last_modified(), "");
}

TEST(ResponseHead, IsCompleteAtTheEmptyLineOnly) {
  EXPECT_FALSE(head_of({"HTTP/1.1 200 OK\r\n", "A: b\r\n"}).complete());
  EXPECT_TRUE(head_of({"HTTP/1.1 200 OK\n", "\n"}).complete());
}

TEST(ResponseHead, ForgetsInterimResponses) {
  const auto head = head_of({"HTTP/1.1 103 Early Hints\r\n", "Content-Length: x\r\n", "\r\n"});
  EXPECT_FALSE(head.complete());
  const auto final_head = head_of(
      {"HTTP/1.1 103 Early Hints\r\n", "Content-Length: x\r\n", "\r\n", "HTTP/2 200\r\n", "\r\n"});
  EXPECT_TRUE(final_head.complete());
  EXPECT_EQ(final_head.status(), 200u);
  EXPECT_EQ(final_head.phrase(), "");
  EXPECT_EQ(final_head.fault(), "");
}

TEST(ResponseHead, TakesNothingFromTrailers) {
  const auto head =
      head_of({"HTTP/1.1 200 OK\r\n", "\r\n", "HTTP/1.1 500 Oh\r\n", "Content-Length: 3\r\n"});
  EXPECT_EQ(head.status(), 200u);
  EXPECT_FALSE(head.content_length());
}

TEST(ResponseHead, FindsFaultWithLengthsThatContradictEachOther) {
  const auto fault = [](std::initializer_list<std::string_view> fields) {
    ResponseHead head = head_of({"HTTP/1.1 200 OK\r\n"});
    for (const auto field : fields) head.add(field);
    return head.fault();
  };
  EXPECT_EQ(fault({"Content-Length: 3\r\n", "Content-Length: 3\r\n"}), "");
  for (const std::string_view value :
       {"3, 3", "+3", "-3", "0x3", "3.0", "", "3 3", "99999999999999999999"}) {
    EXPECT_NE(fault({"Content-Length: " + std::string(value) + "\r\n"}), "") << value;
  }
  EXPECT_NE(fault({"Content-Length: 3\r\n", "Content-Length: 4\r\n"}), "");
  EXPECT_NE(fault({"Content-Length : 3\r\n"}), "");
  EXPECT_NE(fault({"Transfer-Encoding\t: chunked\r\n"}), "");
  EXPECT_NE(fault({"Transfer-Encoding:\r\n", " chunked\r\n"}), "");
  EXPECT_EQ(fault({"X: y\r\n", " z\r\n"}), "");
}

TEST(ResponseHead, FindsFaultWithOtherStatusLines) {
  for (const char* line : {"HTTP/1.1\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 OK\r\n",
                           "HTTP/1.1 abc\r\n", "HTTP/1.1 099 Low\r\n"}) {
    EXPECT_NE(head_of({line}).fault(), "") << line;
    EXPECT_EQ(head_of({line}).status(), 0u) << line;
  }
}

TEST(ResponseHead, CountsEveryByte) {
  auto head = head_of({"HTTP/1.1 200 OK\r\n"});
  const std::string line = "X: " + std::string(1000, 'x') + "\r\n";
  for (std::size_t bytes = 0; bytes < ResponseHead::kMaxBytes; bytes += line.size()) {
    EXPECT_FALSE(head.too_long());
    head.add(line);
  }
  EXPECT_TRUE(head.too_long());
}

}  // namespace
}  // namespace flagship::fetch
