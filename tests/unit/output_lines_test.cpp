// SPDX-License-Identifier: MIT
// How the output of workers is cut into lines, and written where nobody may read it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "common/os/unique_fd.hpp"
#include "master/pool/io/lines.hpp"
#include "master/pool/io/printer.hpp"

namespace flagship::pool {
namespace {

std::string cut(LineCutter& cutter, std::string_view bytes) {
  std::string lines;
  cutter.add(bytes, lines);
  return lines;
}

std::string rest(LineCutter& cutter) {
  std::string lines;
  cutter.end(lines);
  return lines;
}

TEST(LineCutter, gives_lines_when_they_are_whole) {
  LineCutter cutter;
  EXPECT_EQ(cut(cutter, "a"), "");
  EXPECT_EQ(cut(cutter, "b\nc"), "ab\n");
  EXPECT_EQ(cut(cutter, "\n\nd\ne"), "c\n\nd\n");
  EXPECT_EQ(rest(cutter), "e\n");
  EXPECT_EQ(rest(cutter), "");
}

TEST(LineCutter, says_how_much_of_a_long_line_it_left_out) {
  LineCutter cutter;
  const std::string most(LineCutter::kLongest, 'x');
  EXPECT_EQ(cut(cutter, most), "");
  EXPECT_EQ(cut(cutter, "\n"), most + "\n") << "this long it may be";
  EXPECT_EQ(cut(cutter, most + "y"), "");
  EXPECT_EQ(cut(cutter, "\nshort\n"), most + " ... 1 byte left out\nshort\n");
  cut(cutter, most);
  cut(cutter, most);
  EXPECT_EQ(rest(cutter), most + " ... " + std::to_string(most.size()) + " bytes left out\n");
}

std::string tail_of(std::string_view lines) {
  Tail tail;
  tail.add(lines);
  return tail.text();
}

TEST(Tail, is_all_when_there_is_little) {
  EXPECT_EQ(tail_of(""), "");
  EXPECT_EQ(tail_of("\n"), "");
  EXPECT_EQ(tail_of("one\n\ntwo\n"), "one\n\ntwo");
}

TEST(Tail, is_of_the_last_lines) {
  std::string lines, last;
  for (int i = 0; i < 100; ++i) {
    lines += std::to_string(i) + "\n";
    if (i >= 80) last += std::to_string(i) + "\n";
  }
  last.pop_back();
  EXPECT_EQ(tail_of(lines), last);
  EXPECT_EQ(tail_of(std::string(30, '\n')), std::string(19, '\n'));
}

TEST(Tail, is_bounded_and_begins_with_a_line) {
  Tail tail;
  for (int i = 0; i < 1000; ++i) tail.add(std::string(999, 'x') + "\n");
  EXPECT_EQ(tail.text().size(), 4u * 1000 - 1);
  tail.add(std::string(100'000, 'y') + "\n");
  EXPECT_EQ(tail.text(), std::string(Tail::kMostBytes, 'y')) << "the end of one long line";
}

struct Pipe {
  UniqueFd read, write;
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
    fcntl(read.get(), F_SETFL, O_NONBLOCK);
  }
  std::string take() {
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t got = 0; (got = ::read(read.get(), buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
  }
};

TEST(Printer, puts_the_prefix_before_each_line) {
  Pipe pipe;
  Printer printer(pipe.write.get());
  printer.add("[w] ", "one\n\ntwo\n");
  EXPECT_TRUE(printer.unwritten());
  printer.flush();
  EXPECT_FALSE(printer.unwritten());
  EXPECT_EQ(pipe.take(), "[w] one\n[w] \n[w] two\n");
}

TEST(Printer, keeps_what_nobody_reads_for_later_and_counts_what_is_too_much) {
  Pipe pipe;
  const std::string line = std::string(1023, 'x') + "\n";
  Printer printer(pipe.write.get());
  constexpr std::size_t kLines = 1024;
  for (std::size_t i = 0; i < kLines; ++i) printer.add("", line);
  EXPECT_TRUE(printer.full());
  std::string text;
  while (printer.unwritten()) {
    text += pipe.take();
    printer.flush();
  }
  text += pipe.take();
  const std::size_t note = text.find("flagship: ");
  ASSERT_NE(note, std::string::npos);
  EXPECT_EQ(note % line.size(), 0u) << "between lines";
  EXPECT_GE(note, Printer::kMost);
  EXPECT_EQ(text.substr(note), "flagship: " + left_out(kLines * line.size() - note) + "\n");
}

TEST(Printer, drops_what_nobody_can_ever_read) {
  Pipe pipe;
  Printer printer(pipe.write.get());
  printer.add("", "text\n");
  pipe.write.reset();
  printer.flush();
  EXPECT_FALSE(printer.unwritten());
}

}  // namespace
}  // namespace flagship::pool
