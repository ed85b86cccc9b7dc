# The place the cluster lives in: namespaces, cgroup, network, and how all of it ends. Sourced by `cluster`.

# The kubelet sets these for the whole machine; `down` sets them back.
SYSCTLS="vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys
  kernel.keys.root_maxbytes"

space() {
  mkdir -p "$PKI" "$RUN"/{etcd,log/pods,cni,kubelet,volumes} /var/lib/kubelet /var/log/containers /run/containerd
  chmod 700 "$PKI" "$RUN/etcd"
  network >"$RUN/network"
  NET=$(cat "$RUN/network")
  local name unshared
  for name in $SYSCTLS; do echo "$name=$(sysctl -n "$name" 2>/dev/null)"; done | grep -v '=$' >"$RUN/sysctl" || true
  setsid unshare --net --mount --pid --fork --kill-child --mount-proc -- "$BIN/pause" >/dev/null 2>&1 </dev/null &
  unshared=$!
  wait_for 5 "the namespaces" sh -c "ps -o pid= --ppid $unshared | grep -q ."
  ps -o pid= --ppid $unshared | tr -d ' ' >"$RUN/holder"
  wait_for 5 "the first process" alive
  for name in /var/lib/kubelet /var/log/containers /run/containerd; do inside mount -t tmpfs none "$name"; done
  link
  cgroup
}

link() { # the host's way in: a pair of interfaces, and routes to pods and services
  ip link add "$ID" type veth peer name up0 netns "$(cat "$RUN/holder")"
  ip addr add "$NET.255.1/30" dev "$ID"
  ip link set "$ID" up
  inside sh -ec "
    ip link set lo up
    ip addr add $NET.255.2/30 dev up0
    ip link set up0 up
    ip route add default via $NET.255.1
    ip link add kbr0 type bridge
    ip addr add $NET.0.1/24 dev kbr0
    ip link set kbr0 up
    sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1"
  ip route add "$NET.0.0/24" via "$NET.255.2"
  ip route add "$NET.128.0/18" via "$NET.255.2"
}

cgroup() { # two kubelets under one root would kill each other's pods
  local name set=/sys/fs/cgroup/cpuset
  for name in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
    [ ! -d /sys/fs/cgroup/$name ] || mkdir -p "/sys/fs/cgroup/$name/$ID"
  done
  for name in cpus mems; do
    [ ! -e $set/cpuset.$name ] || cat $set/cpuset.$name >"$set/$ID/cpuset.$name"
  done
}

down() {
  [ -d "$RUN" ] || return 0
  # With the first process of its namespaces the kernel ends all others, mounts, links and rules.
  ! alive || kill -9 "$(cat "$RUN/holder")"
  local _ left folder
  for _ in $(seq 100); do
    left=
    for folder in /sys/fs/cgroup/*/"$ID"; do
      [ -d "$folder" ] || continue
      find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [ ! -d "$folder" ] || left=yes
    done
    [ -n "$left" ] || ! alive || left=yes
    [ -n "$left" ] || break
    sleep 0.1
  done
  ip link del "$ID" 2>/dev/null || true
  [ ! -s "$RUN/sysctl" ] || xargs sysctl -qw <"$RUN/sysctl" >/dev/null 2>&1 || true
  ! grep -qF " $RUN/" /proc/mounts || fail "mounts remain under $RUN; nothing was removed"
  rm -rf --one-file-system "$RUN"
}
