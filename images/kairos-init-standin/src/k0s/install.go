package k0s

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"standin/sys"
)

// unitRoot is below which units are written; tests have one of their own.
var unitRoot = "/etc/systemd/system"

const unitText = `[Unit]
Description=k0s - Zero Friction Kubernetes
Documentation=https://docs.k0sproject.io
ConditionFileIsExecutable=/usr/bin/k0s

After=network-online.target
Wants=network-online.target

[Service]
StartLimitInterval=5
StartLimitBurst=10
ExecStart=/usr/bin/k0s %s

RestartSec=10
Delegate=yes
KillMode=process
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
LimitNOFILE=999999
Restart=always

[Install]
WantedBy=multi-user.target
`

// install is k0s install worker, which a node that has the unit already refuses without --force.
func install(args []string, systemctl func(words ...string) error) error {
	if len(args) == 0 || args[0] != "worker" {
		return errors.New("only install worker is in the stand-in")
	}
	force, words := false, []string{}
	for _, word := range args[1:] {
		if word == "--force" {
			force = true
		} else {
			words = append(words, word)
		}
	}
	if _, err := parseWorker(words); err != nil {
		return err
	}
	path := filepath.Join(unitRoot, "k0sworker.service")
	if sys.Exists(path) {
		if !force {
			return fmt.Errorf("failed to install worker service: Init already exists: %s", path)
		}
		info("Uninstalling k0sworker service", "k0s")
		if err := errors.Join(systemctl("disable", "k0sworker.service"), os.Remove(path)); err != nil {
			return err
		}
	}
	info("Installing k0sworker service", "k0s")
	if err := sys.WriteFile(path, []byte(fmt.Sprintf(unitText, strings.Join(append([]string{"worker"}, asWritten(words)...), " "))), 0o644); err != nil {
		return fmt.Errorf("failed to install worker service: %w", err)
	}
	return errors.Join(systemctl("enable", "k0sworker.service"), systemctl("daemon-reload"))
}

// asWritten is how k0s writes arguments into the unit: each flag with its value in one word, in the order of their names.
func asWritten(words []string) []string {
	written := []string{}
	for index := 0; index < len(words); index++ {
		name, value, inline := strings.Cut(words[index], "=")
		switch {
		case inline:
		case switches[name]:
			value = "true"
		case index+1 < len(words):
			index++
			value = words[index]
		}
		written = append(written, name+"="+value)
	}
	sort.Strings(written)
	return written
}
