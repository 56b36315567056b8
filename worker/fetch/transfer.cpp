// SPDX-License-Identifier: MIT
#include "worker/fetch/transfer.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "worker/fetch/curl_class.hpp"
#include "worker/fetch/literal_address.hpp"
#include "worker/fetch/redirect_target.hpp"
#include "worker/fetch/retry_after.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

using std::chrono::milliseconds;

constexpr auto kNever = Clock::time_point::max();
constexpr long kNoConnectTimeout = 24L * 60 * 60 * 1000;

constexpr std::size_t kSha256Bytes = 32;
constexpr int kHopsNoted = 32;

constexpr const char* kCutHead = "the connection ended within the headers";

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

Clock::time_point after(Clock::time_point start, std::uint32_t limit_ms) {
  return limit_ms == 0 ? kNever : start + milliseconds(limit_ms);
}

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string named_status(const ResponseHead& head) {
  return std::to_string(head.status()) + (head.phrase().empty() ? "" : " " + head.phrase());
}

Ending status_ending(const ResponseHead& head) {
  if (head.status() == 0) return {v1::PROTOCOL, head.fault()};
  if (head.status() == 101)
    return {v1::PROTOCOL, "HTTP 101: the server switches protocols unasked"};
  if (head.status() < 300 || head.status() == 304) {
    return {v1::HTTP_STATUS, "HTTP " + named_status(head) + ": not a whole file"};
  }
  std::string reason = "HTTP error " + std::to_string(head.status());
  if (!head.phrase().empty()) reason += " - " + head.phrase();
  return {v1::HTTP_STATUS, reason};
}

// It may go better, and on from there, the next time.
bool is_cut(v1::FetchClass error_class) {
  return error_class == v1::RESET || error_class == v1::TRUNCATED || error_class == v1::TIMEOUT ||
         error_class == v1::STALLED;
}

Ending refused_address(const Endpoint& address) {
  return {v1::REFUSED_ADDRESS, address_text(address) + " is " +
                                   std::string(special_purpose(address)) +
                                   ", which is not allowed"};
}

// Of what was looked up, since an engine has several multis; used in one thread, it needs no locks.
Share make_share() {
  Share share(curl_share_init());
  if (!share) throw std::bad_alloc();
  curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  return share;
}

// What goes into a request as it is.
std::optional<Ending> refuse_conditions(const v1::FetchRequest& request) {
  if (!is_plain(request.if_none_match()) || !is_plain(request.if_modified_since()))
    return Ending{v1::BAD_INPUT, "a condition that no server can have sent"};
  if (!request.expected_sha256().empty() && request.expected_sha256().size() != kSha256Bytes)
    return Ending{v1::BAD_INPUT, "the checksum to compare with is no SHA-256"};
  return std::nullopt;
}

std::uint64_t micros_between(Clock::time_point from, Clock::time_point to) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

}  // namespace

Transfer::Transfer(Shared& shared, std::size_t index)
    : shared_(shared), index_(index), body_(shared.budget), settings_(shared.settings) {
  set_up();
}

Transfer::~Transfer() = default;

void Transfer::set_up() {
  easy_.reset(curl_easy_init());
  if (!easy_) throw std::bad_alloc();
  CURL* const easy = easy_.get();
  set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
  set(easy, CURLOPT_ERRORBUFFER, detail_.data());
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // giving up on a look-up does not wait for its thread
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_USERAGENT, kUserAgent);
  set(easy, CURLOPT_DNS_CACHE_TIMEOUT, 60L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, kNoConnectTimeout);
  set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_request);
  set(easy, CURLOPT_PREREQDATA, static_cast<void*>(this));
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open);
  set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &Transfer::on_close);
  set(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&shared_));
  if (!shared_.addresses) shared_.addresses = make_share();
  set(easy, CURLOPT_SHARE, shared_.addresses.get());
  settings_->apply(easy);
  if (settings_->fields().cookies()) keep_cookies();
  connect_timeout_ = 0;
  fresh_ = plain_ = away_ = false;
}

// One jar for the engine.
void Transfer::keep_cookies() {
  const bool first = !shared_.jar;
  if (first) {
    shared_.jar = make_share();
    curl_share_setopt(shared_.jar.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  }
  set(handle(), CURLOPT_SHARE, shared_.jar.get());
  set(handle(), CURLOPT_COOKIEFILE, first ? settings_->fields().cookie_file().c_str() : "");
}

// False: they cannot be read.
bool Transfer::use(const std::string& settings) {
  if (settings == settings_->source()) return true;
  if (settings != shared_.settings->source()) {
    auto read = Settings::read(settings);
    if (!read) return false;
    use_newly(std::move(read));
  }
  settings_ = shared_.settings;
  set_up();
  return true;
}

void Transfer::use_newly(std::shared_ptr<const Settings> settings) {
  const v1::FetchSettings& fields = settings->fields();
  shared_.settings = std::move(settings);
  shared_.bucket.set_rate(fields.bytes_per_second(), shared_.now);
  shared_.shards.reset();
  if (fields.shards_folder().empty()) return;
  shared_.shards =
      std::make_unique<Shards>(fields.shards_folder(), fields.shard_bytes(), fields.fsync());
}

// ---- a transfer and its hops --------------------------------------------------------------------

void Transfer::begin(std::uint64_t token, const v1::FetchRequest& request) {
  token_ = token;
  url_ = request.url();
  limits_ = request.limits();
  if_none_match_ = request.if_none_match();
  if_modified_since_ = request.if_modified_since();
  policy_ = AddressPolicy(limits_.allow_private(), limits_.trusted_endpoint());
  began_ = Clock::now();
  due_ = after(began_, limits_.timeout_ms());
  redirects_ = 0;
  retried_ = wants_plain_ = ended_ = had_credentials_ = in_shard_ = false;
  lookup_.clear();
  result_.Clear();
  if (!use(limits_.settings())) return end(Ending{v1::BAD_INPUT, "settings that cannot be read"});
  body_.begin(request, *settings_, shared_.shards.get());
  home_ = settings_->keeps_secrets() ? url_ : "";
  if (auto refused = refuse_url(url_)) return end(std::move(refused));
  if (auto refused = refuse_conditions(request)) end(std::move(refused));
}

void Transfer::begin_hop() {
  head_.clear();
  opened_.clear();
  refused_.reset();
  stopped_.reset();
  requested_ = stale_ = resumes_ = misfit_ = doubted_ = held_up_ = false;
  received_ = 0;
  detail_[0] = '\0';
  connect_due_ = after(Clock::now(), limits_.connect_timeout_ms());
  set_connect_timeout(limits_.connect_timeout_ms());
  set_fresh(retried_ || wants_plain_);
  set_plain(wants_plain_);
  set_away(!home_.empty() && !same_origin(home_, url_));
  set_headers();
  had_credentials_ = had_credentials_ || has_credentials(url_);
  const std::string& whom = settings_->proxied() ? settings_->fields().proxy() : url_;
  const std::string authority = authority_of(whom);
  lookup_ = needs_no_lookup(authority) ? "" : scheme_of(whom) + "://" + authority;
  if (curl_easy_setopt(handle(), CURLOPT_URL, url_.c_str()) != CURLE_OK) {
    return fail({v1::BAD_INPUT, "not a URL: too long"});
  }
  if (settings_->proxied()) refuse_literal_address();
}

// What a name leads to is the proxy's affair; an address is seen here all the same.
void Transfer::refuse_literal_address() {
  const auto address = literal_address(url_);
  if (address && !policy_.allows(*address)) fail(refused_address(*address));
}

Transfer::Next Transfer::end_hop(CURLcode code) {
  if (wants_fresh_connection(code)) {
    retried_ = true;
    return Next::hop;
  }
  if (doubted_) {
    wants_plain_ = true;
    return Next::hop;
  }
  if (partial_is_useless()) {
    body_.drop_partial();
    return Next::hop;
  }
  if (head_.complete() && is_redirect(head_.status()) && !stopped_) return follow();
  judge(code);
  return Next::report;
}

// The server has another file meanwhile, or sends another part of it than it was asked for: all of
// it is asked for next.
bool Transfer::partial_is_useless() const {
  if (!body_.partial() || !head_.complete()) return false;
  return misfit_ || head_.status() == 412 || head_.status() == 416;
}

// The server closed, or filled, an idle connection: that says nothing about this request.
bool Transfer::wants_fresh_connection(CURLcode code) const {
  const bool untouched = opened_.empty() && !head_.begun() && received_ == 0;
  return !retried_ && untouched && !refused_ && (stale_ || may_be_stale(code));
}

void Transfer::note_hop() {
  if (result_.redirects_size() >= kHopsNoted) return;
  v1::FetchHop& hop = *result_.add_redirects();
  hop.set_status(head_.status());
  hop.set_url(shown_url(url_));
}

Transfer::Next Transfer::follow() {
  note_hop();
  const RedirectRules rules{limits_.max_redirects(), limits_.allow_downgrade()};
  auto refused = refuse_redirect(url_, head_.location(), redirects_, rules);
  auto target = refused ? std::nullopt : redirect_target(url_, head_.location());
  if (!refused && !target)
    refused = Ending{v1::REDIRECT, "a redirect to something that is not a URL"};
  if (refused) {
    end(std::move(refused));
    return Next::report;
  }
  // A handle that read one host's name and password serves no other.
  if (!settings_->fields().netrc_file().empty() && !same_origin(url_, *target)) set_up();
  url_ = std::move(*target);
  ++redirects_;
  retried_ = false;
  return Next::hop;
}

// ---- the verdict --------------------------------------------------------------------------------

void Transfer::judge(CURLcode code) {
  if (auto ending = verdict(code)) return end(std::move(ending));
  save();
}

// A 304 that was asked for.
std::optional<Ending> Transfer::unmodified() {
  const bool asked = !if_none_match_.empty() || !if_modified_since_.empty();
  if (!asked || !head_.complete() || head_.status() != 304) return std::nullopt;
  return Ending{v1::NONE, "not changed"};
}

std::optional<Ending> Transfer::verdict(CURLcode code) {
  if (auto ending = unmodified()) return ending;
  if (answered()) return status_ending(head_);
  if (stopped_) return std::move(stopped_);
  if (refused_ && opened_.empty()) {
    return refused_address(*refused_);
  }
  if (!head_.fault().empty()) return Ending{v1::PROTOCOL, head_.fault()};
  if (code != CURLE_OK) return failure(code);
  return verdict_on_body();
}

// The status alone decides, whatever becomes of the body.
bool Transfer::answered() const {
  return head_.complete() && !reads_file() && !is_redirect(head_.status());
}

Ending Transfer::failure(CURLcode code) const {
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return {v1::TIMEOUT, "no connection within " + span_words(limits_.connect_timeout_ms())};
  }
  long system_error = 0;
  curl_easy_getinfo(handle(), CURLINFO_OS_ERRNO, &system_error);
  Ending ending = ending_of(code, system_error, detail_.data());
  if (ending.error_class != v1::TRUNCATED) return ending;
  if (!head_.complete()) {
    ending.reason = kCutHead;
  } else if (head_.content_length() && !head_.encoded()) {
    ending.reason = "the body ended after " + std::to_string(received_) + " of " +
                    byte_words(*head_.content_length());
  }
  return ending;
}

std::optional<Ending> Transfer::verdict_on_body() const {
  if (!head_.complete()) return Ending{v1::TRUNCATED, kCutHead};
  if (head_.encoded() || !head_.content_length() || *head_.content_length() == received_) {
    return std::nullopt;
  }
  const auto error_class = received_ < *head_.content_length() ? v1::TRUNCATED : v1::PROTOCOL;
  return Ending{error_class, "a body of " + byte_words(received_) + " where " +
                                 std::to_string(*head_.content_length()) + " were announced"};
}

void Transfer::save() {
  if (auto ending = body_.check()) return end(std::move(ending));
  describe();
  result_.set_bytes(body_.bytes());
  result_.set_sha256(body_.sha256());
  result_.set_etag(head_.etag());
  result_.set_last_modified(head_.last_modified());
  if (auto ending = body_.save(result_)) {
    forget_body();
    return end(std::move(ending));
  }
  in_shard_ = !result_.shard().empty();
  end(std::nullopt);
}

void Transfer::forget_body() {
  result_.clear_bytes();
  result_.clear_sha256();
  result_.clear_etag();
  result_.clear_last_modified();
  result_.clear_shard();
  result_.clear_modified();
}

void Transfer::end_batch(const std::string& trouble) {
  in_shard_ = false;
  std::optional<Ending> ending;
  if (!trouble.empty()) ending = Ending{v1::DISK, trouble};
  if (!ending && body_.unpublished()) ending = body_.publish();
  if (!ending) return;
  forget_body();
  end(std::move(ending));
}

void Transfer::fail(Ending ending) { end(std::move(ending)); }

void Transfer::end(std::optional<Ending> ending) {
  ended_ = true;
  if (ending && !(is_cut(ending->error_class) && body_.keep())) body_.discard();
  const bool missing = ending && (head_.status() == 404 || head_.status() == 410) &&
                       ending->error_class == v1::HTTP_STATUS;
  const bool skipped = ending && ending->error_class == v1::NONE;
  result_.set_outcome(!ending   ? v1::FETCH_OK
                      : missing ? v1::FETCH_NOT_FOUND
                      : skipped ? v1::FETCH_SKIPPED
                                : v1::FETCH_ERROR);
  if (missing) {
    result_.set_reason("HTTP " + named_status(head_));
  } else if (ending) {
    result_.set_error_class(ending->error_class);
    result_.set_reason(std::move(ending->reason));
  }
}

void Transfer::describe() {
  result_.set_status(head_.status());
  result_.set_type(head_.media_type());
  if (redirects_ > 0) result_.set_final_url(shown_url(url_));
}

v1::FetchResult Transfer::result() {
  result_.set_micros(micros_between(began_, Clock::now()));
  note_timings();
  describe();
  if (!head_.retry_after().empty()) {
    const auto wait = parse_retry_after(head_.retry_after(), std::chrono::system_clock::now());
    if (wait) result_.set_retry_after_ms(static_cast<std::uint64_t>(wait->count()));
  }
  if (had_credentials_) set_up();  // a handle that knew a password serves nobody else
  head_.clear();
  return std::move(result_);
}

// libcurl counts from where it got the hop. What a connection that is used again has behind it is
// not of this attempt.
void Transfer::note_timings() {
  if (!requested_) return;
  const auto before = micros_between(began_, std::max(began_, entered_));
  const auto at = [&](CURLINFO what) {
    curl_off_t micros = 0;
    curl_easy_getinfo(handle(), what, &micros);
    return micros > 0 ? before + static_cast<std::uint64_t>(micros) : 0;
  };
  auto& timings = *result_.mutable_timings();
  if (head_.begun()) timings.set_first_byte(at(CURLINFO_STARTTRANSFER_TIME_T));
  if (opened_.empty()) return;
  timings.set_looked_up(at(CURLINFO_NAMELOOKUP_TIME_T));
  timings.set_connected(at(CURLINFO_CONNECT_TIME_T));
  timings.set_secured(at(CURLINFO_APPCONNECT_TIME_T));
}

// ---- time limits --------------------------------------------------------------------------------

bool Transfer::overdue() {
  auto late = verdict_on_time();
  if (!late) return false;
  end(answered() ? status_ending(head_) : std::move(late));
  return true;
}

std::optional<Ending> Transfer::verdict_on_time() const {
  if (shared_.now >= due_) {
    return Ending{v1::TIMEOUT, "not complete within " + span_words(limits_.timeout_ms())};
  }
  if (auto late = late_lookup()) return late;
  if (!requested_ && shared_.now >= connect_due_) {
    return Ending{v1::TIMEOUT, "no connection within " + span_words(limits_.connect_timeout_ms())};
  }
  if (shared_.now >= first_byte_due()) {
    return Ending{v1::TIMEOUT, "no answer within " + span_words(limits_.first_byte_timeout_ms())};
  }
  if (requested_ && shared_.now >= stall_at()) {
    return Ending{v1::STALLED, "fewer than " + byte_words(limits_.stall_bytes()) + " in " +
                                   span_words(limits_.stall_ms())};
  }
  return std::nullopt;
}

std::optional<Ending> Transfer::late_lookup() const {
  if (shared_.now < lookup_due()) return std::nullopt;
  return Ending{v1::DNS, "no address within " + span_words(limits_.dns_timeout_ms())};
}

Clock::time_point Transfer::lookup_due() const {
  if (limits_.dns_timeout_ms() == 0 || lookup_.empty()) return kNever;
  return shared_.lookups.leads(lookup_, index_) ? after(entered_, limits_.dns_timeout_ms())
                                                : kNever;
}

Clock::time_point Transfer::stall_at() const {
  if (limits_.stall_bytes() == 0 || held_up_) return kNever;
  return after(requested_ ? progress_from_ : shared_.now, limits_.stall_ms());
}

Clock::time_point Transfer::first_byte_due() const {
  if (requested_)
    return head_.begun() ? kNever : after(requested_at_, limits_.first_byte_timeout_ms());
  return kNever;
}

// What is not requested yet has its connection to wait for first; then it is asked again.
Clock::time_point Transfer::next_deadline() const {
  const auto first_byte =
      requested_ ? first_byte_due() : after(shared_.now, limits_.first_byte_timeout_ms());
  return std::min(
      {due_, requested_ ? kNever : std::min(connect_due_, lookup_due()), first_byte, stall_at()});
}

// ---- the handle's settings ----------------------------------------------------------------------

void Transfer::set_connect_timeout(std::uint32_t limit) {
  if (std::exchange(connect_timeout_, limit) == limit) return;
  set(handle(), CURLOPT_CONNECTTIMEOUT_MS,
      limit == 0 ? kNoConnectTimeout : static_cast<long>(limit));
}

void Transfer::set_away(bool away) {
  if (std::exchange(away_, away) == away) return;
  settings_->show_certificate(handle(), away);
}

void Transfer::set_headers() {
  const bool had = !headers_.empty();
  headers_.clear();
  settings_->add_headers(headers_, away_);
  if (!if_none_match_.empty()) headers_.add("If-None-Match: " + if_none_match_);
  if (!if_modified_since_.empty()) headers_.add("If-Modified-Since: " + if_modified_since_);
  if (const auto& partial = body_.partial()) {
    headers_.add("Range: bytes=" + std::to_string(partial->size) + "-");
    headers_.add("If-Range: " + partial->validator);
  }
  if (had || !headers_.empty()) set(handle(), CURLOPT_HTTPHEADER, headers_.list());
}

void Transfer::set_plain(bool plain) {
  if (std::exchange(plain_, plain) == plain) return;
  settings_->choose_version(handle(), plain);
}

void Transfer::set_fresh(bool fresh) {
  if (std::exchange(fresh_, fresh) == fresh) return;
  set(handle(), CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
}

}  // namespace flagship::fetch
