// SPDX-License-Identifier: MIT
// What libcurl's multi interface gives when nothing else is done: each process keeps a number of
// transfers going on one epoll, and saves each body under a temporary name that it then renames.
//
//   curl_limit URL COUNT PROCESSES IN_FLIGHT DIR   URL/0.gif ... into DIR ("-": they are not kept);
//   prints
//                                                  files_per_s=...
#include <curl/curl.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "tests/bench/children.hpp"
#include "tests/bench/posix.hpp"

namespace {

using flagship::bench::positive;

struct Job {
  std::string url;
  std::string folder;
  int count;
  int processes;  // each takes every processes-th file
  int in_flight;
};

struct Transfer {
  std::unique_ptr<CURL, void (*)(CURL*)> easy{curl_easy_init(), curl_easy_cleanup};
  std::string body;
  int index = 0;
};

std::string name_of(int index) { return '/' + std::to_string(index) + ".gif"; }

/// One process's share of the job.
class Share {
 public:
  Share(const Job& job, int first)
      : job_(job), next_(first), transfers_(static_cast<std::size_t>(job.in_flight)) {
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Share::on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Share::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(job.in_flight));
    for (Transfer& transfer : transfers_) {
      CURL* easy = transfer.easy.get();
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Share::on_body);
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
      curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
      curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
      curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
      curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L);
      start_next(transfer);
    }
  }

  void run() {
    while (under_way_ > 0) {
      for (const epoll_event& event : waiter_.wait()) act(event.data.fd, event.events);
      if (waiter_.take_alarm()) act(CURL_SOCKET_TIMEOUT, 0);
      reap();
    }
  }

 private:
  void start_next(Transfer& transfer) {
    if (next_ >= job_.count) return;
    transfer.index = next_;
    transfer.body.clear();
    curl_easy_setopt(transfer.easy.get(), CURLOPT_URL, (job_.url + name_of(next_)).c_str());
    curl_multi_add_handle(multi_.get(), transfer.easy.get());
    next_ += job_.processes;
    ++under_way_;
  }

  void act(int fd, std::uint32_t events) {
    const int what = ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                     ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                     ((events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
    int running = 0;
    curl_multi_socket_action(multi_.get(), fd, what, &running);
  }

  void reap() {
    int queued = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &queued)) {
      if (message->data.result != CURLE_OK) {
        throw std::runtime_error(curl_easy_strerror(message->data.result));
      }
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      curl_multi_remove_handle(multi_.get(), transfer->easy.get());
      --under_way_;
      if (job_.folder != "-")
        flagship::bench::save(job_.folder + name_of(transfer->index), transfer->body);
      start_next(*transfer);
    }
  }

  static std::size_t on_body(char* data, std::size_t size, std::size_t n, Transfer* transfer) {
    transfer->body.append(data, size * n);
    return size * n;
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, Share* self, void* known) {
    const std::uint32_t events = ((what & CURL_POLL_IN) != 0 ? std::uint32_t{EPOLLIN} : 0U) |
                                 ((what & CURL_POLL_OUT) != 0 ? std::uint32_t{EPOLLOUT} : 0U);
    if (what == CURL_POLL_REMOVE) {
      self->waiter_.watch(EPOLL_CTL_DEL, fd, 0);
    } else {
      self->waiter_.watch(known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, events);
      curl_multi_assign(self->multi_.get(), fd, self);
    }
    return 0;
  }

  static int on_timer(CURLM*, long ms, Share* self) { return self->waiter_.set_alarm(ms), 0; }

  const Job& job_;
  int next_;
  int under_way_ = 0;
  flagship::bench::Waiter waiter_;
  std::vector<Transfer> transfers_;
  std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)> multi_{curl_multi_init(), curl_multi_cleanup};
};

// Thousands of sockets are above the usual limit.
void raise_limit_of_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 6) {
    std::fputs("usage: curl_limit URL COUNT PROCESSES IN_FLIGHT DIR\n", stderr);
    return 2;
  }
  const Job job{argv[1], argv[5], positive("COUNT", argv[2]), positive("PROCESSES", argv[3]),
                positive("IN_FLIGHT", argv[4])};
  raise_limit_of_descriptors();
  const auto begin = std::chrono::steady_clock::now();
  flagship::bench::Children children;
  for (int first = 0; first < job.processes; ++first) {
    children.start([&] { Share(job, first).run(); });
  }
  if (!children.wait()) return 1;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("files_per_s=%.0f\n", job.count / seconds.count());
} catch (const std::exception& error) {
  std::fprintf(stderr, "curl_limit: %s\n", error.what());
  return 1;
}
