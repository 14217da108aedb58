// Package provider plays agent-provider-kairos for k0s: what it does once, at
// the first boot with a configuration that names a role.
package provider

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"standin/brand"
	"standin/sys"
)

// Deployed is the mark that a role was given; with it later changes of the configuration reach nobody.
const Deployed = "/usr/local/.kairos/deployed"

const (
	unitDir   = "/etc/systemd/system"
	sysconfig = "/etc/sysconfig"
	binary    = "/usr/bin/k0s"
)

// roles in the order in which the provider looks; it stops at the first that is enabled.
var roles = []struct{ section, service, role string }{
	{"k3s", "", ""}, {"k3s-agent", "", ""}, {"k0s", "k0scontroller", "controller"}, {"k0s-worker", "k0sworker", "worker"},
}

// Bootstrap gives a node the role that its configuration enables. start runs systemctl with words.
func Bootstrap(root string, config map[string]any, start func(words ...string) error) error {
	for _, each := range roles {
		section, _ := config[each.section].(map[string]any)
		if enabled, _ := section["enabled"].(bool); !enabled {
			continue
		}
		if each.service == "" {
			return brand.NotYet("%s; only k0s and k0s-worker", each.section)
		}
		if sys.Exists(filepath.Join(root, Deployed)) {
			fmt.Fprintln(os.Stderr, "Sentinel exists, nothing to do. exiting.")
			return nil
		}
		return deploy(root, each.service, each.role, section, start)
	}
	return nil
}

func deploy(root, service, role string, section map[string]any, start func(words ...string) error) error {
	if !sys.Exists(filepath.Join(root, binary)) {
		return fmt.Errorf("no %s binary found", service)
	}
	if err := writeEnvironment(filepath.Join(root, sysconfig, service), section["env"]); err != nil {
		return fmt.Errorf("failed to write %s env file: %w", service, err)
	}
	if err := override(filepath.Join(root, unitDir, service+".service.d"), role, section["args"]); err != nil {
		return fmt.Errorf("failed to override service command: %w", err)
	}
	// Neither waits, and a failure of the second is nobody's; both as the provider has it.
	if err := start("start", "--no-block", service); err != nil {
		return fmt.Errorf("failed to start service: %w", err)
	}
	_ = start("enable", "--no-block", service)
	mark := filepath.Join(root, Deployed)
	if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o777)
}

// override writes the drop-in; file and directory are root's alone.
func override(dir, role string, args any) error {
	words := []string{}
	list, isList := args.([]any)
	if args != nil && !isList {
		return errors.New("args is no list")
	}
	for _, word := range list {
		words = append(words, fmt.Sprint(word))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o600); err != nil {
		return err
	}
	text := fmt.Sprintf("\n[Service]\nExecStart=\nExecStart=%s %s %s\n", binary, role, strings.Join(words, " "))
	return sys.WriteFile(filepath.Join(dir, "override.conf"), []byte(text), 0o600)
}

// writeEnvironment writes what the units of k0s do not read: they have no EnvironmentFile, in the real provider neither.
func writeEnvironment(path string, given any) error {
	values, _ := given.(map[string]any)
	lines := make([]string, 0, len(values))
	for name, value := range values {
		lines = append(lines, fmt.Sprintf("%s=%q\n", name, fmt.Sprint(value)))
	}
	sort.Strings(lines)
	return sys.WriteFile(path, []byte(strings.Join(lines, "")), 0o644)
}
