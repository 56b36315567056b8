// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flagship/v1/fetch.pb.h"
#include "worker/fetch/address_policy.hpp"
#include "worker/fetch/body.hpp"
#include "worker/fetch/bucket.hpp"
#include "worker/fetch/connections.hpp"
#include "worker/fetch/deadlines.hpp"
#include "worker/fetch/ending.hpp"
#include "worker/fetch/lookup_gate.hpp"
#include "worker/fetch/poller.hpp"
#include "worker/fetch/request_headers.hpp"
#include "worker/fetch/response_head.hpp"
#include "worker/fetch/settings.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::fetch {

struct FreeShare {
  void operator()(CURLSH* share) const { curl_share_cleanup(share); }
};

using Share = std::unique_ptr<CURLSH, FreeShare>;

/// What the transfers of one engine share.
struct Shared {
  Poller poller;
  Connections connections;
  LookupGate lookups;
  BufferBudget budget;
  Share addresses;                                                // that were looked up
  Share jar;                                                      // of cookies, and addresses
  std::shared_ptr<const Settings> settings = Settings::read({});  // the last that were read
  std::unique_ptr<Shards> shards;                                 // of these settings
  Bucket bucket;
  std::deque<std::size_t> held_up;       // transfers that wait for the bucket, in their order
  Clock::time_point now = Clock::now();  // as of the current step
};

/// One download at a time, over as many hops as redirects ask for: an easy handle with its
/// settings, what came so far, and the verdict. Used again and again. The engine puts the handle
/// into its multi and takes it out.
class Transfer {
 public:
  /// What comes after a hop.
  enum class Next { report, hop };

  Transfer(Shared& shared, std::size_t index);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void begin(std::uint64_t token, const v1::FetchRequest& request);
  /// Makes the handle ready for the next hop.
  void begin_hop();
  /// It goes into the engine's multi now.
  void enter_multi() { entered_ = shared_.now; }
  /// Nothing when its look-up, for which others wait, has not taken too long.
  std::optional<Ending> late_lookup() const;
  /// libcurl is done with the hop.
  Next end_hop(CURLcode code);
  /// The bucket is open again.
  void go_on();
  /// Whether it is complete but for what is done for many at once: the sync before its final name,
  /// or the writing of the shard.
  bool awaits_batch() const { return awaits_sync() || in_shard_; }
  bool awaits_sync() const { return body_.unpublished(); }
  std::string folder() const { return body_.folder(); }
  /// That has been done, or could not be, which `trouble` says.
  void end_batch(const std::string& trouble);
  /// Whether a time limit has passed at `shared.now`; then `result()` is about that.
  bool overdue();
  /// When to ask `overdue()` again.
  Clock::time_point next_deadline() const;
  /// Ends it for a reason from outside.
  void fail(Ending ending);
  /// How it ended; the transfer is free for the next one.
  v1::FetchResult result();

  CURL* handle() const { return easy_.get(); }
  std::size_t index() const { return index_; }
  std::uint64_t token() const { return token_; }
  /// Host and port to be looked up; empty: none.
  const std::string& lookup() const { return lookup_; }
  bool ended() const { return ended_; }

  bool in_multi = false;
  Deadlines::Entry deadline;

 private:
  struct Cleanup {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int on_request(void* self, char* peer, char* own, int peer_port, int own_port);
  static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_close(void* shared, curl_socket_t socket);

  void set_up();
  void keep_cookies();
  bool use(const std::string& settings);
  void use_newly(std::shared_ptr<const Settings> settings);
  void set_away(bool away);
  bool take_header(std::string_view line);
  bool take_head();
  bool take_body(std::string_view bytes);
  bool may_be_cut_unseen() const;
  std::optional<Ending> unwanted_by_robots() const;
  bool waits_for_bucket();
  void note_progress(std::size_t bytes);
  void refuse_literal_address();
  bool allowed(const Endpoint& peer) const;
  bool may_reuse(std::string_view peer, int peer_port, int own_port);
  curl_socket_t open(const curl_sockaddr& address);

  bool reads_file() const {
    return head_.complete() && ((head_.status() >= 200 && head_.status() <= 203) || resumes_);
  }
  bool take_rest();
  bool partial_is_useless() const;
  bool answered() const;
  bool stop(v1::FetchClass error_class, std::string reason);
  bool stop(std::optional<Ending> ending);
  bool wants_fresh_connection(CURLcode code) const;
  Next follow();
  void note_hop();
  void judge(CURLcode code);
  std::optional<Ending> verdict(CURLcode code);
  std::optional<Ending> verdict_on_body() const;
  Ending failure(CURLcode code) const;
  std::optional<Ending> verdict_on_time() const;
  Clock::time_point lookup_due() const;
  Clock::time_point stall_at() const;
  Clock::time_point first_byte_due() const;
  std::optional<Ending> unmodified();
  void save();
  void describe();
  void forget_body();
  void note_timings();
  void end(std::optional<Ending> ending);
  void set_connect_timeout(std::uint32_t milliseconds);
  void set_fresh(bool fresh);
  void set_plain(bool plain);
  void set_headers();

  Shared& shared_;
  const std::size_t index_;
  std::unique_ptr<CURL, Cleanup> easy_;
  std::array<char, CURL_ERROR_SIZE> detail_{};
  RequestHeaders headers_;
  Body body_;

  // the request
  std::uint64_t token_ = 0;
  std::string url_;
  v1::FetchLimits limits_;
  std::string if_none_match_, if_modified_since_;
  std::shared_ptr<const Settings> settings_;
  std::string home_;  // its first URL, when something is for that origin alone
  AddressPolicy policy_;
  Clock::time_point began_{}, due_{};
  unsigned redirects_ = 0;
  bool retried_ = false;
  bool wants_plain_ = false;  // HTTP/1.1, where it came by HTTP/2 without its length
  bool had_credentials_ = false;

  // the hop
  std::string lookup_;
  ResponseHead head_;
  std::vector<int> opened_;  // sockets opened for it: none on a connection that is used again
  std::optional<Endpoint> refused_;
  std::optional<Ending> stopped_;
  bool requested_ = false;
  bool resumes_ = false;  // a 206 goes on where the partial ends
  bool misfit_ = false;   // a 206 does not
  bool doubted_ = false;  // it is asked for again
  bool held_up_ = false;
  bool stale_ = false;
  Clock::time_point entered_{}, connect_due_{}, requested_at_{};
  std::uint64_t received_ = 0;  // of the body
  std::uint64_t progress_ = 0;  // bytes since progress_from_
  Clock::time_point progress_from_{};

  // the handle's settings that outlive a transfer
  std::uint32_t connect_timeout_ = 0;
  bool fresh_ = false;
  bool plain_ = false;
  bool away_ = false;  // from the origin that it was meant for

  bool ended_ = false;
  bool in_shard_ = false;
  v1::FetchResult result_;
};

}  // namespace flagship::fetch
