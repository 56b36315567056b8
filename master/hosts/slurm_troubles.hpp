// SPDX-License-Identifier: MIT
// What srun says of its troubles, and what to do. The first that was said counts.
#pragma once

#include <array>

#include "master/hosts/causes.hpp"

namespace flagship::hosts {

inline constexpr std::array kSlurmTroubles{
    KnownTrouble{"Invalid partition name", "% has no such partition: 'sinfo' lists those there are",
                 true},
    KnownTrouble{"group not permitted to use this partition",
                 "% does not let you use the partition", true},
    KnownTrouble{"Required partition not available", "the partition of % takes no jobs now"},
    KnownTrouble{"Invalid account",
                 "% does not know you under that account: 'sacctmgr show "
                 "associations user=$USER' lists those that it does",
                 true},
    KnownTrouble{"Invalid qos", "% does not give you that QOS", true},
    KnownTrouble{"Invalid feature specification", "no node of % has what the constraint asks for",
                 true},
    KnownTrouble{"Node count specification invalid",
                 "% has not that many nodes for a job; an agent takes one", true},
    KnownTrouble{"CPU count", "no node of % has so many CPUs: ask for fewer workers", true},
    KnownTrouble{"More processors requested",
                 "no node of % has so many CPUs: ask for fewer workers", true},
    KnownTrouble{"Requested node configuration is not available",
                 "no node of % is as asked for: fewer workers, another partition or constraint?"},
    KnownTrouble{"Requested time limit is invalid",
                 "the time is longer than % allows, or one has to be given: set 'time'", true},
    KnownTrouble{"Job violates accounting/QOS policy",
                 "% does not allow you so much at once: fewer nodes or workers, or a shorter time"},
    KnownTrouble{"DUE TO TIME LIMIT", "the time of its allocation is up"},
    KnownTrouble{"DUE TO PREEMPTION", "% has taken the node for a job that goes before"},
    KnownTrouble{"DUE TO NODE FAILURE", "% has lost the node"},
    KnownTrouble{"Node failure", "% has lost the node"},
    KnownTrouble{"Invalid job id", "its allocation is over", true},
    KnownTrouble{"has been revoked", "% has ended the allocation"},
    KnownTrouble{"Unable to contact slurm controller",
                 "slurmctld does not answer: is it up, and can it be reached from here?"},
    KnownTrouble{"Socket timed out", "slurmctld does not answer in time"},
    KnownTrouble{"unge", "munge does not vouch for you: is munged up on this machine?"},
    KnownTrouble{"Could not establish a configuration source",
                 "this machine has no slurm.conf: is it one from which jobs can be submitted?",
                 true},
    KnownTrouble{"unrecognized option", "srun does not know an option for %", true},
    KnownTrouble{"CANCELLED AT", "% was told to cancel the job"},
};

}  // namespace flagship::hosts
