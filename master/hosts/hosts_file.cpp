// SPDX-License-Identifier: MIT
// A hosts file: TOML in, values out. toml++ is known here only.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <stdexcept>
#include <utility>

#include "common/os/read_all.hpp"
#include "common/os/unique_fd.hpp"
#include "common/units.hpp"
#include "flagship/hosts.hpp"
#include "master/hosts/nearest_word.hpp"
#include "master/hosts/toml_letters.hpp"

namespace flagship {
struct NotToml {};  // of which toml++ itself cannot say why
[[noreturn]] static void refuse_as_no_toml() { throw NotToml(); }
}  // namespace flagship

// toml++ 3.3 takes it for impossible that [[[ begins a line, and asserts it: that must neither end
// the program nor be left to chance.
#undef NDEBUG
#define TOML_ASSERT(holds) ((holds) ? void() : ::flagship::refuse_as_no_toml())
// A program that uses this library may have another toml++: they must not be taken for one.
#define toml flagship_toml
#define TOML_ENABLE_FORMATTERS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

namespace flagship {
namespace {

using namespace std::chrono_literals;
using Place = toml::source_region;
using Words = std::vector<std::string>;
using Names = std::span<const std::string_view>;

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
constexpr int kMostWorkers = 10'000;  // of an agent
constexpr int kMostAgents = 10'000;   // of a host
constexpr std::size_t kMostHosts = 1000;
constexpr std::size_t kLongestName = 255;

std::string joined(Names words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

constexpr std::string_view kLaunchers[] = {"local", "ssh", "slurm", "none"};  // by HostLauncher

std::string name_of(HostLauncher launcher) {
  return std::string(kLaunchers[static_cast<std::size_t>(launcher)]);
}

const char* name_of(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a point";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time of day";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_of_names(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }

/// For sentences about what is wrong where.
class File {
 public:
  explicit File(std::string name) : name_(std::move(name)) {}

  [[noreturn]] void refuse(const Place& place, const std::string& what) const {
    const auto line = std::max<toml::source_index>(1, place.begin.line);
    throw std::invalid_argument(name_ + ":" + std::to_string(line) + ": " + what);
  }

 private:
  const std::string name_;
};

/// One `key = value`, and how such a line looks when it is right.
class Value {
 public:
  Value(const File& file, const toml::key& key, const toml::node& node, std::string_view example)
      : file_(file), key_(key), node_(node), example_(example) {}

  [[noreturn]] void refuse(const std::string& what) const {
    file_.refuse(key_.source(), std::string(key_.str()) + " " + what);
  }

  std::string text() const { return text_of(node_); }

  Words words() const {
    const toml::array* const list = node_.as_array();
    if (list == nullptr) refuse_type(node_);
    Words words;
    for (const toml::node& word : *list) words.push_back(text_of(word));
    return words;
  }

  int number(int least, int most) const {
    const auto* const number = node_.as_integer();
    if (number == nullptr) refuse_type(node_);
    if (**number < least || **number > most)
      refuse("is " + std::to_string(**number) + "; it has to be from " + std::to_string(least) +
             " to " + std::to_string(most));
    return static_cast<int>(**number);
  }

  duration time(duration least) const {
    const std::string typed = text();
    const auto time = parse_duration(typed);
    if (!time) refuse("'" + typed + "' is no time; write it like " + std::string(example_));
    if (*time < least)
      refuse("'" + typed + "' is too short; it has to be " + format_duration(least) + " at least");
    return *time;
  }

 private:
  [[noreturn]] void refuse_type(const toml::node& node) const {
    refuse(std::string("cannot be ") + name_of(node.type()) + "; write it like " +
           std::string(example_));
  }

  std::string text_of(const toml::node& node) const {
    const auto* const text = node.as_string();
    if (text == nullptr) refuse_type(node);
    if ((*text)->empty()) refuse("is empty; write it like " + std::string(example_));
    if (std::any_of((*text)->begin(), (*text)->end(), is_control))
      refuse("has a control character in it; write it like " + std::string(example_));
    return **text;
  }

  const File& file_;
  const toml::key& key_;
  const toml::node& node_;
  const std::string_view example_;
};

using Launchers = unsigned;  // a bit for each

constexpr Launchers only(HostLauncher launcher) { return 1u << static_cast<unsigned>(launcher); }

constexpr Launchers kSsh = only(HostLauncher::ssh), kSlurm = only(HostLauncher::slurm),
                    kNone = only(HostLauncher::none), kAny = ~0u;

template <class T>
struct Key {
  std::string_view name;
  std::string_view example;
  void (*read)(const Value& value, T& into);
  Launchers launchers = kAny;  // whose hosts have it
};

void read_name(const Value& value, Host& host) {
  host.name = value.text();
  const bool good = std::all_of(host.name.begin(), host.name.end(), is_of_names);
  if (!good || host.name.front() == '-' || host.name.front() == '.')
    value.refuse("'" + host.name +
                 "' is no name of a host: letters, digits, dots, dashes and underscores, "
                 "and it begins with none of the dots and dashes");
  if (host.name.size() > kLongestName)
    value.refuse("is longer than " + std::to_string(kLongestName) + " letters");
}

// ssh would take it for an option, or for two words.
void read_address(const Value& value, Host& host) {
  host.address = value.text();
  if (host.address.front() == '-' || host.address.find(' ') != std::string::npos)
    value.refuse("'" + host.address +
                 "' is none for ssh: an alias of ~/.ssh/config, or like user@build1.example.org; "
                 "options go into options");
}

void read_options(const Value& value, Host& host) {
  (host.launcher == HostLauncher::ssh ? host.ssh_options : host.slurm_options) = value.words();
}

constexpr Key<Host> kHostKeys[] = {
    {"name", "name = \"build1\"", read_name},
    {"launcher", "launcher = \"ssh\"", [](const Value&, Host&) {}},  // is known by now
    {"workers", "workers = 4",
     [](const Value& value, Host& host) { host.workers = value.number(0, kMostWorkers); }},
    {"executable", "executable = \"/usr/libexec/flagship/flagship-worker\"",
     [](const Value& value, Host& host) { host.executable = value.text(); }, kSsh | kSlurm},
    {"start_timeout", "start_timeout = \"30s\"",
     [](const Value& value, Host& host) { host.start_timeout = value.time(1s); },
     kSsh | kSlurm | kNone},
    {"address", "address = \"user@build1.example.org\"", read_address, kSsh},
    {"options", "options = [\"-p\", \"2222\"]", read_options, kSsh | kSlurm},
    {"nodes", "nodes = 4",
     [](const Value& value, Host& host) { host.agents = value.number(1, kMostAgents); }, kSlurm},
    {"partition", "partition = \"main\"",
     [](const Value& value, Host& host) { host.partition = value.text(); }, kSlurm},
    {"account", "account = \"physics\"",
     [](const Value& value, Host& host) { host.account = value.text(); }, kSlurm},
    {"constraint", "constraint = \"skylake\"",
     [](const Value& value, Host& host) { host.constraint = value.text(); }, kSlurm},
    {"time", "time = \"1h\"", [](const Value& value, Host& host) { host.time = value.time(1min); },
     kSlurm},
    {"agents", "agents = 4",
     [](const Value& value, Host& host) { host.agents = value.number(1, kMostAgents); }, kNone},
    {"keys", "keys = \"flagship.master.keys\"",
     [](const Value& value, Host& host) { host.keys = value.text(); }, kNone},
};

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || rest != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

void read_ports(const Value& value, HostSecurity& security) {
  const std::string typed = value.text();
  const std::string_view text = typed;
  const std::size_t dash = text.find('-');
  const auto first = port_of(text.substr(0, dash));
  const auto last = dash == std::string::npos ? first : port_of(text.substr(dash + 1));
  if (!first || !last)
    value.refuse("'" + typed +
                 "' are no ports; write the first and the last, from 1 to 65535, like "
                 "ports = \"56000-56064\"");
  if (*first > *last)
    value.refuse("'" + typed + "' ends before it begins; write the lower port first");
  security.first_port = *first;
  security.last_port = *last;
}

bool is_of_addresses(char c) { return is_of_names(c) || c == ':' || c == '%'; }

void read_addresses(const Value& value, HostSecurity& security) {
  security.addresses = value.words();
  for (const std::string& address : security.addresses) {
    const bool port = std::count(address.begin(), address.end(), ':') == 1;
    if (port || !std::all_of(address.begin(), address.end(), is_of_addresses))
      value.refuse("'" + address +
                   "' is no address or name of this machine, like 10.0.0.1, without a port");
  }
}

constexpr Key<HostSecurity> kSecurityKeys[] = {
    {"ports", "ports = \"56000-56064\"", read_ports},
    {"addresses", "addresses = [\"10.0.0.1\"]", read_addresses},
};

constexpr Key<Hosts> kTopKeys[] = {
    {"lease", "lease = \"10s\"",
     [](const Value& value, Hosts& hosts) { hosts.lease = value.time(1s); }},
};

template <class T, std::size_t N>
constexpr std::array<std::string_view, N> names_of(const Key<T> (&keys)[N]) {
  std::array<std::string_view, N> names;
  std::transform(keys, keys + N, names.begin(), [](const Key<T>& key) { return key.name; });
  return names;
}

constexpr std::string_view kTopNames[] = {"host", "security", "lease"};
constexpr auto kHostNames = names_of(kHostKeys);
constexpr auto kSecurityNames = names_of(kSecurityKeys);

/// The kinds of tables that a hosts file has, and the names in each.
struct Section {
  const char* title;
  const char* home;  // where such keys belong
  Names names;
};

constexpr Section kTop{"at the top of the file", "at the top of the file, above the first table",
                       kTopNames};
constexpr Section kHost{"of a host", "under [[host]]", kHostNames};
constexpr Section kSecurity{"of [security]", "under [security]", kSecurityNames};

/// What to say of a key that is none of the section's.
std::string unknown(const std::string& key, const Section& section) {
  for (const Section* other : {&kTop, &kHost, &kSecurity})
    if (std::find(other->names.begin(), other->names.end(), key) != other->names.end())
      return "'" + key + "' is no key " + section.title + "; it belongs " + other->home;
  const std::string nearest = hosts::nearest_word(key, section.names);
  return "there is no key '" + key + "' " + section.title +
         (nearest.empty() ? "; there are " + joined(section.names)
                          : "; is '" + nearest + "' meant?");
}

using Entry = std::pair<const toml::key*, const toml::node*>;

/// What a table holds, as the file has it from top to bottom.
std::vector<Entry> entries_of(const toml::table& table) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table) entries.emplace_back(&key, &node);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.first->source().begin < b.first->source().begin;
  });
  return entries;
}

/// "build1" of "ssh://me@build1": what may be in a name.
std::string name_from(const std::string& address) {
  std::string name = address.substr(address.find_last_of("@/") + 1);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_of_names(c); }, '-');
  name.erase(0, std::min(name.find_first_not_of("-."), name.size()));
  return name.substr(0, kLongestName);
}

std::string default_name(const Host& host) {
  if (host.launcher == HostLauncher::none) return "joined";
  const std::string name = name_from(host.address);
  return name.empty() ? name_of(host.launcher) : name;
}

bool is_beyond_toml(std::string_view text) {
  try {
    const toml::table ignored = toml::parse(text);
  } catch (const NotToml&) {
    return true;
  } catch (const toml::parse_error&) {
  }
  return false;
}

/// The line that makes it so. The parser never looks back, so all that is longer is so too.
std::size_t line_beyond_toml(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') ends.push_back(i);
  const auto line = std::partition_point(ends.begin(), ends.end(), [text](std::size_t end) {
    return !is_beyond_toml(text.substr(0, end));
  });
  return static_cast<std::size_t>(line - ends.begin()) + 1;
}

class Reader {
 public:
  explicit Reader(const std::string& name) : file_(name) {}

  Hosts read(std::string_view text) {
    const toml::table table = parsed(text);
    for (const auto& [key, node] : entries_of(table)) read_top(*key, *node);
    if (hosts_.hosts.empty())
      file_.refuse({}, "there is no host in it; begin with [[host]], which is this machine");
    name_the_others();
    check_ports();
    return std::move(hosts_);
  }

 private:
  toml::table parsed(std::string_view text) const {
    // What toml++ 3.3 does with them is undefined.
    if (const std::size_t line = hosts::line_of_stray_letter(text))
      refuse_text(line, "letters beyond ASCII have to be in quotes, with a blank before them");
    try {
      return toml::parse(text);
    } catch (const toml::parse_error& error) {
      refuse_text(error.source().begin.line, std::string(error.description()));
    } catch (const NotToml&) {
      refuse_text(line_beyond_toml(text), "a host begins with [[host]]");
    }
  }

  [[noreturn]] void refuse_text(std::size_t line, const std::string& why) const {
    const toml::source_position place{static_cast<toml::source_index>(line), 1};
    file_.refuse({place, place, {}}, "this is no TOML: " + why);
  }

  void read_top(const toml::key& key, const toml::node& node) {
    if (key == "host")
      read_hosts(key, node);
    else if (key == "security")
      read_security(key, node);
    else
      read_key(key, node, kTopKeys, kTop, hosts_);
  }

  template <class T, std::size_t N>
  void read_key(const toml::key& key, const toml::node& node, const Key<T> (&keys)[N],
                const Section& section, T& into, Launchers launcher = kAny) const {
    const auto known = std::find_if(keys, keys + N, [&](const auto& k) { return key == k.name; });
    if (known == keys + N) file_.refuse(key.source(), unknown(std::string(key.str()), section));
    if ((known->launchers & launcher) == 0) refuse_for(launcher, key, known->launchers);
    known->read(Value(file_, key, node, known->example), into);
  }

  [[noreturn]] void refuse_for(Launchers launcher, const toml::key& key, Launchers has) const {
    std::string others, own;
    for (const auto one :
         {HostLauncher::local, HostLauncher::ssh, HostLauncher::slurm, HostLauncher::none}) {
      if ((has & only(one)) != 0) others += (others.empty() ? "" : " or ") + name_of(one);
      if (launcher == only(one)) own = name_of(one);
    }
    file_.refuse(key.source(), "'" + std::string(key.str()) + "' is for a host whose launcher is " +
                                   others + ", and that of this one is " + own +
                                   ": take the line away, or change the launcher");
  }

  void read_security(const toml::key& key, const toml::node& node) {
    const toml::table* const table = node.as_table();
    if (table == nullptr) file_.refuse(key.source(), "write 'security' as a table: [security]");
    for (const auto& [inner, value] : entries_of(*table)) {
      read_key(*inner, *value, kSecurityKeys, kSecurity, hosts_.security);
      if (*inner == "ports") ports_ = inner->source();
    }
  }

  void read_hosts(const toml::key& key, const toml::node& node) {
    const toml::array* const list = node.as_array();
    if (list == nullptr)
      file_.refuse(key.source(), "write each host as a table of its own: [[host]]");
    for (const toml::node& one : *list) {
      const toml::table* const table = one.as_table();
      if (table == nullptr)
        file_.refuse(one.source(), "write each host as a table of its own: [[host]]");
      read_host(*table);
    }
  }

  void read_host(const toml::table& table) {
    Host host;
    host.launcher = launcher_of(table);
    for (const auto& [key, node] : entries_of(table))
      read_key(*key, *node, kHostKeys, kHost, host, only(host.launcher));
    complete(host, table.source());
    if (hosts_.hosts.size() == kMostHosts)
      file_.refuse(table.source(), "there are more than " + std::to_string(kMostHosts) + " hosts");
    hosts_.hosts.push_back(std::move(host));
    places_.push_back(table.source());
  }

  HostLauncher launcher_of(const toml::table& table) const {
    const auto found = table.find("launcher");
    if (found == table.end()) return HostLauncher::local;
    const Value value(file_, found->first, found->second, "launcher = \"ssh\"");
    const std::string typed = value.text();
    const auto known = std::find(std::begin(kLaunchers), std::end(kLaunchers), typed);
    if (known != std::end(kLaunchers))
      return static_cast<HostLauncher>(known - std::begin(kLaunchers));
    const std::string nearest = hosts::nearest_word(typed, kLaunchers);
    value.refuse(
        "'" + typed + "' is none" +
        (nearest.empty() ? "; there are " + joined(kLaunchers) : "; is '" + nearest + "' meant?"));
  }

  void complete(Host& host, const Place& place) {
    if (host.launcher == HostLauncher::ssh && host.address.empty()) host.address = host.name;
    if (host.launcher == HostLauncher::ssh && host.address.empty())
      file_.refuse(place, "a host for ssh needs its address, like address = \"build1\"");
    if (host.launcher == HostLauncher::none && host.keys.empty())
      file_.refuse(place,
                   "a host of launcher = \"none\" needs keys = \"flagship.master.keys\", which "
                   "'flagship keys new' makes");
    if (host.launcher == HostLauncher::local && std::exchange(local_, true))
      file_.refuse(place,
                   "this machine is in the file twice; one host of launcher = \"local\" will do");
    if (!host.name.empty()) take_name(host.name, place);
  }

  void take_name(const std::string& name, const Place& place) {
    const auto [other, fresh] = names_.emplace(name, place.begin.line);
    if (!fresh)
      file_.refuse(place, "the name '" + name + "' is that of the host in line " +
                              std::to_string(other->second) + "; each needs its own");
  }

  /// Those that the file does not name; given names come first, whatever the order.
  void name_the_others() {
    for (std::size_t i = 0; i < hosts_.hosts.size(); ++i) {
      Host& host = hosts_.hosts[i];
      if (!host.name.empty()) continue;
      const std::string plain = default_name(host);
      host.name = plain;
      for (int number = 2; !names_.emplace(host.name, places_[i].begin.line).second; ++number)
        host.name = plain + "-" + std::to_string(number);
    }
  }

  /// An agent that comes by tcp has a port of its own. Two more are for what all that come by one
  /// pair of keys say: those of Slurm, and those of each host that is joined.
  void check_ports() const {
    std::int64_t needed = 0;
    bool slurm = false;
    for (const Host& host : hosts_.hosts) {
      if ((only(host.launcher) & (kSlurm | kNone)) == 0) continue;
      needed += host.agents;
      const bool first = host.launcher == HostLauncher::none || !std::exchange(slurm, true);
      if (first) needed += 2;
    }
    const HostSecurity& security = hosts_.security;
    const int ports = security.first_port == 0 ? 0 : security.last_port - security.first_port + 1;
    if (ports == 0 || needed <= ports) return;
    file_.refuse(ports_, "ports: there are " + std::to_string(ports) + ", and " +
                             std::to_string(needed) +
                             " are needed: one for each agent of launcher = \"slurm\" and "
                             "\"none\", two for Slurm, and two for each host of \"none\"");
  }

  const File file_;
  Hosts hosts_{};
  std::vector<Place> places_;  // of the hosts
  Place ports_{};
  bool local_ = false;
  std::map<std::string, toml::source_index> names_;
};

std::string text_of_file(const std::string& path) {
  try {
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw std::runtime_error(std::strerror(errno));
    return read_all(file.get(), kMostBytes);
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument("the hosts file '" + path + "' cannot be read: " + error.what());
  }
}

}  // namespace

Hosts Hosts::from_text(std::string_view toml, const std::string& name) {
  return Reader(name).read(toml);
}

Hosts Hosts::from_file(const std::string& path) {
  Hosts hosts = from_text(text_of_file(path), path);
  for (Host& host : hosts.hosts)
    if (!host.keys.empty())
      host.keys = (std::filesystem::path(path).parent_path() / host.keys).lexically_normal();
  return hosts;
}

}  // namespace flagship
