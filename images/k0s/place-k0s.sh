#!/bin/sh
# k0s and its units, as Kairos's provider leaves them, from a file of images.lock: place-k0s.sh FILE
# Without the file the framework has brought its own. Units: provider-kairos, internal/services/k0s.go.
set -eu
[ -e "$1" ] || exit 0
install -m 0755 "$1" /usr/bin/k0s
for role in controller worker; do
    cat >"/etc/systemd/system/k0s$role.service" <<UNIT
[Unit]
Description=k0s $role
Documentation=https://docs.k0sproject.io
ConditionFileIsExecutable=/usr/bin/k0s
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=5
StartLimitBurst=10

[Service]
ExecStart=/usr/bin/k0s $role
Restart=always
RestartSec=10
TimeoutStartSec=0
KillMode=process
Delegate=yes
TasksMax=infinity
LimitCORE=infinity
LimitNOFILE=999999

[Install]
WantedBy=multi-user.target
UNIT
done
