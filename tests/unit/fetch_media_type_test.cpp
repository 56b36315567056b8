// SPDX-License-Identifier: MIT
#include "worker/fetch/media_type.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace flagship::fetch {
namespace {

using namespace std::string_literals;
using Types = std::vector<std::string>;

TEST(MediaType, IsTwoWordsOrStars) {
  for (const char* good : {"image/gif", "image/*", "*/*", "application/vnd.a+json"})
    EXPECT_TRUE(is_type_pattern(good)) << good;
  for (const char* bad :
       {"", "image", "image/", "/gif", "*/gif", "image/gif/x", "image /gif", "IMAGE/GIF"})
    EXPECT_FALSE(is_type_pattern(bad)) << bad;
}

TEST(MediaType, IsAcceptedByItsNameOrItsFamily) {
  EXPECT_TRUE(accepts(Types{"text/plain", "image/*"}, "image/gif"));
  EXPECT_TRUE(accepts(Types{"image/gif"}, "image/gif"));
  EXPECT_TRUE(accepts(Types{"*/*"}, "x/y"));
  EXPECT_FALSE(accepts(Types{"image/gif"}, "image/gifs"));
  EXPECT_FALSE(accepts(Types{"image/*"}, "images/gif"));
  EXPECT_FALSE(accepts(Types{"image/*"}, "nonsense"));
}

TEST(MediaType, IsToldByTheFirstBytes) {
  const std::pair<std::string, const char*> rows[] = {
      {"GIF89a...", "image/gif"},
      {"\x89PNG\r\n\x1a\n....", "image/png"},
      {"\xff\xd8\xff\xe0", "image/jpeg"},
      {"RIFF\1\2\3\4WEBPVP8 ", "image/webp"},
      {"RIFF\1\2\3\4WAVE", ""},
      {"%PDF-1.4", "application/pdf"},
      {"PK\3\4", "application/zip"},
      {"\x1f\x8b\x08", "application/gzip"},
      {"\xef\xbb\xbf \n<!DOCTYPE HTML>", "text/html"},
      {"<html>", "text/html"},
      {"<?xml version='1.0'?><svg>", "image/svg+xml"},
      {"<?xml version='1.0'?><feed>", ""},
      {"GIF", ""},
      {"", ""},
      {"hello", ""},
  };
  for (const auto& [first, type] : rows) EXPECT_EQ(type_by_content(first), type) << first;
}

TEST(MediaType, IsContradictedOnlyByBytesThatTell) {
  EXPECT_TRUE(content_contradicts(Types{"image/*"}, "<!doctype html>"));
  EXPECT_TRUE(content_contradicts(Types{"image/png"}, "GIF89a"));
  EXPECT_TRUE(content_contradicts(Types{"image/*"}, "PK\3\4"));
  EXPECT_FALSE(content_contradicts(Types{"image/*"}, "GIF89a"));
  EXPECT_FALSE(content_contradicts(Types{"image/jpg"}, "\xff\xd8\xff"));
  EXPECT_FALSE(content_contradicts(Types{"image/png"}, "whatever"));
  EXPECT_FALSE(content_contradicts(Types{"application/epub+zip"}, "PK\3\4")) << "it is one";
}

}  // namespace
}  // namespace flagship::fetch
