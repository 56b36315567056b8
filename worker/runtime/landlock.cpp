// SPDX-License-Identifier: MIT
#include "worker/runtime/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "common/os/unique_fd.hpp"

namespace flagship::worker {
namespace {

// The kernel's header may be older than the kernel: what came later is named here.
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;  // from ABI 4 on
  std::uint64_t scoped = 0;   // from ABI 6 on
};
constexpr std::uint64_t kRefer = 1ull << 13;
constexpr std::uint64_t kTruncate = 1ull << 14;
constexpr std::uint64_t kIoctlOnDevices = 1ull << 15;
constexpr std::uint64_t kBindTcp = 1ull << 0;
constexpr std::uint64_t kSignals = 1ull << 1;
constexpr int kHasRefer = 2, kHasTruncate = 3, kHasNetwork = 4, kHasIoctl = 5, kHasScopes = 6;

constexpr std::uint64_t kChangeFolders =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | kIoctlOnDevices;

/// All ways of writing that this kernel can refuse.
std::uint64_t writing(int abi) {
  std::uint64_t rights = kChangeFolders | LANDLOCK_ACCESS_FS_WRITE_FILE;
  if (abi >= kHasRefer) rights |= kRefer;
  if (abi >= kHasTruncate) rights |= kTruncate;
  if (abi >= kHasIoctl) rights |= kIoctlOnDevices;
  return rights;
}

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), "landlock: " + what);
}

void allow(int ruleset, const std::string& path, std::uint64_t rights) {
  const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) fail("cannot open '" + path + "'");
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = place.get();
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    fail("cannot allow '" + path + "'");
}

UniqueFd make_ruleset(const Isolation& isolation, int abi) {
  Ruleset wanted;
  if (isolation.writable) wanted.files = writing(abi);
  if (isolation.connect_only && abi >= kHasNetwork) wanted.network = kBindTcp;
  if (abi >= kHasScopes) wanted.scoped = kSignals;
  const std::size_t size = abi >= kHasScopes    ? sizeof wanted
                           : abi >= kHasNetwork ? offsetof(Ruleset, scoped)
                                                : offsetof(Ruleset, network);
  UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset) fail("cannot make a ruleset");
  if (!isolation.writable) return ruleset;
  for (const std::string& folder : *isolation.writable) allow(ruleset.get(), folder, wanted.files);
  allow(ruleset.get(), "/dev/null", wanted.files & kOfFiles);
  return ruleset;
}

/// "ABI 3, cannot hold back ports, signals": what the kernel is too old for.
std::string version(const Isolation& isolation, int abi) {
  std::string missing;
  const auto needs = [&](bool wanted, int least, const char* what) {
    if (wanted && abi < least) missing += (missing.empty() ? "" : ", ") + std::string(what);
  };
  needs(isolation.writable.has_value(), kHasTruncate, "truncation");
  needs(isolation.connect_only, kHasNetwork, "ports");
  needs(true, kHasScopes, "signals");
  const std::string said = "ABI " + std::to_string(abi);
  return missing.empty() ? said : said + ", cannot hold back " + missing;
}

}  // namespace

IsolationLayer apply_landlock(const Isolation& isolation) {
  const int abi = static_cast<int>(
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi < 0) return {"landlock", LayerState::unavailable, std::strerror(errno)};
  if (!isolation.writable && abi < kHasNetwork)
    return {"landlock", LayerState::unavailable, version(isolation, abi)};
  const UniqueFd ruleset = make_ruleset(isolation, abi);
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) fail("cannot begin");
  return {"landlock", LayerState::on, version(isolation, abi)};
}

}  // namespace flagship::worker
