#!/bin/sh
# The runtime class's handler, in the words of the containerd that this k0s has: 1.7 up to k0s 1.35, 2 from 1.36 on.
set -eu
minor=$(/usr/bin/k0s version | sed -n 's/^v1\.\([0-9]*\)\..*/\1/p')
[ -n "$minor" ] || { echo "imagekit: error: k0s does not say its version" >&2; exit 1; }
if [ "$minor" -le 35 ]; then
    form=2 plugin=io.containerd.grpc.v1.cri
else
    form=3 plugin=io.containerd.cri.v1.runtime
fi
install -d -m 0755 /etc/k0s/containerd.d
cat >/etc/k0s/containerd.d/kata.toml <<TOML
version = $form

[plugins."$plugin".containerd.runtimes.kata]
  runtime_type = "io.containerd.kata.v2"
  runtime_path = "/opt/kata/runtime-rs/bin/containerd-shim-kata-v2"
  # Else a privileged pod gets all devices of the node.
  privileged_without_host_devices = true
  pod_annotations = ["io.katacontainers.*"]
  [plugins."$plugin".containerd.runtimes.kata.options]
    ConfigPath = "/opt/kata/share/defaults/kata-containers/runtime-rs/configuration-qemu-runtime-rs.toml"
TOML
systemctl -q enable opt-kata.mount
