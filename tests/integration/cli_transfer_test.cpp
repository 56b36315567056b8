// SPDX-License-Identifier: MIT
// How `flagship fetch` makes its requests and keeps its bodies, as users see it.
#include <archive.h>
#include <archive_entry.h>
#include <signal.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "common/os/sanitizers.hpp"
#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/tls_server.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

class Transfers : public CliTest {
 protected:
  /// A list of so many URLs of `base`, "0" and on.
  void list(const std::string& base, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += base + "/" + std::to_string(i) + "\n";
    write("list.txt", lines);
  }

  static Words fetching(Words more) {
    Words words{"fetch", "--from", "list.txt", "--allow-private"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  /// Bytes that there are of a body whose end is not there yet.
  std::size_t kept() const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(here() / "downloads", error))
      if (entry.path().extension() == ".part") {
        const auto bytes = fs::file_size(entry.path(), error);
        return error ? 0 : bytes;
      }
    return 0;
  }

  /// How often each name is in the shards of the output folder.
  std::map<std::string, int> entries() const {
    std::map<std::string, int> found;
    for (const std::string& name : files()) {
      EXPECT_TRUE(name.ends_with(".tar")) << name;
      const std::unique_ptr<archive, int (*)(archive*)> tar(archive_read_new(), archive_read_free);
      archive_read_support_format_tar(tar.get());
      archive_read_open_filename(tar.get(), (here() / "downloads" / name).c_str(), 10240);
      archive_entry* entry = nullptr;
      while (archive_read_next_header(tar.get(), &entry) == ARCHIVE_OK)
        ++found[archive_entry_pathname(entry)];
    }
    return found;
  }
};

// ---- options ------------------------------------------------------------------------------------

TEST_F(Transfers, OptionsThatMakeNoSenseAreUsageErrorsThatNameThem) {
  list("http://127.0.0.1:1", 1);
  write("empty", "");
  for (const Words& odd : std::vector<Words>{
           {"--header", "no colon"},
           {"--header", "Range: bytes=1-"},
           {"--header", "@missing"},
           {"--bearer", "missing"},
           {"--bearer", "empty"},
           {"--bearer", "env:FLAGSHIP_TEST_NOT_SET"},
           {"--proxy", "ftp://127.0.0.1"},
           {"--proxy", "http://me:s3cret@127.0.0.1"},
           {"--netrc-file", "missing"},
           {"--cookie-file", "missing"},
           {"--cacert", "missing"},
           {"--cert", "missing"},
           {"--accept-type", "gif"},
           {"--http", "1.0"},
           {"--doh", "http://127.0.0.1/"},
           {"--dns-timeout", "soon"},
           {"--robots", "--header=User-Agent: (nobody)"},
           {"--tls-min", "1.1"},
           {"--resolve", "host:80"},
           {"--resolve", "host:0:10.0.0.1"},
           {"--resolve", "host:80:10.0.0.1,elsewhere"},
           {"--resolve", ":80:10.0.0.1"},
           {"--resolve", "@missing"},
           {"--limit-rate", "fast"},
           {"--fsync", "often"},
           {"--sink", "zip"},
       }) {
    const Ended ended = flagship(fetching(odd));
    EXPECT_EQ(ended.exit_code, 2) << odd[0] << " " << odd[1];
    EXPECT_THAT(ended.err, AllOf(HasSubstr(odd[0]), Not(HasSubstr("s3cret"))));
    EXPECT_THAT(names_in(here()), Not(Contains("downloads")));
  }
}

TEST_F(Transfers, TheVersionOfHttpIsSaidOnRequest) {
  ScriptedServer server(
      each_request([](Peer& peer, const std::string&) { peer.send(response("200 OK", "good")); }));
  list(server.url(""), 1);
  EXPECT_THAT(flagship(fetching({"-v"})).err, HasSubstr("Requests are HTTP/"));
  EXPECT_THAT(flagship(fetching({"-v", "--http", "1.1"})).err,
              HasSubstr("Requests are HTTP/1.1.\n"));
}

TEST_F(Transfers, AVersionOfHttpThatLibcurlDoesNotHaveIsRefused) {
  list("http://127.0.0.1:1", 1);
  const Ended ended = flagship(fetching({"--http", "3"}));
  if (ended.exit_code == 1) GTEST_SKIP() << "libcurl has HTTP/3 here";
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, MatchesRegex("flagship fetch: --http: libcurl .* was built without "
                                      "HTTP/3\n(.|\n)*"));
}

// ---- secrets ------------------------------------------------------------------------------------

TEST_F(Transfers, SecretsReachTheServerAndShowNowhereElse) {
  std::mutex mutex;
  std::vector<std::string> heads;
  Event seen, go_on;
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    {
      const std::lock_guard lock(mutex);
      heads.push_back(request);
    }
    seen.set();
    go_on.wait(kPatience);
    peer.send(response("403 Forbidden", ""));
  }));
  list(server.url(""), 3);
  write("headers", "# ours\nX-Key: s3cret\n\n");
  Command fetch = command(fetching({"--bearer", "env:TOKEN", "-H", "@headers", "-v"}));
  fetch.env["TOKEN"] = "s3cret";
  Program program(fetch);
  ASSERT_TRUE(seen.wait(kPatience));
  for (const auto& process : program.processes())
    EXPECT_THAT(read_file("/proc/" + std::to_string(process.pid) + "/cmdline"),
                Not(HasSubstr("s3cret")));
  go_on.set();
  const Ended ended = program.wait();
  EXPECT_THAT(ended.out + ended.err, Not(HasSubstr("s3cret")));
  EXPECT_THAT(heads, SizeIs(3));
  EXPECT_THAT(heads, Each(AllOf(HasSubstr("Authorization: Bearer s3cret\r\n"),
                                HasSubstr("X-Key: s3cret\r\n"))));
}

// ---- bodies that are cut off --------------------------------------------------------------------

std::string numbers(std::size_t at_least) {
  std::string text;
  for (int i = 0; text.size() < at_least; ++i) text += std::to_string(i) + ",";
  return text;
}

/// Of the range that a request asks for; 0: of the whole.
std::size_t first_byte_of(const std::string& request) {
  const auto at = request.find("Range: bytes=");
  return at == std::string::npos ? 0 : std::stoul(request.substr(at + 13));
}

/// An answer that promises all from `first` on and sends no more than `most` bytes of it.
std::string part_of(const std::string& body, std::size_t first, std::size_t most,
                    const std::string& etag = "\"1\"") {
  const std::string range = std::to_string(first) + "-" + std::to_string(body.size() - 1) + "/" +
                            std::to_string(body.size());
  return (first == 0 ? "HTTP/1.1 200 OK\r\n"
                     : "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + range + "\r\n") +
         "ETag: " + etag + "\r\nContent-Length: " + std::to_string(body.size() - first) +
         "\r\n\r\n" + body.substr(first, most);
}

TEST_F(Transfers, ABodyThatIsCutOffIsGoneOnWithByTheNextAttempt) {
  const std::string body = numbers(2'000'000);
  for (const std::string& executor : kExecutors) {
    std::atomic<int> ranges = 0;
    ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
      const std::size_t first = first_byte_of(request);
      ranges += first > 0 ? 1 : 0;
      peer.send(part_of(body, first, 700'000));
      if (body.size() - first > 700'000) peer.close();
    }));
    list(server.url(""), 1);
    const Ended ended = flagship(fetching({"-q", "-x", executor}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_EQ(ranges, 2);
    EXPECT_THAT(files(), ElementsAre("0"));
    EXPECT_TRUE(read_file(here() / "downloads" / "0") == body);
    fs::remove_all(here() / "downloads");
  }
}

TEST_F(Transfers, ABodyWhoseWorkerIsKilledIsGoneOnWithByTheNextWorker) {
  const std::string body = numbers(2'000'000);
  std::mutex mutex;
  std::vector<std::string> heads;
  ScriptedServer server(each_request([&](Peer& peer, const std::string& request) {
    const std::size_t first = first_byte_of(request);
    {
      const std::lock_guard lock(mutex);
      heads.push_back(request);
    }
    peer.send(part_of(body, first, first == 0 ? 1'000'000 : body.size()));
    if (first == 0) peer.hold();
  }));
  list(server.url(""), 1);
  Program program(command(fetching({"--json"})));
  ASSERT_TRUE(wait_until([&] { return kept() >= 500'000; }));
  const std::size_t there = kept();
  for (const auto& worker : program.workers()) ::kill(worker.pid, SIGKILL);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(by_key(ended.out).at("0")["attempts"], 2);
  EXPECT_EQ(by_key(ended.out).at("0")["sha256"], sha256_of(body));
  EXPECT_TRUE(read_file(here() / "downloads" / "0") == body);
  EXPECT_THAT(files(), ElementsAre("0"));
  ASSERT_THAT(heads, SizeIs(2));
  EXPECT_GE(first_byte_of(heads[1]), there);
  EXPECT_THAT(heads[1], HasSubstr("If-Range: \"1\"\r\n"));
}

TEST_F(Transfers, ABodyWhoseWorkerIsKilledIsFetchedAnewWhenItHasChanged) {
  const std::string before = numbers(2'000'000), after(2'000'000, 'x');
  std::atomic<int> requests = 0;
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    if (++requests > 1) return void(peer.send(part_of(after, 0, after.size(), "\"2\"")));
    peer.send(part_of(before, 0, 1'000'000));
    peer.hold();
  }));
  list(server.url(""), 1);
  Program program(command(fetching({"--json"})));
  ASSERT_TRUE(wait_until([&] { return kept() >= 500'000; }));
  for (const auto& worker : program.workers()) ::kill(worker.pid, SIGKILL);
  EXPECT_EQ(program.wait().exit_code, 0);
  EXPECT_TRUE(read_file(here() / "downloads" / "0") == after);
  EXPECT_THAT(files(), ElementsAre("0"));
}

TEST_F(Transfers, APartOfWhatNeverCameIsSweptWhenTheRunIsOver) {
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 900000\r\n\r\n" +
              std::string(500'000, 'x'));
    peer.close();
  }));
  list(server.url(""), 1);
  EXPECT_EQ(flagship(fetching({"-q", "--retries", "0"})).exit_code, 1);
  EXPECT_THAT(left(), ElementsAre("list.txt"));
}

// ---- tar files ----------------------------------------------------------------------------------

ScriptedServer::Script good() {
  return each_request(
      [](Peer& peer, const std::string&) { peer.send(response("200 OK", "good")); });
}

TEST_F(Transfers, BodiesGoIntoTarFilesWithEachExecutor) {
  ScriptedServer server(good());
  list(server.url(""), 100);
  for (const std::string& executor : kExecutors) {
    const Ended ended = flagship(
        fetching({"--sink", "tar", "--shard-size", "50k", "--json", "-w", "2", "-x", executor}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    const auto items = by_key(ended.out);
    EXPECT_THAT(items, SizeIs(100));
    const auto found = entries();
    EXPECT_THAT(found, SizeIs(200));
    for (const auto& [name, times] : found) EXPECT_EQ(times, 1) << name;
    for (const auto& [key, item] : items)
      EXPECT_EQ(found.count(item["path"].get<std::string>()), 1u) << item;
    fs::remove_all(here() / "downloads");
  }
}

TEST_F(Transfers, WhatWasReportedIsInTheShardsAlthoughWorkersAreKilled) {
  std::atomic<int> answered = 0;
  Event some;
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    peer.send(response("200 OK", "good"));
    if (++answered == 300) some.set();
  }));
  list(server.url(""), 5000);
  Program program(command(fetching({"--sink", "tar", "--json", "-w", "2"})));
  ASSERT_TRUE(some.wait(kPatience));
  for (const auto& worker : program.workers()) ::kill(worker.pid, SIGKILL);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  const auto found = entries();
  for (const auto& [key, item] : by_key(ended.out)) {
    EXPECT_EQ(item["outcome"], "ok");
    EXPECT_EQ(found.count(item["path"].get<std::string>()), 1u) << item;
  }
}

TEST_F(Transfers, ShardsOfARunThatWasKilledAreCompletedByTheNext) {
  std::atomic<int> answered = 0;
  Event some;
  ScriptedServer server(each_request([&](Peer& peer, const std::string&) {
    if (answered >= 300) return peer.hold();
    peer.send(response("200 OK", "good"));
    if (++answered == 300) some.set();
  }));
  list(server.url(""), 1000);
  Program killed(command(fetching({"--sink", "tar", "--json", "-w", "2"})));
  ASSERT_TRUE(some.wait(kPatience));
  ASSERT_TRUE(wait_until([&] { return lines_of(killed.out()).size() >= 200; }));
  killed.signal(SIGKILL);
  const std::string reported = killed.wait().out;
  ASSERT_TRUE(wait_until([&] { return killed.processes().empty(); }));
  write("list.txt", "");
  EXPECT_EQ(flagship(fetching({"--sink", "tar", "-q"})).exit_code, 0);
  const auto found = entries();
  for (const std::string& line : lines_of(reported)) {
    const Json item = Json::parse(line, nullptr, false);
    if (item.is_discarded()) continue;  // cut off by the kill
    EXPECT_EQ(found.count(item["path"].get<std::string>()), 1u) << line;
  }
  for (const std::string& folder : runtime_folders())
    fs::remove_all(folder_.path() / "run" / folder);
}

// ---- real servers -------------------------------------------------------------------------------

TEST_F(Transfers, RealServersWithTlsAndHttp2AreFetchedFrom) {
  if (Nginx::program().empty()) GTEST_SKIP() << "nginx is not installed";
  const Certificate certificate;
  certificate.save((here() / "trusted.pem").string());
  certificate.save_key((here() / "key.pem").string());
  fs::create_directory(here() / "site");
  for (int i = 0; i < 200; ++i)
    write("site/" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 997, 'x'));
  const Nginx nginx(here() / "site", Nginx::Identity{(here() / "trusted.pem").string(),
                                                     (here() / "key.pem").string()});
  list(nginx.url(), 200);
  EXPECT_EQ(flagship(fetching({"-q", "--retries", "0"})).exit_code, 1) << "nobody vouches for it";
  for (const std::string version : {"auto", "1.1", "2"}) {
    const Ended ended = flagship(fetching({"-q", "--cacert", "trusted.pem", "--http", version}));
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    for (int i = 0; i < 200; ++i)
      EXPECT_EQ(fs::file_size(here() / "downloads" / std::to_string(i)),
                static_cast<std::size_t>(i) * 997);
    fs::remove_all(here() / "downloads");
  }
}

class Http2 : public Transfers {
 protected:
  void SetUp() override {
    if (Nginx::program().empty()) GTEST_SKIP() << "nginx is not installed";
    fs::create_directories(here() / "site" / "unmeasured");
    certificate_.save((here() / "trusted.pem").string());
    certificate_.save_key((here() / "key.pem").string());
    for (const std::string name : {"a", "unmeasured/b"}) write("site/" + name, name);
    nginx_.emplace(here() / "site", Nginx::Identity{(here() / "trusted.pem").string(),
                                                    (here() / "key.pem").string()});
  }

  Ended over_http2(Words more = {}) {
    more.insert(more.begin(), {"--http", "2", "--cacert", "trusted.pem"});
    return flagship(fetching(more));
  }

  /// By which versions each was asked for, in their order.
  std::map<std::string, std::vector<std::string>> versions() const {
    std::map<std::string, std::vector<std::string>> all;
    for (const auto& request : nginx_->requests()) all[request.target].push_back(request.protocol);
    return all;
  }

  const Certificate certificate_;
  std::optional<Nginx> nginx_;
};

TEST_F(Http2, CarriesManyTransfersOverOneConnection) {
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += nginx_->url("/a?" + std::to_string(i)) + "\n";
  write("list.txt", lines);
  const Ended ended = over_http2({"-v", "-w", "1", "-m", "50", "--name", "{key}"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("Requests are HTTP/2 where a server offers it over TLS"));
  std::set<std::string> connections;
  for (const auto& request : nginx_->requests()) {
    EXPECT_EQ(request.protocol, "HTTP/2.0");
    connections.insert(request.connection);
  }
  EXPECT_THAT(connections, SizeIs(1));
  EXPECT_THAT(files(), SizeIs(400));
}

// Before 8.0 libcurl takes a body for whole that is cut off.
TEST_F(Http2, WhatTellsNoLengthIsAskedForAgainByHttp1WhereThatIsNotSafe) {
  write("list.txt", nginx_->url("/a") + "\n" + nginx_->url("/unmeasured/b") + "\n");
  for (const std::string& executor : kExecutors) {
    const Ended ended = over_http2({"-v", "-x", executor});
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    EXPECT_EQ(read_file(here() / "downloads" / "a"), "a");
    EXPECT_EQ(read_file(here() / "downloads" / "b"), "unmeasured/b");
    if (ended.err.find("asked for again") == std::string::npos)
      GTEST_SKIP() << "libcurl is safe here";
    fs::remove_all(here() / "downloads");
  }
  EXPECT_THAT(versions().at("/a"), Each("HTTP/2.0"));
  EXPECT_THAT(versions().at("/unmeasured/b"),
              ElementsAre("HTTP/2.0", "HTTP/1.1", "HTTP/2.0", "HTTP/1.1", "HTTP/2.0", "HTTP/1.1"));
}

// ---- a machine without room ---------------------------------------------------------------------

TEST_F(Transfers, FilesThatMayNotGrowAreDiskErrorsAndLeaveNothing) {
  ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send(response("200 OK", std::string(asks_for(request, "/0") ? 4u : 900'000u, 'x')));
  }));
  list(server.url(""), 4);
  // In threads: a worker process has larger files of its own, in memory.
  Command limited = command(fetching({"--json", "--retries", "0", "-x", "threads"}));
  limited.argv.insert(limited.argv.begin(),
                      {"/bin/sh", "-c", "ulimit -f 200; trap '' XFSZ; exec \"$@\"", "sh"});
  const Ended ended = run(limited);
  EXPECT_EQ(ended.exit_code, 1) << ended.err;
  for (const auto& [key, item] : by_key(ended.out)) {
    EXPECT_EQ(item["class"].is_null(), key == "0") << item;
    if (key == "0") continue;
    EXPECT_EQ(item["class"], "disk") << item;
    EXPECT_THAT(item["reason"].get<std::string>(), HasSubstr("File too large"));
  }
  EXPECT_THAT(files(), ElementsAre("0"));
}

TEST_F(Transfers, NoThreadsAreAClearErrorOfTheRun) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers end a program that can start no thread";
  list("http://127.0.0.1:1", 1);
  Command limited = command(fetching({"--retries", "0"}));
  limited.argv.insert(limited.argv.begin(),
                      {"/bin/sh", "-c", "ulimit -s 200000000000 && exec \"$@\"", "sh"});
  const Ended ended = run(limited);
  if (ended.err.find("limit") == std::string::npos) GTEST_SKIP() << "stacks may not be that large";
  EXPECT_EQ(ended.exit_code, 3) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("flagship fetch: no more threads can be started"));
}

TEST_F(Transfers, NoMemoryForAWorkerIsAClearErrorOfTheRun) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers want memory of their own";
  list("http://127.0.0.1:1", 1);
  Command limited = command(fetching({"--retries", "0"}));
  limited.argv.push_back("--worker");
  limited.argv.push_back((here() / "starved").string());
  write("starved", "#!/bin/sh\nulimit -v 20000\nexec \"" FLAGSHIP_WORKER_PROGRAM "\" \"$@\"\n");
  fs::permissions(here() / "starved", fs::perms::owner_all);
  const Ended ended = run(limited);
  EXPECT_EQ(ended.exit_code, 3) << ended.err;
  EXPECT_THAT(ended.err, AllOf(HasSubstr("flagship fetch: no worker could be kept alive"),
                               HasSubstr("shared libraries")));
}

TEST_F(Transfers, TooFewDescriptorsAreAClearErrorOfTheItemOrTheRun) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers want descriptors of their own";
  ScriptedServer server(good());
  list(server.url(""), 200);
  Command limited = command(fetching({"--json", "--retries", "0", "-m", "150", "-w", "1"}));
  limited.argv.insert(limited.argv.begin(), {"/bin/sh", "-c", "ulimit -n 80; exec \"$@\"", "sh"});
  const Ended ended = run(limited);
  if (ended.exit_code == 3) {
    EXPECT_THAT(ended.err, HasSubstr("descriptors"));
    return;
  }
  EXPECT_LE(ended.exit_code, 1) << ended.err;
  for (const auto& [key, item] : by_key(ended.out)) {
    if (item["outcome"] == "ok") continue;
    EXPECT_THAT(item["reason"].get<std::string>(), HasSubstr("Too many open files")) << item;
  }
}

}  // namespace
}  // namespace flagship::testing
