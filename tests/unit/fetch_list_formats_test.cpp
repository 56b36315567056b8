// SPDX-License-Identifier: MIT
// Tables, objects and packed lists: their columns, and what becomes of lines that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "common/os/sanitizers.hpp"
#include "master/fetch/list_items.hpp"
#include "master/fetch/list_text.hpp"
#include "master/fetch/pattern.hpp"
#include "tests/unit/fetch_lists.hpp"

namespace flagship::fetch {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kDigest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

std::string gzip(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string many_urls(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "http://h/" + std::to_string(i) + "\n";
  return text;
}

class Formats : public ListTest {
 protected:
  List list(const std::string& name, const std::string& bytes) const { return {file(bytes, name)}; }

  /// URLs; of what is no item the trouble, without the folder's name.
  std::vector<std::string> read(const List& list) {
    std::vector<std::string> read;
    for (const Item& item : all(list))
      read.push_back(item.trouble.empty() ? item.url
                                          : item.trouble.substr(item.trouble.rfind('/') + 1));
    return read;
  }
  std::vector<std::string> read(const std::string& name, const std::string& bytes) {
    return read(list(name, bytes));
  }

  /// Why it is of no use, and the same before it is begun.
  std::string refusal(const List& list) {
    std::string before = "counted";
    try {
      count_items(list, 10);
    } catch (const std::invalid_argument& error) {
      before = error.what();
    }
    try {
      all(list);
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(before, error.what());
      return error.what();
    }
    ADD_FAILURE() << "read";
    return {};
  }
};

TEST_F(Formats, AreToldByTheEndingInAnyCase) {
  EXPECT_EQ(format_of("a.csv").kind, ListKind::commas);
  EXPECT_EQ(format_of("A.CSV.GZ").kind, ListKind::commas);
  EXPECT_TRUE(format_of("A.CSV.GZ").gzip);
  EXPECT_EQ(format_of("a.tsv").kind, ListKind::tabs);
  EXPECT_EQ(format_of("a.jsonl.gz").kind, ListKind::objects);
  EXPECT_EQ(format_of("a.txt").kind, ListKind::lines);
  EXPECT_EQ(format_of("csv").kind, ListKind::lines);
  EXPECT_EQ(format_of("-").kind, ListKind::lines);
  EXPECT_FALSE(format_of("a.csv").gzip);
}

class Tables : public Formats {};

TEST_F(Tables, TheFirstLineNamesTheColumns) {
  EXPECT_THAT(read("l.csv", "id,url\n1,http://h/a\n2,http://h/b"),
              ElementsAre("http://h/a", "http://h/b"));
  EXPECT_THAT(read("l.tsv", "url\tid\nhttp://h/a,b\t1\n"), ElementsAre("http://h/a,b"));
}

TEST_F(Tables, QuotesHoldDelimitersQuotesAndLineEnds) {
  const auto items = all(list("l.csv",
                              "key,url,note\n\"a \"\"b\"\", c\",\"http://h/a,b\",\"two\r\nlines\"\n"
                              "d,http://h/d,\n"));
  ASSERT_THAT(items, SizeIs(2));
  EXPECT_EQ(items[0].key, "a \"b\", c");
  EXPECT_EQ(items[0].url, "http://h/a,b");
  EXPECT_EQ(items[1].key, "d");
}

TEST_F(Tables, ByteOrderMarkCarriageReturnsAndBlankLinesAreIgnored) {
  EXPECT_THAT(read("l.csv", "\xEF\xBB\xBF\"url\",id\r\n\r\nhttp://h/a,1\r\n\nhttp://h/b,2\r\n\r\n"),
              ElementsAre("http://h/a", "http://h/b"));
}

TEST_F(Tables, LinesAreCountedAlsoWithinQuotes) {
  EXPECT_THAT(read("l.csv", "url,note\nhttp://h/a,\"1\n2\n3\"\nnonsense,\n"),
              ElementsAre("http://h/a", "l.csv:5 holds no http or https URL"));
}

TEST_F(Tables, ALineWithMoreOrFewerValuesIsAnErrorOfItsOwn) {
  EXPECT_THAT(
      read("l.csv", "url,id\nhttp://h/a,b.gif,1\nhttp://h/a\nhttp://h/b,2\n"),
      ElementsAre("l.csv:2 has 3 values, where the first line names 2 columns",
                  "l.csv:3 has 1 value, where the first line names 2 columns", "http://h/b"));
}

TEST_F(Tables, TextBehindAQuotedValueIsAnErrorOfItsLine) {
  EXPECT_THAT(read("l.csv", "url\n\"http://h/a\"b\nhttp://h/b\n"),
              ElementsAre("l.csv:2 goes on behind a value in quotes", "http://h/b"));
}

TEST_F(Tables, AQuoteThatNeverEndsCostsAMebibyteAtMost) {
  EXPECT_THAT(read("l.csv", "url\n\"http://h/a\nhttp://h/b\n"),
              ElementsAre("l.csv:2 begins a value in quotes that never ends"));
  std::string text = "url\n\"http://h/x\n" + many_urls(200'000);
  const auto items = all(list("l.csv", text));
  EXPECT_EQ(items.front().trouble.substr(items.front().trouble.rfind('/') + 1),
            "l.csv:2 is longer than 1 MiB");
  EXPECT_EQ(items.back().url, "http://h/199999");
  EXPECT_GT(items.size(), 100'000u);
}

TEST_F(Tables, ALineOfADelimitersOnlyIsBounded) {
  EXPECT_THAT(read("l.csv", "url,a\n" + std::string(5'000'000, ',') + "\nhttp://h/a,1\n"),
              ElementsAre("l.csv:2 has more than 10000 values", "http://h/a"));
}

TEST_F(Tables, ColumnsAreFoundInOtherLettersAndWithBlanks) {
  EXPECT_THAT(read("l.csv", "ID, URL \n1, http://h/a \n"), ElementsAre("http://h/a"));
}

TEST_F(Tables, OnesWithoutTheColumnAreRefusedWithThoseThatThereAre) {
  EXPECT_THAT(refusal(list("l.csv", "id,link\n1,http://h/a\n")),
              AllOf(HasSubstr("--url: there is no column 'url'; there are: id, link"),
                    HasSubstr("l.csv:1")));
  List keyed = list("l.csv", "\nid,url\n1,http://h/a\n");
  keyed.key = "name";
  EXPECT_THAT(refusal(keyed), HasSubstr("--key: there is no column 'name'; there are: id, url"));
  List placed = list("l.csv", "id,url\n");
  placed.url_template = "http://h/{nr}";
  EXPECT_THAT(refusal(placed), HasSubstr("--template: there is no column 'nr'"));
  placed = list("l.csv", "id,url\n");
  placed.name_template = "{key}-{nr}";
  EXPECT_THAT(refusal(placed), HasSubstr("--name: there is no column 'nr'"));
}

TEST_F(Tables, TwoColumnsOfOneNameAreRefusedWhenItMatters) {
  EXPECT_THAT(refusal(list("l.csv", "url,url\n")), HasSubstr("two columns are called 'url'"));
  EXPECT_THAT(read("l.csv", "url,x,x\nhttp://h/a,1,2\n"), ElementsAre("http://h/a"));
}

TEST_F(Tables, OneWhoseFirstLineIsNoHeadingIsRefused) {
  EXPECT_THAT(refusal(list("l.csv", "\"url\"x\nhttp://h/a\n")), HasSubstr("names the columns"));
}

TEST_F(Tables, AnEmptyOneHasNoItems) {
  EXPECT_THAT(read("l.csv", ""), IsEmpty());
  EXPECT_THAT(read("l.csv", "url\n"), IsEmpty());
}

class Objects : public Formats {};

TEST_F(Objects, AreOneALine) {
  EXPECT_THAT(read("l.jsonl",
                   "\xEF\xBB\xBF{\"url\":\"http://h/a\"}\r\n\n{\"id\":1,\"url\":"
                   "\"http:\\/\\/h\\/b\"}"),
              ElementsAre("http://h/a", "http://h/b"));
}

TEST_F(Objects, WhatIsNoneIsAnErrorOfItsLine) {
  EXPECT_THAT(read("l.jsonl",
                   "[1]\n{\"url\":\n{\"id\":1}\n{\"url\":null}\n{\"url\":[]}\n"
                   "{\"url\":7}\n{\"url\":\"http://h/a\"}\n"),
              ElementsAre("l.jsonl:1 is no JSON object", "l.jsonl:2 is no JSON object",
                          "l.jsonl:3 has no 'url'", "l.jsonl:4 has no 'url'",
                          "l.jsonl:5 has a 'url' that is no text",
                          "l.jsonl:6 holds no http or https URL", "http://h/a"));
}

TEST_F(Objects, DeepOrHugeOnesAreErrorsOfTheirLines) {
  EXPECT_THAT(
      read("l.jsonl", std::string(500'000, '[') + "\n{\"url\":\"http://h/" +
                          std::string(3'000'000, 'x') + "\"}\n{\"url\":\"http://h/a\"}\n"),
      ElementsAre("l.jsonl:1 is no JSON object", "l.jsonl:2 is longer than 1 MiB", "http://h/a"));
}

TEST_F(Objects, NumbersAndTruthMayBePutIntoTexts) {
  List chosen = list("l.jsonl", "{\"id\":12345678901234567890,\"big\":true}\n{\"id\":2}\n");
  chosen.url_template = "http://h/{big}/{id}";
  EXPECT_THAT(read(chosen),
              ElementsAre("http://h/true/12345678901234567890", "l.jsonl:2 has no 'big'"));
}

class Columns : public Formats {};

TEST_F(Columns, AKeyComesFromItsColumnOrElseFromTheUrl) {
  const auto items =
      all(list("l.csv", "url,key\nhttp://h/a.gif,Brazil\nhttp://h/b.gif,\nhttp://h/,\n"));
  ASSERT_THAT(items, SizeIs(3));
  EXPECT_EQ(items[0].key, "Brazil");
  EXPECT_EQ(items[1].key, "b");
  EXPECT_EQ(items[2].key, "index");
}

TEST_F(Columns, MayHaveOtherNames) {
  List chosen = list("l.tsv", "link\turl\tname\nhttp://h/a\tx\tA\n");
  chosen.url = "link";
  chosen.key = "name";
  const auto items = all(chosen);
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].url, "http://h/a");
  EXPECT_EQ(items[0].key, "A");
}

TEST_F(Columns, AChecksumIsASha256InHexadecimal) {
  std::string upper = kDigest;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  List chosen = list("l.csv", "url,sum\nhttp://h/a," + kDigest + "\nhttp://h/b, " + upper +
                                  "\nhttp://h/c,\nhttp://h/d,+" + kDigest.substr(1) +
                                  "\nhttp://h/e," + kDigest + "00\n");
  chosen.checksum = "sum";
  const auto items = all(chosen);
  ASSERT_THAT(items, SizeIs(5));
  EXPECT_EQ(items[0].expected_sha256, sha256_of_hex(kDigest));
  EXPECT_THAT(items[0].expected_sha256, SizeIs(32));
  EXPECT_EQ(items[1].expected_sha256, items[0].expected_sha256);
  for (int i : {2, 3, 4})
    EXPECT_THAT(items[static_cast<std::size_t>(i)].trouble,
                HasSubstr("has no SHA-256 of 64 hexadecimal digits in 'sum'"));
}

TEST_F(Columns, GoIntoAUrlEncodedButForItsBeginning) {
  List chosen = list("l.csv", "base,id\nhttp://h/x,a b/\xC3\xA9?&\nnonsense,1\n");
  chosen.url_template = "{base}/{id}.gif?of={id}";
  EXPECT_THAT(read(chosen),
              ElementsAre("http://h/x/a%20b%2F%C3%A9%3F%26.gif?of=a%20b%2F%C3%A9%3F%26",
                          "l.csv:3 makes no http or https URL"));
}

TEST_F(Columns, TheKeyIsAPlaceOfATemplateToo) {
  List chosen = list("l.csv", "id\n7\n");
  chosen.key = "id";
  chosen.url_template = "http://h/{key}.gif";
  const auto items = all(chosen);
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].url, "http://h/7.gif");
  EXPECT_EQ(items[0].key, "7");
}

TEST_F(Columns, ATextFileHasOneThatIsCalledLine) {
  List chosen = list("ids.txt", "# ids\n 7 \nx/y\n");
  chosen.url_template = "http://h/{line}.gif";
  EXPECT_THAT(read(chosen), ElementsAre("http://h/7.gif", "http://h/x%2Fy.gif"));
  chosen.url_template = "http://h/{id}.gif";
  EXPECT_THAT(refusal(chosen), HasSubstr("--template: there is no column 'id'; a text file has"));
}

TEST_F(Columns, MakeTheNameOfAFile) {
  List chosen = list("l.csv", "url,set\nhttp://h/a.gif,train\nhttp://h/b,{key}\n");
  chosen.name_template = "{set}-{key}{ext}";
  const auto items = all(chosen);
  ASSERT_THAT(items, SizeIs(2));
  EXPECT_EQ(items[0].name, "train-a.gif");
  EXPECT_EQ(items[1].name, "{key}-b");  // what a list says is no template
}

TEST_F(Columns, WithoutATemplateOfColumnsThereIsNoWishedName) {
  EXPECT_FALSE(all(list("l.csv", "url\nhttp://h/a\n")).at(0).name);
}

class Packed : public Formats {};

TEST_F(Packed, ListsAreReadAsIfTheyWereNot) {
  EXPECT_THAT(read("l.txt.gz", gzip("# c\nhttp://h/a\n")), ElementsAre("http://h/a"));
  EXPECT_THAT(read("l.csv.gz", gzip("url\nhttp://h/a\n")), ElementsAre("http://h/a"));
  EXPECT_THAT(read("l.jsonl.gz", gzip("{\"url\":\"http://h/a\"}")), ElementsAre("http://h/a"));
  EXPECT_THAT(all(list("l.txt.gz", gzip(many_urls(50'000)))), SizeIs(50'000));
}

TEST_F(Packed, SeveralOneBehindTheOtherAreOne) {
  EXPECT_THAT(read("l.txt.gz", gzip("http://h/a\nhttp:") + gzip("//h/b\n") + gzip("") +
                                   gzip("http://h/c") + std::string(512, '\0')),
              ElementsAre("http://h/a", "http://h/b", "http://h/c"));
}

TEST_F(Packed, OnesThatAreCutShortGiveWhatTheyHave) {
  const std::string packed = gzip("http://h/a\nhttp://h/b\n");
  const auto items = all(list("l.txt.gz", packed.substr(0, packed.size() - 4)));
  ASSERT_THAT(items, SizeIs(3));
  EXPECT_EQ(items[1].url, "http://h/b");
  EXPECT_EQ(items[2].trouble,
            "the list could not be read to its end: what gzip packed is cut short");
  EXPECT_THAT(all(list("l.txt.gz", "")).at(0).trouble, HasSubstr("cut short"));
}

TEST_F(Packed, DamagedOnesGiveWhatTheyHave) {
  const auto items = all(list("l.txt.gz", gzip("http://h/a\n") + "garbage"));
  ASSERT_THAT(items, SizeIs(2));
  EXPECT_EQ(items[0].url, "http://h/a");
  EXPECT_EQ(items[1].trouble, "the list could not be read to its end: what gzip packed is damaged");
  EXPECT_THAT(all(list("l.txt.gz", "http://h/a\n")).at(0).trouble, HasSubstr("damaged"));
}

TEST_F(Packed, ALittleThatBecomesVeryMuchIsReadInPieces) {
  ListText text({ListKind::lines, true}, {{"line", ""}});
  std::size_t most = 0, all = 0;
  const auto take = [&](std::deque<Row>& rows) {
    most = std::max(most, rows.size());
    all += rows.size();
    rows.clear();
    return true;
  };
  constexpr std::size_t kLines = kSanitized ? 400'000 : 4'000'000;
  std::string lines;
  for (std::size_t i = 0; i < kLines; ++i) lines += "x\n";
  const std::string packed = gzip(lines);
  EXPECT_LT(packed.size(), 64u * 1024);
  EXPECT_TRUE(text.add(packed, take));
  EXPECT_TRUE(text.finish(take));
  EXPECT_EQ(all, kLines);
  EXPECT_LE(most, 64u * 1024);
}

TEST_F(Formats, AreCountedAsFarAsItMatters) {
  EXPECT_EQ(count_items(list("l.csv", "url,a\n\nhttp://h/a,\"\n\n\"\nbad\n"), 100), 2u);
  EXPECT_EQ(count_items(list("l.jsonl", "{}\n\n{}\n{}"), 100), 3u);
  EXPECT_EQ(count_items(list("l.jsonl", "{}\n{}\n{}"), 2), 2u);
  EXPECT_EQ(count_items(list("l.txt.gz", gzip("# c\na\nb\n")), 100), 2u);
  EXPECT_EQ(count_items(list("l.txt.gz", gzip(many_urls(100'000))), 30), 30u);
  EXPECT_EQ(count_items(list("l.txt.gz", "nonsense"), 100), 1u);
}

TEST_F(Formats, APipeIsReadOnceAndBeforeItsEnd) {
  const std::string path = folder_ / "pipe.csv";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(count_items({path}, 7), 7u);
  const int writer = ::open(path.c_str(), O_RDWR);
  const auto source = open({path});
  ASSERT_EQ(write(writer, "url,id\nhttp://h/a,1\nhttp", 24), 24);
  EXPECT_EQ(next(*source).value_or(Item{}).url, "http://h/a");
  ASSERT_EQ(write(writer, "://h/b,2\n", 9), 9);
  EXPECT_EQ(next(*source).value_or(Item{}).url, "http://h/b");
  close(writer);
  EXPECT_FALSE(next(*source));
}

TEST_F(Formats, HowManyThereAreIsKnownAtTheEndAndGuessedBefore) {
  const auto small = open({file("http://h/a\n# c\nbad\n")});
  while (next(*small)) {
  }
  EXPECT_EQ(small->expected()->items, 2u);
  EXPECT_TRUE(small->expected()->exact);
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "http://h/" + std::to_string(100'000 + i) + "\n";
  const auto large = open({file(text)});
  ASSERT_TRUE(next(*large));
  EXPECT_FALSE(large->expected()->exact);  // no more than some are read ahead
  EXPECT_NEAR(static_cast<double>(large->expected()->items), 100'000, 50'000);
  const auto limited = open({file(text)}, 10);
  ASSERT_TRUE(next(*limited));
  EXPECT_EQ(limited->expected()->items, 10u);
  EXPECT_TRUE(limited->expected()->exact);
}

TEST_F(Formats, WhatIsNoItemIsToldAtOnce) {
  std::vector<std::string> told;
  const auto source = telling_trouble(open({file("http://h/a\nbad\n")}), [&](const Item& item) {
    told.push_back(item.trouble.substr(item.trouble.rfind('/') + 1));
  });
  while (next(*source)) {
  }
  EXPECT_THAT(told, ElementsAre("list.txt:2 holds no http or https URL"));
}

TEST(Patterns, HaveTheirPlacesOnceAndInOrder) {
  EXPECT_THAT(Pattern("a{b}c{d}{b}").places(), ElementsAre("b", "d"));
  EXPECT_THAT(Pattern("").places(), IsEmpty());
  EXPECT_THAT(Pattern("no { place }, but one").places(), ElementsAre(" place "));
}

TEST(Patterns, AreFilledOnce) {
  const auto twice = [](const std::string& place, bool) { return "{" + place + place + "}"; };
  EXPECT_EQ(Pattern("a{b}c{d}").fill(twice), "a{bb}c{dd}");
  EXPECT_EQ(Pattern("open { brace").fill(twice), "open { brace");
  EXPECT_EQ(Pattern("} {a} {").fill(twice), "} {aa} {");
}

TEST(Patterns, EncodeAllThatMeansSomethingInAUrl) {
  EXPECT_EQ(percent_encoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encoded("/?#%&+ :@\n\xFF"), "%2F%3F%23%25%26%2B%20%3A%40%0A%FF");
}

}  // namespace
}  // namespace flagship::fetch
