// SPDX-License-Identifier: MIT
#include "tests/support/fake_resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string_view>

namespace {

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;  // a FakeResolver lives
  int asked = 0;
  int inside = 0;
};

// Never destroyed: a look-up may end after main().
State& state() {
  static State& only = *new State;
  return only;
}

struct Answer {
  addrinfo info;
  sockaddr_in address;
};

addrinfo* loopback(const char* service) {
  auto* const answer = static_cast<Answer*>(std::calloc(1, sizeof(Answer)));
  answer->address.sin_family = AF_INET;
  answer->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  answer->address.sin_port = htons(static_cast<std::uint16_t>(service ? std::atoi(service) : 0));
  answer->info.ai_family = AF_INET;
  answer->info.ai_socktype = SOCK_STREAM;
  answer->info.ai_addrlen = sizeof answer->address;
  answer->info.ai_addr = reinterpret_cast<sockaddr*>(&answer->address);
  return &answer->info;
}

int look_up(std::string_view name, const char* service, addrinfo** result) {
  State& now = state();
  std::unique_lock lock(now.mutex);
  ++now.asked;
  ++now.inside;
  if (name == "hung.test") now.changed.wait(lock, [&] { return !now.open; });
  --now.inside;
  now.changed.notify_all();
  if (!name.ends_with(".test")) return EAI_NONAME;
  *result = loopback(service);
  return 0;
}

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo*,
                           addrinfo** result) {
  return look_up(name ? name : "", service, result);
}

extern "C" void freeaddrinfo(addrinfo* result) noexcept { std::free(result); }

namespace flagship::testing {

FakeResolver::FakeResolver() {
  const std::lock_guard lock(state().mutex);
  state().open = true;
  state().asked = 0;
}

FakeResolver::~FakeResolver() {
  std::unique_lock lock(state().mutex);
  state().open = false;
  state().changed.notify_all();
  state().changed.wait(lock, [] { return state().inside == 0; });
}

int FakeResolver::lookups() const {
  const std::lock_guard lock(state().mutex);
  return state().asked;
}

}  // namespace flagship::testing
