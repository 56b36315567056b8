// SPDX-License-Identifier: MIT
// Lists of codes and URLs, as they are read.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "flagship/flagship.hpp"
#include "flagship/v1/fetch.pb.h"
#include "master/fetch/country_codes.hpp"
#include "master/fetch/source.hpp"
#include "tests/unit/fetch_lists.hpp"

namespace flagship::fetch {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Lists : public ListTest {
 protected:
  std::vector<Item> items(const std::string& bytes, std::optional<std::size_t> limit = {}) {
    return all({file(bytes)}, limit);
  }

  std::vector<std::string> urls(const std::string& bytes, std::optional<std::size_t> limit = {}) {
    std::vector<std::string> urls;
    for (const Item& item : items(bytes, limit))
      urls.push_back(item.trouble.empty() ? item.url : "bad");
    return urls;
  }
};

TEST_F(Lists, HoldAUrlALineInTheirOrder) {
  EXPECT_THAT(urls("http://h/b\nhttps://h/a\n"), ElementsAre("http://h/b", "https://h/a"));
}

TEST_F(Lists, BlankLinesAndCommentsAreSkipped) {
  EXPECT_THAT(urls("# first\n\n   \n\t\nhttp://h/a\n  # indented\nhttp://h/b#not-a-comment\n"),
              ElementsAre("http://h/a", "http://h/b#not-a-comment"));
}

TEST_F(Lists, ByteOrderMarkAndCarriageReturnsAreIgnored) {
  EXPECT_THAT(urls("\xEF\xBB\xBFhttp://h/a\r\nhttp://h/b\r\n"),
              ElementsAre("http://h/a", "http://h/b"));
  EXPECT_THAT(urls("\xEF\xBB\xBF# comment\r\n\r\nhttp://h/a"), ElementsAre("http://h/a"));
}

TEST_F(Lists, TheLastLineNeedsNoNewline) { EXPECT_THAT(urls("http://h/a\nhttp://h/b"), SizeIs(2)); }

TEST_F(Lists, AnEmptyOneHasNoItems) {
  EXPECT_THAT(urls(""), IsEmpty());
  EXPECT_THAT(urls("\n# nothing\n\n"), IsEmpty());
}

TEST_F(Lists, SchemesCountInAnyCase) {
  EXPECT_THAT(urls("HTTP://h/a\nHttps://h/b\n"), Not(testing::Contains("bad")));
}

TEST_F(Lists, ALineWithoutAUrlIsAnErrorThatHasItsNumber) {
  const auto read = items("# comment\n\nhttp://h/a\nnot a url\nftp://h/x\nhttp://\nhttp://h/a b\n");
  ASSERT_THAT(read, SizeIs(5));
  EXPECT_EQ(read[0].trouble, "");
  for (std::size_t i = 1; i < read.size(); ++i) {
    const std::string number = std::to_string(i + 3);
    EXPECT_EQ(read[i].index, i);
    EXPECT_EQ(read[i].key, "line " + number);
    EXPECT_THAT(read[i].trouble, HasSubstr("list.txt:" + number + " holds no http or https URL"));
  }
}

TEST_F(Lists, KeysAreTheLastSegmentOfTheUrl) {
  const auto read = items("http://h/flags/br.gif\nhttp://h/\nhttp://h\n");
  ASSERT_THAT(read, SizeIs(3));
  EXPECT_EQ(read[0].key, "br");
  EXPECT_EQ(read[1].key, "index");
  EXPECT_EQ(read[2].key, "index");
}

TEST_F(Lists, TheLimitIsOfItems) {
  EXPECT_THAT(urls("# c\nhttp://h/a\n\nbad\nhttp://h/b\nhttp://h/c\n", 3),
              ElementsAre("http://h/a", "bad", "http://h/b"));
}

TEST_F(Lists, AHugeLineIsAnErrorAndTheNextIsRead) {
  EXPECT_THAT(urls("http://h/" + std::string(10'000'000, 'x') + "\nhttp://h/a\n"),
              ElementsAre("bad", "http://h/a"));
}

TEST_F(Lists, NulBytesDoNotEndALine) {
  const auto read = items(std::string("http://h/a\0b\nhttp://h/c\n", 24));
  ASSERT_THAT(read, SizeIs(2));
  EXPECT_EQ(read[0].url, std::string("http://h/a\0b", 12));
  EXPECT_EQ(read[1].url, "http://h/c");
}

TEST_F(Lists, AUrlThatIsNoUtf8ReachesItsWorkerAsItIs) {
  const std::string url = "http://h/caf\xE9.gif";
  EXPECT_THAT(urls(url), ElementsAre(url));
  v1::FetchRequest request;
  request.set_url(url);
  request.set_key("caf\xE9");
  request.set_path("caf\xE9.gif");
  std::string bytes;
  Writer(bytes).put(request);
  const auto arrived = Reader(bytes).get<v1::FetchRequest>();
  EXPECT_EQ(arrived.url(), url);
  EXPECT_EQ(arrived.path(), "caf\xE9.gif");
}

TEST_F(Lists, ManyLinesComeWholeAndInOrder) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "http://h/" + std::to_string(i) + "\n";
  const auto read = items(text);
  ASSERT_THAT(read, SizeIs(50'000));
  for (std::size_t i = 0; i < read.size(); ++i) ASSERT_EQ(read[i].key, std::to_string(i));
}

TEST_F(Lists, OneThatCannotBeOpenedIsRefusedByName) {
  try {
    open({folder_ / "none.txt"});
    ADD_FAILURE() << "opened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("none.txt"), HasSubstr("No such file")));
  }
}

TEST_F(Lists, AFolderIsAllListsInItInTheOrderOfTheirNames) {
  file("{\"url\":\"http://h/3\"}\n", "c.jsonl");
  file("id,url\n7,http://h/1\n", "a.csv");
  file("bad\nhttp://h/2\n", "b.txt");
  file("", "d.txt");
  file("http://h/0\n", ".hidden.txt");
  file("http://h/0\n", "README.md");
  std::filesystem::create_directory(folder_ / "e.txt");
  std::filesystem::create_symlink("nowhere", folder_ / "f.txt");
  const auto read = all({folder_});
  ASSERT_THAT(read, SizeIs(4));
  EXPECT_EQ(read[0].url, "http://h/1");
  EXPECT_THAT(read[1].trouble, AllOf(HasSubstr("b.txt:1 "), HasSubstr("no http or https URL")));
  EXPECT_EQ(read[2].url, "http://h/2");
  EXPECT_EQ(read[3].url, "http://h/3");
  for (std::size_t i = 0; i < read.size(); ++i) EXPECT_EQ(read[i].index, i);
  EXPECT_THAT(all({folder_}, 3), SizeIs(3));
  EXPECT_EQ(count_items({folder_}, 100), 4u);
  EXPECT_EQ(count_items({folder_}, 3), 3u);
}

TEST_F(Lists, TheListsOfAFolderMustHaveTheColumnsThatAreAskedFor) {
  file("url,set\nhttp://h/1,a\n", "a.csv");
  file("url\nhttp://h/2\n", "b.csv");
  try {
    count_items({folder_, "set"}, 1);
    ADD_FAILURE() << "counted";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("'set'"), HasSubstr("b.csv")));
  }
}

TEST_F(Lists, AFolderGuessesItsItemsUntilItHasReadThem) {
  file("http://h/1\nhttp://h/2\n", "a.txt");
  file("http://h/3\nhttp://h/4\n", "b.txt");
  const auto source = open({folder_});
  EXPECT_EQ(source->size(), std::nullopt);
  next(*source);
  ASSERT_TRUE(source->expected());
  EXPECT_EQ(source->expected()->items, 4u);
  while (next(*source)) continue;
  EXPECT_EQ(source->size(), 4u);
}

TEST_F(Lists, AFolderWithoutListsIsRefused) {
  file("http://h/1\n", "urls");
  try {
    open({folder_});
    ADD_FAILURE() << "opened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds no list"));
  }
}

TEST_F(Lists, FilesAreCountedAsFarAsItMatters) {
  EXPECT_EQ(count_items({file("# c\n\n http://h/a\r\nbad\n\t\r\nhttp://h/b")}, 100), 3u);
  EXPECT_EQ(count_items({file("a\nb\nc\n")}, 2), 2u);
  EXPECT_EQ(count_items({file("")}, 7), 0u);
  EXPECT_EQ(count_items({folder_ / "none"}, 7), 7u);
  EXPECT_EQ(count_items({"-"}, 7), 7u);
  EXPECT_EQ(count_items({"/dev/null"}, 7), 7u);
}

TEST_F(Lists, ASlowPipeYieldsWhatItHasBeforeItsEnd) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);
  const auto source = open({path});
  EXPECT_TRUE(std::holds_alternative<NotYet>(source->next()));
  ASSERT_EQ(write(writer, "http://h/a\nhttp://h/", 20), 20);
  EXPECT_EQ(next(*source).value_or(Item{}).url, "http://h/a");
  EXPECT_TRUE(std::holds_alternative<NotYet>(source->next()));
  ASSERT_EQ(write(writer, "b\n", 2), 2);
  EXPECT_EQ(next(*source).value_or(Item{}).url, "http://h/b");
  close(writer);
  EXPECT_FALSE(next(*source));
}

TEST_F(Lists, DestructionDoesNotWaitForAPipe) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);
  open({path}).reset();
  close(writer);
}

}  // namespace
}  // namespace flagship::fetch
