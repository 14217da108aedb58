package stage

import (
	"errors"
	"path/filepath"
	"strings"

	"standin/cloudconfig"
	"standin/sys"
)

const unitDir = "/etc/systemd/system"

func (r *Runner) systemctl(units cloudconfig.Systemctl) error {
	failures := []error{r.overrides(units.Overrides)}
	for _, unit := range units.Mask {
		failures = append(failures, sys.Symlink("/dev/null", filepath.Join(unitDir, withSuffix(unit))))
	}
	failures = append(failures, r.call("enable", units.Enable), r.call("disable", units.Disable))
	if r.Chrooted {
		if len(units.Start) > 0 {
			r.say("warning: no service manager yet, not started: %s", strings.Join(units.Start, ", "))
		}
		return errors.Join(failures...)
	}
	failures = append(failures, r.start(units.Start))
	return errors.Join(failures...)
}

func (r *Runner) overrides(wanted []cloudconfig.Override) error {
	var failures []error
	for _, override := range wanted {
		name := override.Name
		if name == "" {
			name = "override"
		}
		path := filepath.Join(unitDir, withSuffix(override.Service)+".d", strings.TrimSuffix(name, ".conf")+".conf")
		failures = append(failures, sys.WriteFile(path, []byte(r.fill(override.Content)), 0o644))
	}
	return errors.Join(failures...)
}

func (r *Runner) call(verb string, units []string) error {
	if len(units) == 0 {
		return nil
	}
	return sys.RunWith(nil, r.Log, "systemctl", append([]string{verb, "--no-reload"}, units...)...)
}

// start does not wait: the unit may itself be ordered after the stage's unit.
func (r *Runner) start(units []string) error {
	if len(units) == 0 {
		return nil
	}
	if err := sys.RunWith(nil, r.Log, "systemctl", "daemon-reload"); err != nil {
		return err
	}
	return sys.RunWith(nil, r.Log, "systemctl", append([]string{"start", "--no-block"}, units...)...)
}

func withSuffix(unit string) string {
	if filepath.Ext(unit) == "" {
		return unit + ".service"
	}
	return unit
}
