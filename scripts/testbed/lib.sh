# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the test-beds share: hosts that are namespaces of this machine, and the cables between them; sourced by each
# bed. A bed is a folder. A host of it is a folder there, and a process whose network, host name, processes, mounts and
# IPC are its own: nothing of it has a name outside, and when that process is killed all of the host is gone.

TESTBED=$ROOT/scripts/testbed
PATH=$PATH:/usr/sbin:/sbin
# Where a host has its own view of the machine, and where it has not: files outside /run are the same everywhere.
NAMESPACES=(--mount --uts --ipc --net --pid)
NETWORK=10.77.0

# ---- what may be missing --------------------------------------------------------------------------------------------

# 77 is what ctest is told to count as skipped.
cannot() { die 77 "$*"; }

need_root() {
  ((EUID == 0)) || cannot "hosts of a test-bed are namespaces, which only root can make: run it as root"
}

# need COMMAND PACKAGE
need() {
  command -v "$1" >/dev/null || cannot "$1 is missing; it is in the package $2: scripts/setup hosts installs it"
}

need_namespaces() {
  local error
  need ip iproute2
  need unshare util-linux
  error=$(unshare "${NAMESPACES[@]}" --fork true 2>&1) ||
    cannot "this machine lets root make no namespaces (${error#unshare: }): in a container, run it privileged"
  error=$(unshare --net ip link add probe type veth peer name other 2>&1) ||
    cannot "this kernel makes no pairs of network devices ($error): it needs the module veth"
  error=$(unshare --net ip link add probe type bridge 2>&1) ||
    cannot "this kernel makes no bridges ($error): it needs the module bridge"
}

# ---- a bed ----------------------------------------------------------------------------------------------------------

# make_bed DIR: the folder of a new bed, $BED from here on; without DIR a new one.
make_bed() {
  BED=${1:-$(mktemp -d "${TMPDIR:-/tmp}/bed-XXXXXX")}
  mkdir -p "$BED"
  BED=$(cd "$BED" && pwd)
  [[ -z $(ls -A "$BED") ]] || die 2 "$BED is not empty; if a bed is up there, down removes it"
  chmod 0711 "$BED"
  : >"$BED/is-a-bed"
  export FLAGSHIP_BED=$BED
}

# with_owner PID: takes the bed down once that process is gone.
with_owner() {
  kill -0 "$1" 2>/dev/null || usage_error "there is no process $1 for --owner"
  # Expanded by that bash.
  # shellcheck disable=SC2016
  setsid bash -c 'while [[ -e /proc/$1 ]]; do read -r -t 0.2 <> <(:); done; exec "$2" --dir "$3" down' \
    watcher "$1" "$TESTBED/${0##*/}" "$BED" </dev/null >/dev/null 2>&1 &
  echo $! >"$BED/watcher.pid"
}

# is_ours PID: whether it is alive and of this bed, which is in the environment of all that is.
is_ours() { [[ -n $1 ]] && grep -qszxF "FLAGSHIP_BED=$BED" "/proc/$1/environ"; }

# kill_ours FILE: ends the process whose id is in the file; waits until it is gone.
kill_ours() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  rm -f "$1"
  if [[ $pid == "$$" ]] || ! is_ours "$pid"; then return 0; fi
  kill -KILL "$pid" 2>/dev/null || return 0
  within 30 gone "$pid" || die 1 "process $pid of the bed does not end; see ps -p $pid"
}

gone() { ! is_ours "$1"; }

# All that is of the bed, in whatever state. A bed that is not there is down.
take_down() {
  local file
  [[ -d $BED ]] || return 0
  [[ -e $BED/is-a-bed ]] || die 1 "$BED is no bed; nothing is removed"
  for file in "$BED"/watcher.pid "$BED"/*/{cable.pid,holder.pid,pid}; do kill_ours "$file"; done
  rm -rf --one-file-system "$BED"
}

# within SECONDS COMMAND...: asks again and again; 1 when it did not come true.
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.02
  done
}

# ---- hosts ----------------------------------------------------------------------------------------------------------

pid_of() { cat "$BED/$1/pid" 2>/dev/null; }

need_host() {
  is_ours "$(pid_of "$1")" ||
    die 1 "no host $1 is up in $BED; there are: $(hosts | xargs)"
}

# All hosts, a line each; what carries the cables is none.
hosts() {
  local file
  for file in "$BED"/*/pid; do
    [[ $file == */switch/pid || ! -e $file ]] || basename "${file%/pid}"
  done
}

# start_host NAME: without a cable.
start_host() {
  local name=$1 folder=$BED/$1 pid ready
  mkdir -p "$folder"/{etc,home,run,tmp}
  chmod 0700 "$folder"/{home,run}
  write_etc "$folder"
  exec {ready}< <(echo "$BASHPID" >"$folder/holder.pid" && exec setsid unshare "${NAMESPACES[@]}" --fork --kill-child \
    bash "$TESTBED/init" "$name" "$folder" 2>"$folder/log" </dev/null)
  read -r -t 30 -u "$ready" pid || die 1 "host $name does not come up: $(tail -n 3 "$folder/log")"
  exec {ready}<&-
  echo "$pid" >"$folder/pid"
}

# Accounts as on this machine, but root's home is the host's own, so that neither programs nor ssh touch the real one.
write_etc() {
  local folder=$1
  sed "s|^root:.*|root:x:0:0:root:$folder/home:/bin/bash|" /etc/passwd >"$folder/etc/passwd"
  echo 'root:*:19000:0:99999:7:::' >"$folder/etc/shadow"
  echo '127.0.0.1 localhost' >"$folder/etc/hosts"
  : >"$folder/etc/resolv.conf"
  chmod 0600 "$folder/etc/shadow"
}

# on HOST COMMAND...: as a process of that host, in the folder where the caller is. Takes the place of this process.
on() {
  local name=$1 folder=$BED/$1
  shift
  need_host "$name"
  export HOME=$folder/home XDG_RUNTIME_DIR=$folder/run TMPDIR=$folder/tmp USER=root LOGNAME=root
  unset HOSTNAME
  exec nsenter -t "$(pid_of "$name")" "${NAMESPACES[@]}" --wdns="$CALLED_FROM" -- "$@"
}

# The same as a step of a script.
run_on() { (on "$@") </dev/null; }

# net HOST COMMAND...: with that host's network, and everything else this machine's.
net() { nsenter -t "$(pid_of "$1")" --net "${@:2}"; }

# The processes that run on a host besides those that make it, a line each: its id here, its command.
processes() {
  local own=$BED/$1/own namespace
  [[ -e $own ]] || own=/dev/null
  namespace=$(stat -L -c %i "/proc/$(pid_of "$1")/ns/pid")
  ps -e -o pidns=,stat=,pid=,args= | awk -v namespace="$namespace" '
    FILENAME != "-" { own[$1]; next }
    $1 == namespace && $2 !~ /^[ZX]/ && !($3 in own) { $1 = $2 = ""; print substr($0, 3) }' "$own" -
}

# settle HOST [COMMAND]: what runs on it now belongs to it; or only this.
settle() {
  local own
  own=$(processes "$1" | awk -v only="${2:-}" 'only == "" || $2 == only { print $1 }')
  echo "$own" >>"$BED/$1/own"
}

# ---- cables ---------------------------------------------------------------------------------------------------------

# A host of no use but to hold the bridge that all cables end in. It has no way out.
start_switch() {
  start_host switch
  net switch sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6' 2>/dev/null || true
  net switch ip link add bridge type bridge
  net switch ip link set bridge up
}

# plug HOST LAST: a cable from the host's eth0, with the address $NETWORK.LAST, to the switch.
plug() {
  local name=$1 address=$NETWORK.$2
  net switch ip link add "to-$name" type veth peer name eth0 netns "$(pid_of "$name")"
  net switch ip link set "to-$name" master bridge up
  net "$name" ip address add "$address/24" dev eth0
  net "$name" ip link set eth0 up
  echo "$address" >"$BED/$name/address"
  echo "$address $name" >>"$BED/$name/etc/hosts"
}

address_of() { cat "$BED/$1/address"; }

# introduce HOST OTHER...: it knows the others by name.
introduce() {
  local other
  for other in "${@:2}"; do
    if [[ $other != "$1" ]]; then echo "$(address_of "$other") $other"; fi
  done >>"$BED/$1/etc/hosts"
}

cut_cable() {
  need_host "$1"
  net switch ip link set "to-$1" down
}

heal_cable() {
  need_host "$1"
  net switch ip link set "to-$1" up
}

# disturb HOST [ARGUMENTS OF NETEM]: what its cable does to each packet, either way; without arguments: nothing.
disturb() {
  local name=$1
  shift
  need_host "$name"
  calm "$name"
  (($#)) || return 0
  if net switch tc qdisc add dev "to-$name" root netem "$@" 2>"$BED/$name/tc.log"; then
    net "$name" tc qdisc add dev eth0 root netem "$@"
  elif grep -q 'kind is unknown' "$BED/$name/tc.log"; then
    echo "This kernel has no netem: a program carries the packets of $name instead." >&2
    lay_cable "$name" "$@"
  else
    die 2 "tc does not take these arguments: $(head -n 1 "$BED/$name/tc.log")"
  fi
  echo "$*" >"$BED/$name/netem"
}

calm() {
  local name=$1
  rm -f "$BED/$name/netem"
  net switch tc qdisc del dev "to-$name" root 2>/dev/null || true
  net "$name" tc qdisc del dev eth0 root 2>/dev/null || true
  [[ -e $BED/$name/cable.pid ]] || return 0
  kill_ours "$BED/$name/cable.pid"
  net switch ip link del "$name-far" 2>/dev/null || true
  net switch ip link set "to-$name" master bridge
}

# In place of the end in the bridge: that end, a program, and another pair of devices of which one is in the bridge.
lay_cable() {
  local name=$1 ready
  shift
  need python3 python3
  net switch ip link add "$name-far" type veth peer name "$name-in"
  net switch ip link set "$name-in" master bridge up
  net switch ip link set "$name-far" up
  net switch ip link set "to-$name" nomaster
  exec {ready}< <(exec setsid nsenter -t "$(pid_of switch)" --net \
    python3 "$TESTBED/cable" "to-$name" "$name-far" "$@" 2>"$BED/$name/cable.log" </dev/null)
  echo $! >"$BED/$name/cable.pid"
  if ! read -r -t 30 -u "$ready"; then
    calm "$name"
    die 2 "$(tail -n 1 "$BED/$name/cable.log")"
  fi
  exec {ready}<&-
}

# ---- at a glance ----------------------------------------------------------------------------------------------------

print_status() {
  local name state
  [[ -n $(hosts) ]] || die 1 "no bed is up in $BED"
  printf '%s\n%-8s %-12s %-8s %-10s %s\n' "$BED" host address cable processes netem
  for name in $(hosts); do
    if ! is_ours "$(pid_of "$name")"; then
      printf '%-8s gone\n' "$name"
      continue
    fi
    state=up
    if [[ $(net switch ip -o link show dev "to-$name") != *[\<,]'UP'[,\>]* ]]; then state='cut'; fi
    printf '%-8s %-12s %-8s %-10s %s\n' "$name" "$(address_of "$name")" "$state" "$(processes "$name" | wc -l)" \
      "$(cat "$BED/$name/netem" 2>/dev/null)"
  done
}

# ---- the command line -----------------------------------------------------------------------------------------------

# parse_bed "$@": takes --dir and --owner; what follows is $verb and "${rest[@]}". $BED is the bed, if one was named.
parse_bed() {
  BED=${FLAGSHIP_BED:-} owner='' verb='' rest=()
  while (($#)); do
    case $1 in
      -h | --help) print_help "$0" && exit ;;
      --dir | --owner)
        (($# > 1)) || usage_error "$1 wants a value"
        if [[ $1 == --dir ]]; then BED=$(cd "$CALLED_FROM" && realpath -m "$2"); else owner=$2; fi
        shift 2
        ;;
      -*) usage_error "unknown option $1" ;;
      *)
        verb=$1
        shift
        rest=("$@")
        return 0
        ;;
    esac
  done
  usage_error "what is to be done?"
}

need_bed() {
  need_root
  [[ -n $BED ]] || usage_error "which bed? --dir DIR, or FLAGSHIP_BED in the environment"
  [[ -e $BED/is-a-bed ]] || die 1 "there is no bed in $BED"
  export FLAGSHIP_BED=$BED
}

need_word() { ((${#rest[@]})) || usage_error "$verb: which host?"; }

# bring_up COMMAND: runs it with a new bed, which goes again when it fails or is interrupted; prints the folder.
bring_up() {
  make_bed "$BED"
  trap 'trap "" INT TERM HUP && exit 130' INT TERM HUP
  trap 'trap "" INT TERM HUP && take_down' EXIT
  if [[ -n $owner ]]; then with_owner "$owner"; fi
  "$1"
  trap - EXIT
  echo "$BED"
}

# What every bed can do.
common_verb() {
  local name
  if [[ $verb == down ]]; then
    [[ -z $BED || ! -d $BED ]] || take_down
    return 0
  fi
  need_bed
  case $verb in
    cut) need_word && cut_cable "${rest[0]}" ;;
    heal) need_word && heal_cable "${rest[0]}" ;;
    netem) need_word && disturb "${rest[@]}" ;;
    processes)
      if ((${#rest[@]} == 0)); then mapfile -t rest < <(hosts); fi
      for name in "${rest[@]}"; do
        need_host "$name"
        processes "$name" | sed "s/^/$name /"
      done
      ;;
    status) print_status ;;
    *) usage_error "nothing is called '$verb'" ;;
  esac
}
