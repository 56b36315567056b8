// SPDX-License-Identifier: MIT
// What OpenSSH's client says of its troubles, and what to do. The first that was said counts.
#pragma once

#include <array>

#include "master/hosts/causes.hpp"

namespace flagship::hosts {

inline constexpr std::array kSshTroubles{
    KnownTrouble{"REMOTE HOST IDENTIFICATION HAS CHANGED",
                 "% shows another host key than the one that is known: if that is right, remove "
                 "the old one by 'ssh-keygen -R', and log in once by hand",
                 true},
    KnownTrouble{"Host key verification failed",
                 "the host key of % is not known yet: log in once by 'ssh %', and say yes to it",
                 true},
    KnownTrouble{"Too many authentication failures",
                 "% refuses to try so many keys: say which one by IdentityFile and IdentitiesOnly "
                 "in ~/.ssh/config",
                 true},
    KnownTrouble{"Permission denied (",
                 "ssh cannot log in to % without being asked for something: 'ssh -o BatchMode=yes "
                 "%' has to work; 'ssh-copy-id %' installs a key, 'ssh-add' unlocks one",
                 true},
    KnownTrouble{"Temporary failure in name resolution",
                 "the name of % cannot be resolved now: no name server answers"},
    KnownTrouble{"Could not resolve hostname",
                 "nobody knows the name of %: its address has to be a name, or an alias of "
                 "~/.ssh/config",
                 true},
    KnownTrouble{"Connection refused", "no sshd answers on %: is it up, and is that its port?"},
    KnownTrouble{"Connection timed out",
                 "% does not answer: is it up, and does a firewall let ssh through?"},
    KnownTrouble{"Operation timed out",
                 "% does not answer: is it up, and does a firewall let ssh through?"},
    KnownTrouble{"No route to host", "no way leads to %: is it up?"},
    KnownTrouble{"Network is unreachable", "no way leads to %: is this machine on that network?"},
    KnownTrouble{"remote port forwarding failed",
                 "the sshd on % carries no unix sockets: it needs AllowStreamLocalForwarding yes, "
                 "and no DisableForwarding",
                 true},
    KnownTrouble{"Could not request local forwarding",
                 "~/.ssh/config forwards something for % that is in use: add \"-o\", "
                 "\"ExitOnForwardFailure=no\" to its ssh_options, or another alias without it"},
    KnownTrouble{"Unable to negotiate with",
                 "the ssh here and the sshd on % have no algorithm in common: allow one of its in "
                 "~/.ssh/config",
                 true},
    KnownTrouble{"Bad configuration option", "ssh does not know an option for %", true},
    KnownTrouble{"unknown option", "ssh does not know an option for %", true},
    KnownTrouble{"Bad owner or permissions",
                 "ssh does not read its configuration: only you may be able to write it", true},
    KnownTrouble{"account is currently not available", "% lets nobody log in by that name", true},
    KnownTrouble{"not responding.", "the connection to % was lost: it answers no more"},
    KnownTrouble{"kex_exchange_identification",
                 "the sshd on % takes no more connections now (see its MaxStartups)"},
    KnownTrouble{"client_loop: send disconnect", "the connection to % was lost"},
    KnownTrouble{"closed by remote host", "% has closed the connection"},
    KnownTrouble{"Connection closed by", "% has closed the connection"},
    KnownTrouble{"Connection reset by", "% has closed the connection"},
};

}  // namespace flagship::hosts
