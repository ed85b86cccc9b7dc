# What the cluster is made of: Debian packages, and programs built from published Go modules. Sourced by `cluster`.
PACKAGES="etcd-server containerd runc containernetworking-plugins iptables conntrack iproute2 openssl procps util-linux"

build() {
  packages
  command -v go >/dev/null || fail "Go is missing; install it (https://go.dev/dl) or set KUBECONFIG to a cluster"
  mkdir -p "$BIN"
  go_build pause pause . 0
  go_build versitygw s3 github.com/versity/versitygw/cmd/versitygw 2
  kubernetes
  go_build coredns dns . 2
  go_build metrics-server metrics sigs.k8s.io/metrics-server/cmd/metrics-server 3
  local name
  for name in pause coredns metrics-server versitygw; do image "$name"; done
}

packages() {
  local name missing=
  for name in $PACKAGES; do dpkg -s "$name" >/dev/null 2>&1 || missing="$missing $name"; done
  [ -n "$missing" ] || return 0
  [ "${CI:-}" = true ] || fail "these Debian packages are missing; install them: apt-get install$missing"
  "$HERE/packages" $missing
}

kubernetes() {
  local version minor
  version=$(cd "$HERE/go/kube" && awk '$1 == "k8s.io/kubernetes" {print $2}' go.mod)
  minor=$(echo "$version" | cut -d. -f2)
  local component=k8s.io/component-base/version client=k8s.io/client-go/pkg/version.gitVersion=$version
  go_build kube kube . 6 -tags osusergo -ldflags "-s -w -X $component.gitVersion=$version \
    -X $component.gitMajor=1 -X $component.gitMinor=$minor -X $client"
}

go_build() { # NAME FOLDER PACKAGE MINUTES [FLAGS..]: bin/NAME, made again only when the folder changed
  local name=$1 folder=$HERE/go/$2 package=$3 minutes=$4 key
  shift 4
  [ $# -gt 0 ] || set -- -ldflags "-s -w"
  key=$(cat "$folder"/* | sha256sum | cut -c1-12)
  if [ ! -x "$BIN/$name-$key" ]; then
    [ "$minutes" = 0 ] || say "building $name from its Go module (about $minutes minutes on 2 cores, once)"
    (cd "$folder" && CGO_ENABLED=0 nice go build -trimpath "$@" -o "$BIN/$name-$key.new.$$" "$package")
    mv "$BIN/$name-$key.new.$$" "$BIN/$name-$key"
  fi
  ln -sfn "$name-$key" "$BIN/$name"
}

image() { # a scratch image of one program, under a name that no registry can have
  local file
  file=$CACHE/$(readlink "$BIN/$1").tar
  [ -f "$file" ] || { python3 "$HERE/image.py" "slipway.test/$1:1" "$BIN/$1" "$file.new.$$" && mv "$file.new.$$" "$file"; }
  ln -sfn "$(basename "$file")" "$CACHE/$1.tar"
}
