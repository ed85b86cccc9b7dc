# Start the control plane and the node. Sourced by `cluster`.

up() {
  [ "$(id -u)" = 0 ] || fail "needs root; set KUBECONFIG to a cluster instead"
  [ -d /sys/fs/cgroup/memory ] || fail "needs cgroup v1; use kind, or set KUBECONFIG to a cluster"
  if alive; then echo "$KUBECONFIG"; return; fi
  build
  down
  space
  certificates
  control_plane
  node
  addons
  say "ready: $("$BIN/kube" ctl get node $NODE --no-headers | tr -s ' ')"
  echo "$KUBECONFIG"
}

certificates() {
  local name
  openssl genrsa -out "$PKI/sa.key" 2048 2>/dev/null
  openssl rsa -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub" 2>/dev/null
  for name in ca front-ca; do
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$PKI/$name.key" -out "$PKI/$name.crt" -subj /CN=$name -days 30 2>/dev/null
  done
  local api="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate apiserver ca /CN=kube-apiserver "IP:$NET.0.1,IP:127.0.0.1,IP:$NET.128.1,$api"
  certificate kubelet ca /CN=$NODE "IP:$NET.0.1,DNS:$NODE"
  certificate to-kubelet ca /O=system:masters/CN=apiserver-kubelet-client
  certificate front front-ca /CN=front-proxy
  identity kubeconfig /O=system:masters/CN=admin
  identity controllers.kubeconfig /CN=system:kube-controller-manager
  identity scheduler.kubeconfig /CN=system:kube-scheduler
  identity proxy.kubeconfig /CN=system:kube-proxy
  identity node.kubeconfig /O=system:nodes/CN=system:node:$NODE
}

certificate() { # NAME AUTHORITY SUBJECT [NAMES]: for a server when it has names, else for a client
  local use=clientAuth names=
  [ -z "${4:-}" ] || { use=serverAuth; names="subjectAltName=$4"; }
  openssl req -newkey rsa:2048 -nodes -keyout "$PKI/$1.key" -out "$PKI/$1.csr" -subj "$3" 2>/dev/null
  openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/$2.crt" -CAkey "$PKI/$2.key" -CAcreateserial -days 30 -out "$PKI/$1.crt" \
    -extfile <(printf 'keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=%s\n%s\n' $use "$names") 2>/dev/null
}

identity() { # FILE SUBJECT: a kubeconfig
  certificate "$1" ca "$2"
  local ca crt key
  ca=$(base64 -w0 "$PKI/ca.crt") crt=$(base64 -w0 "$PKI/$1.crt") key=$(base64 -w0 "$PKI/$1.key")
  (umask 077 && cat >"$RUN/$1") <<K
apiVersion: v1
kind: Config
current-context: slipway
contexts: [{name: slipway, context: {cluster: slipway, user: me}}]
clusters: [{name: slipway, cluster: {server: "https://$NET.0.1:6443", certificate-authority-data: $ca}}]
users: [{name: me, user: {client-certificate-data: $crt, client-key-data: $key}}]
K
}

control_plane() {
  local etcd=http://127.0.0.1:2379 peer=http://127.0.0.1:2380
  # Nothing here outlives the machine, so nothing is synced.
  start etcd etcd --data-dir "$RUN/etcd" --unsafe-no-fsync --listen-client-urls $etcd --advertise-client-urls $etcd \
    --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer
  start apiserver "$BIN/kube" apiserver --etcd-servers $etcd --bind-address "$NET.0.1" --advertise-address "$NET.0.1" \
    --secure-port 6443 --service-cluster-ip-range "$NET.128.0/18" --allow-privileged --authorization-mode Node,RBAC \
    --enable-admission-plugins NodeRestriction --anonymous-auth=false --client-ca-file "$PKI/ca.crt" \
    --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --kubelet-preferred-address-types InternalIP --kubelet-certificate-authority "$PKI/ca.crt" \
    --kubelet-client-certificate "$PKI/to-kubelet.crt" --kubelet-client-key "$PKI/to-kubelet.key" \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$PKI/sa.pub" \
    --service-account-signing-key-file "$PKI/sa.key" --enable-aggregator-routing \
    --proxy-client-cert-file "$PKI/front.crt" --proxy-client-key-file "$PKI/front.key" \
    --requestheader-client-ca-file "$PKI/front-ca.crt" --requestheader-allowed-names front-proxy \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra-
  wait_for 120 "the API server" "$BIN/kube" ctl get --raw /readyz
  local mine=$RUN/controllers.kubeconfig
  start controllers "$BIN/kube" controller-manager --kubeconfig "$mine" --authentication-kubeconfig "$mine" \
    --authorization-kubeconfig "$mine" --bind-address 127.0.0.1 --cert-dir "$PKI/controllers" --leader-elect=false \
    --use-service-account-credentials --service-account-private-key-file "$PKI/sa.key" --root-ca-file "$PKI/ca.crt" \
    --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
    --horizontal-pod-autoscaler-sync-period 3s --horizontal-pod-autoscaler-initial-readiness-delay 2s
  mine=$RUN/scheduler.kubeconfig
  start scheduler "$BIN/kube" scheduler --kubeconfig "$mine" --authentication-kubeconfig "$mine" \
    --authorization-kubeconfig "$mine" --bind-address 127.0.0.1 --cert-dir "$PKI/scheduler" --leader-elect=false
}

node() {
  local file
  for file in containerd.toml kubelet.yaml cni/10-slipway.conflist; do
    sed "s|@RUN@|$RUN|g; s|@NET@|$NET|g; s|@PKI@|$PKI|g; s|@ID@|$ID|g" "$HERE/$(basename "$file")" >"$RUN/$file"
  done
  start containerd containerd -c "$RUN/containerd.toml"
  wait_for 30 containerd ctr -a "$SOCKET" version
  load "$CACHE"/{pause,coredns,metrics-server,versitygw}.tar
  start kubelet "$BIN/kube" kubelet --config "$RUN/kubelet.yaml" --kubeconfig "$RUN/node.kubeconfig" \
    --hostname-override $NODE --node-ip "$NET.0.1" --root-dir "$RUN/kubelet" --cert-dir "$PKI/kubelet"
  start proxy "$BIN/kube" proxy --kubeconfig "$RUN/proxy.kubeconfig" --hostname-override $NODE --oom-score-adj 0 \
    --cluster-cidr "$NET.0.0/24" --proxy-mode iptables --conntrack-max-per-core 0 \
    --healthz-bind-address 127.0.0.1 --metrics-bind-address 127.0.0.1
  wait_for 60 "the node" "$BIN/kube" ctl wait --for=condition=Ready --timeout=1s node/$NODE
}

addons() {
  { sed "s/DNS_IP/$NET.128.10/" "$HERE/addons.yaml"; volumes; } | "$BIN/kube" ctl apply -f - >/dev/null
  wait_for 60 DNS "$BIN/kube" ctl -n kube-system wait --for=condition=Available --timeout=1s deploy/coredns
}

volumes() { # no provisioner: folders that claims find
  local n
  for n in $(seq 24); do
    mkdir -m 777 -p "$RUN/volumes/$n" && chmod 777 "$RUN/volumes/$n"
    cat <<V
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: folder-$n}
spec:
  storageClassName: folders
  capacity: {storage: 100Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: "$RUN/volumes/$n", type: Directory}
V
  done
}
