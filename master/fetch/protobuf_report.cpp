// SPDX-License-Identifier: MIT
#include "master/fetch/protobuf_report.hpp"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>

#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

v1::FetchReport message_of(const ItemReport& report) {
  v1::FetchReport message;
  message.set_key(report.item.key);
  message.set_url(shown_url(report.item.url));
  message.set_path(report.item.path);
  message.set_attempts(static_cast<std::uint32_t>(report.attempts));
  *message.mutable_result() = report.result;
  message.set_host(report.where.host);
  message.set_worker(report.where.worker);
  message.set_pid(report.where.pid);
  message.set_unfinished(report.unfinished);
  return message;
}

}  // namespace

void ProtobufReport::ended(const ItemReport& report, const Totals&) {
  record_.clear();
  google::protobuf::io::StringOutputStream out(&record_);
  google::protobuf::util::SerializeDelimitedToZeroCopyStream(message_of(report), &out);
  file_.add(record_);
}

std::optional<std::chrono::steady_clock::time_point> ProtobufReport::idle(const Totals&) {
  file_.flush();
  return std::nullopt;
}

const std::string& ProtobufReport::finish() {
  file_.flush();
  return file_.trouble();
}

}  // namespace flagship::fetch
