// SPDX-License-Identifier: MIT
// `flagship fetch --protobuf`: the report as messages.
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>

#include <fstream>

#include "flagship/v1/fetch.pb.h"
#include "tests/integration/cli_fixture.hpp"
#include "tests/support/scripted_server.hpp"

namespace flagship::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class ProtobufFile : public CliTest {
 protected:
  std::vector<v1::FetchReport> reports(const std::string& name) const {
    std::ifstream file(here() / name, std::ios::binary);
    google::protobuf::io::IstreamInputStream in(&file);
    std::vector<v1::FetchReport> all;
    bool at_end = false;
    while (!at_end) {
      v1::FetchReport one;
      const bool good =
          google::protobuf::util::ParseDelimitedFromZeroCopyStream(&one, &in, &at_end);
      if (!good && !at_end) ADD_FAILURE() << "cut off";
      if (!good) break;
      all.push_back(one);
    }
    return all;
  }
};

TEST_F(ProtobufFile, HoldsEachItemAndIsAppendedTo) {
  const ScriptedServer server(each_request([](Peer& peer, const std::string& request) {
    peer.send(asks_for(request, "/a") ? response("200 OK\r\nContent-Type: image/gif", "good")
                                      : response("404 Not Found", ""));
  }));
  write("l.txt", server.url("/a") + "\nhttp://me:s3cret@" + server.endpoint() + "/b\nbad\n");
  for (const std::string& executor : kExecutors) {
    const Ended ended = flagship({"fetch", "--from", "l.txt", "--allow-private", "-q", "-x",
                                  executor, "-o", executor, "--protobuf", "items.pb"});
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
  }
  const auto all = reports("items.pb");
  ASSERT_THAT(all, SizeIs(9));
  for (const v1::FetchReport& one : all) {
    if (one.key() == "a") {
      EXPECT_EQ(one.result().outcome(), v1::FETCH_OK);
      EXPECT_EQ(one.result().type(), "image/gif");
      EXPECT_EQ(one.result().sha256().size(), 32u);
      EXPECT_EQ(one.attempts(), 1u);
      EXPECT_TRUE(one.path().ends_with("/a")) << one.path();
    } else if (one.key() == "b") {
      EXPECT_EQ(one.result().outcome(), v1::FETCH_NOT_FOUND);
      EXPECT_EQ(one.url(), server.url("/b"));
    } else {
      EXPECT_EQ(one.result().error_class(), v1::BAD_INPUT);
      EXPECT_EQ(one.attempts(), 0u);
    }
  }
}

TEST_F(ProtobufFile, ThatCannotBeWrittenIsSaid) {
  const Ended ended = flagship({"fetch", "BR", "--protobuf", "none/items"});
  EXPECT_EQ(ended.exit_code, 3);
  EXPECT_THAT(ended.err, HasSubstr("cannot write the report 'none/items': No such file"));
  EXPECT_THAT(flagship({"fetch", "BR", "--protobuf", "/dev/full"}).err,
              HasSubstr("The report '/dev/full' is not complete: No space left"));
}

}  // namespace
}  // namespace flagship::testing
