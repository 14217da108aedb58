package stage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"standin/cloudconfig"
	"standin/datasource"
	"standin/release"
	"standin/sys"
)

func (r *Runner) commands(lines []string) error {
	var failures []error
	for _, line := range lines {
		if err := sys.RunWith(nil, r.Log, "/bin/sh", "-c", r.fill(line)); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

func (r *Runner) hostname(wanted string) error {
	if wanted == "" {
		return nil
	}
	name := r.fillName(wanted)
	if err := syscall.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("hostname %s: %w", name, err)
	}
	// On an installed node both are links to where they last.
	if err := sys.WriteFile(sys.Follow("/etc/hostname"), []byte(name+"\n"), 0o644); err != nil {
		return err
	}
	return sys.WriteFile(sys.Follow("/etc/hosts"), []byte(hosts(name)), 0o644)
}

func hosts(name string) string {
	return "127.0.0.1\tlocalhost\n127.0.1.1\t" + name + "\n::1\tlocalhost ip6-localhost ip6-loopback\n"
}

func (r *Runner) sysctl(values map[string]string) error {
	var failures []error
	for key, value := range values {
		if strings.Contains(key, "..") {
			failures = append(failures, fmt.Errorf("sysctl %q is not a key", key))
			continue
		}
		path := filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			failures = append(failures, fmt.Errorf("sysctl %s=%s: %w", key, value, err))
		}
	}
	return errors.Join(failures...)
}

func (r *Runner) modules(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return sys.RunWith(nil, r.Log, "modprobe", append([]string{"-a"}, names...)...)
}

// environment merges keys into a file, /etc/environment when none is named.
func (r *Runner) environment(path string, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	if path == "" {
		path = "/etc/environment"
	}
	keys := release.Read(path)
	for name, value := range values {
		keys[name] = r.fill(value)
	}
	return release.Write(path, keys)
}

func (r *Runner) datasource(source cloudconfig.Datasource) error {
	if len(source.Providers) == 0 || sys.Exists(source.Path) {
		return nil
	}
	var others []string
	for _, provider := range source.Providers {
		if provider != "cdrom" {
			others = append(others, provider)
		}
	}
	if len(others) > 0 {
		sort.Strings(others)
		r.say("not in the stand-in yet: datasources %s; only cdrom is tried", strings.Join(others, ", "))
	}
	err := datasource.FromCDROM(source.Path)
	if errors.Is(err, datasource.ErrNone) {
		r.say("datasource: %v", err)
		return nil
	}
	return err
}
