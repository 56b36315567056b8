// SPDX-License-Identifier: MIT
#include "worker/runtime/seccomp.hpp"

#ifdef FLAGSHIP_HAS_SECCOMP

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

namespace flagship::worker {
namespace {

constexpr std::uint32_t kDenied = SCMP_ACT_ERRNO(EPERM);

// Refused whatever their arguments are.
constexpr std::array kNever{
    // other processes
    SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise), SCMP_SYS(process_mrelease), SCMP_SYS(kcmp), SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    // its process group, with which what it has started ends
    SCMP_SYS(setsid), SCMP_SYS(setpgid),
    // what the machine is
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(open_by_handle_at),
    SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(quotactl), SCMP_SYS(acct), SCMP_SYS(reboot),
    SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(syslog), SCMP_SYS(iopl), SCMP_SYS(ioperm),
    SCMP_SYS(vhangup),
    // the kernel's inside
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
    // other namespaces
    SCMP_SYS(unshare), SCMP_SYS(setns)};

// Their first argument must be this process. raise() and abort() are tgkill.
constexpr std::array kOnlyItself{SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo),
                                 SCMP_SYS(rt_tgsigqueueinfo)};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release) {
    if (!context_) throw std::system_error(ENOMEM, std::generic_category(), "seccomp");
  }

  void deny(int call) { add(kDenied, call, 0, {}); }
  void deny(int call, scmp_arg_cmp argument) { add(kDenied, call, 1, argument); }
  /// As a kernel would that does not know it.
  void hide(int call) { add(SCMP_ACT_ERRNO(ENOSYS), call, 0, {}); }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    check(seccomp_attr_set(context_.get(), attribute, value));
  }
  /// A negative errno when the kernel will not.
  int load() { return seccomp_load(context_.get()); }

 private:
  // A call that this machine never had needs no rule.
  void add(std::uint32_t action, int call, unsigned count, scmp_arg_cmp argument) {
    const int added = seccomp_rule_add_array(context_.get(), action, call, count, &argument);
    if (added != -EDOM) check(added);
  }
  static void check(int error) {
    if (error != 0) throw std::system_error(-error, std::generic_category(), "seccomp");
  }

  const std::unique_ptr<void, void (*)(void*)> context_;
};

// Of an argument that is an int, the kernel looks at half of the register only.
scmp_arg_cmp is(unsigned argument, int value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, static_cast<std::uint32_t>(value)};
}
scmp_arg_cmp is_not(unsigned argument, pid_t value) {
  return {argument, SCMP_CMP_NE, static_cast<scmp_datum_t>(value), 0};
}

void keep_to_itself(Filter& filter) {
  for (const int call : kOnlyItself) filter.deny(call, is_not(0, getpid()));
  filter.deny(SCMP_SYS(tkill));
  // It lowers the limits of others, too, and no CPU time left is a SIGKILL.
  filter.deny(SCMP_SYS(prlimit64), is_not(0, 0));
  // The owner of a descriptor is sent signals, of any number.
  for (const int command : {F_SETOWN, F_SETOWN_EX}) filter.deny(SCMP_SYS(fcntl), is(1, command));
  for (const int request : {FIOSETOWN, SIOCSPGRP}) filter.deny(SCMP_SYS(ioctl), is(1, request));
  filter.deny(SCMP_SYS(ioctl), is(1, TIOCSTI));  // types commands into the user's terminal
}

// clone3's arguments cannot be looked at; the C library has clone as well.
void keep_to_its_namespaces(Filter& filter) {
  filter.hide(SCMP_SYS(clone3));
  for (const int kind : {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
                         CLONE_NEWPID, CLONE_NEWNET}) {
    const auto flag = static_cast<scmp_datum_t>(kind);
    filter.deny(SCMP_SYS(clone), {0, SCMP_CMP_MASKED_EQ, flag, flag});
  }
}

}  // namespace

IsolationLayer apply_seccomp() {
  Filter filter;
  filter.set(SCMP_FLTATR_ACT_BADARCH, kDenied);  // 32-bit calls have other numbers
  filter.set(SCMP_FLTATR_CTL_TSYNC, 1);          // for threads that are there already
  for (const int call : kNever) filter.deny(call);
  keep_to_itself(filter);
  keep_to_its_namespaces(filter);
  const int loaded = filter.load();
  if (loaded != 0)
    return {"seccomp", LayerState::unavailable, std::generic_category().message(-loaded)};
  return {"seccomp", LayerState::on};
}

}  // namespace flagship::worker

#else

namespace flagship::worker {

IsolationLayer apply_seccomp() {
  return {"seccomp", LayerState::unavailable, "Flagship was built without libseccomp"};
}

}  // namespace flagship::worker

#endif
