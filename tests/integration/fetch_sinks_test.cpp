// SPDX-License-Identifier: MIT
// Where bodies go: files that are on the disk, tar files; and how fast they may come.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "tests/integration/fetch_engine_fixture.hpp"
#include "tests/support/scripted_server.hpp"
#include "worker/fetch/shard_files.hpp"

namespace flagship::fetch {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using flagship::testing::each_request;
using flagship::testing::Peer;
using flagship::testing::response;
using flagship::testing::ScriptedServer;

/// What is in all complete shards of a folder, by name; a name that is there twice fails the test.
std::map<std::string, std::string> entries_in(const fs::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".tar") continue;
    const std::unique_ptr<archive, int (*)(archive*)> tar(archive_read_new(), archive_read_free);
    archive_read_support_format_tar(tar.get());
    EXPECT_EQ(archive_read_open_filename(tar.get(), file.path().c_str(), 10240), ARCHIVE_OK);
    archive_entry* entry = nullptr;
    int end = 0;
    while ((end = archive_read_next_header(tar.get(), &entry)) == ARCHIVE_OK) {
      std::string body(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
      EXPECT_EQ(archive_read_data(tar.get(), body.data(), body.size()),
                static_cast<la_ssize_t>(body.size()));
      EXPECT_TRUE(found.emplace(archive_entry_pathname(entry), body).second);
    }
    EXPECT_EQ(end, ARCHIVE_EOF) << archive_error_string(tar.get());
  }
  return found;
}

class FetchSinks : public FetchEngine {
 protected:
  v1::FetchRequest with(const std::string& url, const std::string& name,
                        const std::function<void(v1::FetchSettings&)>& change) const {
    auto request = FetchEngine::request(url, name);
    v1::FetchSettings settings;
    change(settings);
    request.mutable_limits()->set_settings(settings.SerializeAsString());
    return request;
  }

  v1::FetchRequest for_shard(const std::string& url, const std::string& name,
                             std::uint64_t bytes = 1 << 30) const {
    auto request = with(url, "", [&](v1::FetchSettings& settings) {
      settings.set_shards_folder(folder_.string());
      settings.set_shard_bytes(bytes);
    });
    request.set_path(name);
    return request;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
};

/// Answers with the path, as often as the path's number says.
ScriptedServer::Script echo() {
  return each_request([](Peer& peer, const std::string& request) {
    const std::string name = request.substr(5, request.find(" HTTP") - 5);
    const std::size_t size = name.find_first_of("0123456789") == std::string::npos
                                 ? name.size()
                                 : std::stoul(name.substr(name.find_first_of("0123456789")));
    std::string body = name + ":";
    while (body.size() < size) body += name;
    peer.send(response("200 OK\r\nContent-Type: text/plain", body));
  });
}

// ---- the disk -----------------------------------------------------------------------------------

TEST_F(FetchSinks, GivesNamesToFilesThatAreOnTheDiskOnly) {
  ScriptedServer server(echo());
  for (const auto mode : {v1::FSYNC_FILE, v1::FSYNC_BATCH}) {
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::string name = "f" + std::to_string(i * 50'000);
      engine_->start(i, with(server.url("/" + name), name,
                             [mode](v1::FetchSettings& settings) { settings.set_fsync(mode); }));
    }
    wait();
    for (std::uint64_t i = 0; i < 20; ++i) {
      EXPECT_EQ(results_[i].outcome(), v1::FETCH_OK) << results_[i].reason();
      EXPECT_EQ(sha256(content(folder_ / ("f" + std::to_string(i * 50'000)))),
                results_[i].sha256());
    }
    EXPECT_EQ(names().size(), 20u);
  }
}

TEST_F(FetchSinks, CallsANameThatCannotBeGivenADiskErrorInABatchToo) {
  ScriptedServer server(echo());
  fs::create_directories(folder_ / "taken" / "inside");
  const auto result = run(with(server.url("/x"), "taken", [](v1::FetchSettings& settings) {
    settings.set_fsync(v1::FSYNC_BATCH);
  }));
  EXPECT_EQ(result.error_class(), v1::DISK) << result.reason();
  EXPECT_EQ(result.sha256(), "");
}

// ---- tar files ----------------------------------------------------------------------------------

TEST_F(FetchSinks, PutsEachBodyAndWhatIsKnownOfItIntoAShard) {
  ScriptedServer server(echo());
  const std::vector<std::string> keys = {"a", "b2000", "c400000", "d3000000"};
  for (std::size_t i = 0; i < keys.size(); ++i)
    engine_->start(i, for_shard(server.url("/" + keys[i]), keys[i] + ".txt"));
  wait();
  for (const auto& [token, result] : results_) {
    EXPECT_EQ(result.outcome(), v1::FETCH_OK) << result.reason();
    EXPECT_EQ(result.shard(), "shard-000000.tar");
  }
  engine_.reset();
  EXPECT_EQ(names(), std::vector<std::string>{"shard-000000.tar"});
  const auto entries = entries_in(folder_);
  EXPECT_EQ(entries.size(), 8u);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    ASSERT_TRUE(entries.contains(keys[i] + ".txt"));
    EXPECT_EQ(sha256(entries.at(keys[i] + ".txt")), results_[i].sha256());
    const std::string note = entries.at(keys[i] + ".json");
    EXPECT_NE(note.find("\"url\":\"" + server.url("/" + keys[i]) + "\""), std::string::npos)
        << note;
    EXPECT_NE(note.find("\"status\":200"), std::string::npos) << note;
    EXPECT_NE(note.find("\"type\":\"text/plain\""), std::string::npos) << note;
  }
}

TEST_F(FetchSinks, HasInTheFileWhatItHasReported) {
  ScriptedServer server(echo());
  EXPECT_EQ(run(for_shard(server.url("/a"), "a.txt")).outcome(), v1::FETCH_OK);
  const UniqueFd file(::open((folder_ / unfinished_shard(0)).c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  EXPECT_EQ(end_of_items(file.get()), 4u * 512);
  engine_.reset();
}

TEST_F(FetchSinks, BeginsAnotherShardWhenOneIsFull) {
  ScriptedServer server(echo());
  for (std::uint64_t i = 0; i < 10; ++i)
    run(for_shard(server.url("/x" + std::to_string(5000 + i)), std::to_string(i) + ".txt", 15'000));
  engine_.reset();
  EXPECT_EQ(names().size(), 4u);
  EXPECT_EQ(names().back(), "shard-000003.tar");
  EXPECT_EQ(entries_in(folder_).size(), 20u);
}

TEST_F(FetchSinks, TakesNoNumberThatIsTaken) {
  ScriptedServer server(echo());
  for (int i = 0; i < 2; ++i) {
    engine_ = std::make_unique<Engine>(8, [this](std::uint64_t token, v1::FetchResult&& result) {
      done(token, std::move(result));
    });
    run(for_shard(server.url("/a"), std::to_string(i) + ".txt"));
  }
  engine_.reset();
  EXPECT_EQ(names(), (std::vector<std::string>{"shard-000000.tar", "shard-000001.tar"}));
}

TEST_F(FetchSinks, LeavesNothingOfABodyThatIsNotWhole) {
  ScriptedServer server(each_request([](Peer& peer, const std::string&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + std::string(1'000'000, 'x'));
    peer.close();
  }));
  EXPECT_EQ(run(for_shard(server.url("/a"), "a.txt")).error_class(), v1::TRUNCATED);
  engine_.reset();
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(FetchSinks, CallsABodyNamedLikeItsNoteByItsName) {
  ScriptedServer server(echo());
  run(for_shard(server.url("/a"), "a.json"));
  engine_.reset();
  const auto entries = entries_in(folder_);
  EXPECT_EQ(entries.at("a.json"), "a:");
  EXPECT_TRUE(entries.contains("a.meta.json"));
}

TEST_F(FetchSinks, TakesLongNames) {
  ScriptedServer server(echo());
  const std::string name(180, 'n');
  run(for_shard(server.url("/a"), name + ".txt"));
  engine_.reset();
  EXPECT_EQ(entries_in(folder_).at(name + ".txt"), "a:");
}

TEST_F(FetchSinks, CallsADiskThatIsFullADiskErrorAndKeepsWhatWasReported) {
  ScriptedServer server(echo());
  ::signal(SIGXFSZ, SIG_IGN);
  EXPECT_EQ(run(for_shard(server.url("/a"), "a.txt")).outcome(), v1::FETCH_OK);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{100'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  for (const std::string path : {"/x150000", "/x3000000"}) {
    const auto result = run(for_shard(server.url(path), path.substr(1)));
    EXPECT_EQ(result.error_class(), v1::DISK) << result.reason();
    EXPECT_EQ(result.shard(), "");
  }
  EXPECT_EQ(run(for_shard(server.url("/b"), "b.txt")).outcome(), v1::FETCH_OK);
  ::setrlimit(RLIMIT_FSIZE, &before);
  engine_.reset();
  const auto entries = entries_in(folder_);
  EXPECT_EQ(entries.size(), 4u);
  EXPECT_TRUE(entries.contains("a.txt"));
  EXPECT_TRUE(entries.contains("b.txt"));
}

// ---- what a dead writer left --------------------------------------------------------------------

class DeadWriter : public FetchSinks {
 protected:
  // Items in a shard, which then is as one is whose writer was killed when it had `size` bytes.
  std::uint64_t leave(std::uint64_t size) {
    ScriptedServer server(echo());
    for (const std::string key : {"a", "b2000", "c"})
      run(for_shard(server.url("/" + key), key + ".txt"));
    const fs::path file = folder_ / unfinished_shard(0);
    const auto whole = fs::file_size(file);
    fs::copy_file(file, folder_ / "copy");
    engine_.reset();
    fs::remove(folder_ / finished_shard(0));
    fs::rename(folder_ / "copy", file);
    fs::resize_file(file, std::min<std::uint64_t>(size, whole));
    return whole;
  }
};

TEST_F(DeadWriter, ShardIsCompletedUpToTheLastWholeItem) {
  const std::uint64_t first = 4 * 512, second = first + 512 + 2048 + 1024;
  for (const auto& [size, items] :
       std::vector<std::pair<std::uint64_t, std::size_t>>{{0, 0},
                                                          {100, 0},
                                                          {512, 0},
                                                          {1024, 0},
                                                          {1536, 0},
                                                          {first - 1, 0},
                                                          {first, 1},
                                                          {first + 700, 1},
                                                          {second - 1, 1},
                                                          {second, 2},
                                                          {second + 600, 2},
                                                          {1 << 20, 3}}) {
    leave(size);
    EXPECT_EQ(recover_shards(folder_.string()), items > 0 ? 1 : 0) << size;
    EXPECT_EQ(entries_in(folder_).size(), 2 * items) << size;
    EXPECT_EQ(names().size(), items > 0 ? 1u : 0u) << size;
    for (const auto& name : names()) fs::remove(folder_ / name);
    engine_ = std::make_unique<Engine>(8, [this](std::uint64_t token, v1::FetchResult&& result) {
      done(token, std::move(result));
    });
  }
}

TEST_F(DeadWriter, ShardOfALivingWriterIsLeftAlone) {
  ScriptedServer server(echo());
  run(for_shard(server.url("/a"), "a.txt"));
  EXPECT_EQ(recover_shards(folder_.string()), 0);
  run(for_shard(server.url("/b"), "b.txt"));
  engine_.reset();
  EXPECT_EQ(entries_in(folder_).size(), 4u);
}

// ---- bytes a second -----------------------------------------------------------------------------

TEST_F(FetchSinks, TakesNoMoreBytesASecondThanItMayOverAllTransfers) {
  ScriptedServer server(echo());
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < 5; ++i) {
    auto slow = with(server.url("/x200000"), std::to_string(i),
                     [](v1::FetchSettings& settings) { settings.set_bytes_per_second(1'000'000); });
    slow.mutable_limits()->set_stall_bytes(1);
    slow.mutable_limits()->set_stall_ms(kSoon);
    engine_->start(i, slow);
  }
  std::size_t steps = 0;
  while (engine_->in_flight() > 0) {
    step();
    ++steps;
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  for (std::uint64_t i = 0; i < 5; ++i)
    EXPECT_EQ(results_[i].outcome(), v1::FETCH_OK) << results_[i].reason();
  EXPECT_GE(time.count(), 0.85) << "a million bytes at a million a second";
  EXPECT_LT(steps, 2000u) << "it waits, and does not ask again and again";
}

TEST_F(FetchSinks, EndsATransferAtItsTimeLimitThatWaitsForItsBytes) {
  ScriptedServer server(echo());
  auto slow = with(server.url("/x3000000"), "x",
                   [](v1::FetchSettings& settings) { settings.set_bytes_per_second(1000); });
  slow.mutable_limits()->set_timeout_ms(kSoon);
  EXPECT_EQ(run(slow).error_class(), v1::TIMEOUT);
  EXPECT_EQ(get(server.url("/good"), "good").outcome(), v1::FETCH_OK);
}

}  // namespace
}  // namespace flagship::fetch
