// SPDX-License-Identifier: MIT
#include "worker/runtime/crash_report.hpp"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>

#include "common/os/sanitizers.hpp"
#include "common/throw_trace.hpp"

namespace flagship::worker {
namespace {

constexpr std::array kCrashes{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr unsigned kLongestWalk = 2;  // seconds

// All that the handler uses lies here: a crash may have spoilt the heap, or the stack.
constinit CrashNote* note = nullptr;
constinit pid_t process = 0;
constinit std::atomic<pid_t> crashed{0};  // the thread
constinit int died_of = 0;
constinit std::array<const link_map*, CrashNote::kMostModules> modules{};
alignas(64) constinit std::array<char, 64 * 1024> handler_stack{};

[[noreturn]] void die_of(int signal) {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(signal, &by_default, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  syscall(SYS_tgkill, getpid(), gettid(), signal);
  _exit(128 + signal);
}

template <std::size_t N>
void copy_text(char (&to)[N], std::string_view from) {
  std::copy_n(from.data(), std::min(from.size(), N - 1), to);
}

std::uint32_t number_of(const link_map* module) {
  for (std::uint32_t i = 0; i < modules.size(); ++i) {
    if (modules[i] == module) return i;
    if (modules[i] != nullptr) continue;
    modules[i] = module;
    copy_text(note->path[i], module->l_name);
    return i;
  }
  return CrashNote::kMostModules;
}

void note_frame(std::uintptr_t at) {
  const std::uint32_t count = note->frames.load(std::memory_order_relaxed);
  if (count >= CrashNote::kMostFrames) return;
  CrashNote::Frame& frame = note->frame[count];
  frame.offset = at;
  frame.module = CrashNote::kMostModules;
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(at), &found) == 0) {
    frame.module = number_of(found.dlfo_link_map);
    if (frame.module < CrashNote::kMostModules) frame.offset -= found.dlfo_link_map->l_addr;
  }
  note->frames.store(count + 1, std::memory_order_release);
}

struct Place {
  std::uintptr_t code = 0;  // 0 and no stack: this machine's registers are not known here
  std::uintptr_t stack = 0;
};

Place place_of(const void* context) {
  [[maybe_unused]] const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return {static_cast<std::uintptr_t>(registers.gregs[REG_RIP]),
          static_cast<std::uintptr_t>(registers.gregs[REG_RSP])};
#elif defined(__aarch64__)
  return {registers.pc, registers.sp};
#else
  return {};
#endif
}

/// A walk up the stack, from where the signal came to the runner of the task.
struct Walk {
  std::uintptr_t from = 0;
  std::uintptr_t last_frame = ~std::uintptr_t{0};
  bool begun = false;
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* walk_of) {
  Walk& walk = *static_cast<Walk*>(walk_of);
  int exact = 0;
  const std::uintptr_t at = _Unwind_GetIPInfo(context, &exact);
  if (!walk.begun && at != walk.from) return _URC_NO_REASON;  // the handler itself
  if (walk.begun && _Unwind_GetCFA(context) > walk.last_frame) return _URC_END_OF_STACK;
  walk.begun = true;
  // What it returns to may be the next function already.
  note_frame(exact != 0 ? at : at - 1);
  return _URC_NO_REASON;
}

void note_stack(const Place& place) {
  Walk walk;
  walk.from = place.code;
  walk.begun = place.stack == 0;
  if (const auto* task = detail::ThrowTrace::of_this_thread()) {
    walk.last_frame = reinterpret_cast<std::uintptr_t>(task->frame());
    copy_text(note->task, task->task());
  }
  _Unwind_Backtrace(step, &walk);
#if defined(__x86_64__)
  // A call to where no code is: who called is on the stack yet.
  if (note->frames == 1 && note->frame[0].module == CrashNote::kMostModules)
    note_frame(*reinterpret_cast<const std::uintptr_t*>(place.stack) - 1);
#endif
}

// Comes back with what it ended of when it is itself what crashes, or when it takes too long.
void on_crash(int signal, siginfo_t*, void* context);

void end_anyway_after(unsigned seconds) {
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGALRM, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  alarm(seconds);
}

void on_crash(int signal, siginfo_t*, void* context) {
  if (getpid() != process) die_of(signal);  // what a task has forked has no note of its own
  pid_t thread = 0;
  if (crashed.compare_exchange_strong(thread, gettid())) {
    died_of = signal;
    end_anyway_after(kLongestWalk);
    note->signal = signal;
    note_stack(place_of(context));
  } else if (thread != gettid() && signal != SIGALRM) {
    for (;;) pause();  // that thread is about to end them all
  }
  die_of(died_of);
}

_Unwind_Reason_Code only_look(_Unwind_Context*, void*) { return _URC_NO_REASON; }

}  // namespace

// The unwinder finds its tables at its first use, and the loader the unwinder.
void prepare_crash_reports() {
  if (kSanitized) return;
  _Unwind_Backtrace(only_look, nullptr);
}

void report_crashes_in(CrashNote& in) {
  if (kSanitized) return;
  note = &in;
  process = getpid();
  stack_t stack{};  // for when the other one is full
  stack.ss_sp = handler_stack.data();
  stack.ss_size = handler_stack.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (const int signal : kCrashes) {
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_DFL) sigaction(signal, &action, nullptr);
  }
}

}  // namespace flagship::worker
