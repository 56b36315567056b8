// SPDX-License-Identifier: MIT
// Country codes, and the names that files get.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "master/fetch/country_codes.hpp"
#include "master/fetch/names.hpp"
#include "master/fetch/source.hpp"

namespace flagship::fetch {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

TEST(CountryCodes, TwoLettersAreThatCodeInAnyCase) {
  EXPECT_THAT(codes_of({"br", "CN", "uS"}), ElementsAre("BR", "CN", "US"));
}

TEST(CountryCodes, OneLetterIsIts26Codes) {
  const Codes codes = codes_of({"i"});
  EXPECT_THAT(codes, SizeIs(26));
  EXPECT_EQ(*codes.begin(), "IA");
  EXPECT_EQ(*codes.rbegin(), "IZ");
}

TEST(CountryCodes, AreSortedAndEachTakenOnce) {
  EXPECT_THAT(codes_of({"US", "BR", "us", "BR"}), ElementsAre("BR", "US"));
  EXPECT_THAT(codes_of({"IN", "I"}), SizeIs(26));
}

TEST(CountryCodes, AnythingElseIsRefusedByName) {
  for (const char* bad : {"", "USA", "U1", "1", " U", "U ", "--", "\xC3\x89", "../etc", "A\n"}) {
    try {
      codes_of({"BR", bad});
      ADD_FAILURE() << "took '" << bad << "'";
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), AllOf(StartsWith("CC:"), HasSubstr("'" + std::string(bad) + "'")));
    }
  }
}

TEST(CountryCodes, ListsHaveTheSizesTheyAreKnownFor) {
  EXPECT_THAT(pop20(), SizeIs(20));
  EXPECT_THAT(every_code(), SizeIs(676));
  for (const std::string& code : pop20()) EXPECT_TRUE(all_countries().contains(code)) << code;
  for (const std::string& code : all_countries()) EXPECT_TRUE(every_code().contains(code)) << code;
  EXPECT_EQ(*pop20().begin(), "BD");
  EXPECT_EQ(*pop20().rbegin(), "VN");
}

TEST(Names, WhatWouldLeaveTheFolderDoesNot) {
  EXPECT_EQ(safe_name(".."), "_.");
  EXPECT_EQ(safe_name("."), "_");
  EXPECT_EQ(safe_name("../../etc/passwd"), "_._.._etc_passwd");
  EXPECT_EQ(safe_name("/etc/passwd"), "_etc_passwd");
  EXPECT_EQ(safe_name("a\\b"), "a_b");
}

TEST(Names, ControlCharactersAreReplacedThoseOfUnicodeToo) {
  EXPECT_EQ(safe_name(std::string("a\0b\n\x1b[2J\x7f", 9)), "a_b__[2J_");
  EXPECT_EQ(safe_name("a\xC2\x9B"
                      "2J"),
            "a_2J");
  EXPECT_EQ(safe_name("\xC3\x9B"), "\xC3\x9B");  // U+00DB is a letter
}

TEST(Names, LeadingDotsHideNoFile) { EXPECT_EQ(safe_name(".bashrc"), "_bashrc"); }

TEST(Names, NothingIsUnnamed) { EXPECT_EQ(safe_name(""), "unnamed"); }

TEST(Names, LongOnesAreCutBetweenCharacters) {
  EXPECT_THAT(safe_name(std::string(300, 'x')), SizeIs(200));
  std::string umlauts = "x";
  for (int i = 0; i < 150; ++i) umlauts += "\xC3\xA4";
  EXPECT_THAT(safe_name(umlauts), SizeIs(199));
}

TEST(Names, LongOnesKeepTheirExtension) {
  const std::string name = safe_name(std::string(300, 'x') + ".tar.gif");
  EXPECT_THAT(name, SizeIs(200));
  EXPECT_TRUE(name.ends_with("x.gif"));
}

TEST(Names, LongOnesThatAreNoTextAreNotCutDownToTheirExtension) {
  EXPECT_EQ(safe_name(std::string(300, '\x80') + ".gif"), std::string(196, '\x80') + ".gif");
  Names names("{key}{ext}");
  const std::string url = "http://h/" + std::string(300, '\x80') + ".gif";
  EXPECT_EQ(names.name_for(stem_of(url), url), std::string(196, '\x80') + ".gif");
  EXPECT_EQ(names.name_for(stem_of(url), url), std::string(194, '\x80') + "-2.gif");
}

TEST(Names, ExtensionsAreWhatLooksLikeOne) {
  EXPECT_EQ(extension_of("http://host/flags/br/br.gif?x=1.png#y"), ".gif");
  EXPECT_EQ(extension_of("http://host/archive.tar.gz"), ".gz");
  EXPECT_EQ(extension_of("http://host/br"), "");
  EXPECT_EQ(extension_of("http://host.com"), "");
  EXPECT_EQ(extension_of("http://host.com/"), "");
  EXPECT_EQ(extension_of("http://host/.htaccess"), "");
  EXPECT_EQ(extension_of("http://host/a."), "");
  EXPECT_EQ(extension_of("http://host/v1.2 beta"), "");
  EXPECT_EQ(extension_of("http://host/a.averylongextension"), "");
}

TEST(Names, StemsAreTheLastSegmentWithoutExtension) {
  EXPECT_EQ(stem_of("http://host/flags/br/br.gif?x=1"), "br");
  EXPECT_EQ(stem_of("http://host/archive.tar.gz"), "archive.tar");
  EXPECT_EQ(stem_of("http://host/.htaccess"), ".htaccess");
  EXPECT_EQ(stem_of("http://host.com/"), "");
  EXPECT_EQ(stem_of("http://host.com"), "");
}

TEST(Names, TemplatesPutKeyAndExtensionWhereTheyAreAsked) {
  EXPECT_EQ(Names("{key}{ext}").name_for("BR", "http://h/br.gif"), "BR.gif");
  EXPECT_EQ(Names("flag-{key}").name_for("BR", "http://h/br.gif"), "flag-BR");
  EXPECT_EQ(Names("{key}/{key}{ext}").name_for("BR", "http://h/br.gif"), "BR_BR.gif");
  EXPECT_EQ(Names("").name_for("BR", "http://h/br.gif"), "unnamed");
}

TEST(Names, KeysAreNotTemplates) {
  EXPECT_EQ(Names("{key}{ext}").name_for("{ext}", "http://h/br.gif"), "{ext}.gif");
}

TEST(Names, TheLaterOfTwoGetsANumber) {
  Names names("{key}{ext}");
  EXPECT_EQ(names.name_for("a", "http://h/a.gif"), "a.gif");
  EXPECT_EQ(names.name_for("a", "http://h/x/a.gif"), "a-2.gif");
  EXPECT_EQ(names.name_for("a", "http://h/y/a.gif"), "a-3.gif");
  EXPECT_EQ(names.name_for("a", "http://h/a.png"), "a.png");
  EXPECT_EQ(names.name_for("b", "http://h/b"), "b");
  EXPECT_EQ(names.name_for("b", "http://h/b"), "b-2");
}

TEST(Names, NumbersDoNotMeetNamesThatLookLikeThem) {
  Names names("{key}{ext}");
  EXPECT_EQ(names.name_for("a-2", "http://h/a-2.gif"), "a-2.gif");
  EXPECT_EQ(names.name_for("a", "http://h/a.gif"), "a.gif");
  EXPECT_EQ(names.name_for("a", "http://h/a.gif"), "a-3.gif");
  EXPECT_EQ(names.name_for("a-2", "http://h/a-2.gif"), "a-2-2.gif");
}

TEST(Names, NumbersDoNotMakeLongNamesLonger) {
  Names names("{key}{ext}");
  const std::string url = "http://h/a.gif";
  const std::string key(300, 'x');
  EXPECT_THAT(names.name_for(key, url), SizeIs(200));
  const std::string second = names.name_for(key, url);
  EXPECT_THAT(second, SizeIs(200));
  EXPECT_TRUE(second.ends_with("x-2.gif")) << second;
}

TEST(Template, CodesGoInWhereTheyAreAskedFor) {
  EXPECT_EQ(fill_in("http://h/{cc}/{CC}/{key}.gif", "BR"), "http://h/br/BR/BR.gif");
  EXPECT_EQ(fill_in("http://h/{cC}", "BR"), "http://h/{cC}");
}

}  // namespace
}  // namespace flagship::fetch
