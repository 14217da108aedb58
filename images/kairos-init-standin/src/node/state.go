package node

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"standin/durable"
	"standin/grubenv"
)

// StateFile is the record on COS_PERSISTENT.
const StateFile = ".kairos-state"

// SetEnvironment changes GRUB's block on COS_OEM; an empty value removes its variable.
func SetEnvironment(changes map[string]string) error {
	mounted, err := Writable("COS_OEM", "/run/cos/oem")
	if err != nil {
		return err
	}
	return errors.Join(grubenv.Set(filepath.Join(mounted.Point, Environment), changes), mounted.Close())
}

// Record tells when what was done to a node, in Kairos's order of keys; times
// are RFC 3339, or `never`.
type Record struct {
	FirstInstall        string `yaml:"first-install"`
	FirstInstallSource  string `yaml:"first-install-source"`
	LastActiveUpgrade   string `yaml:"last-active-upgrade"`
	LastActiveSource    string `yaml:"last-active-source"`
	LastRecoveryUpgrade string `yaml:"last-recovery-upgrade"`
	LastRecoverySource  string `yaml:"last-recovery-source"`
	LastReset           string `yaml:"last-reset"`
	LastResetSource     string `yaml:"last-reset-source"`
}

// Note changes the record below a directory.
func Note(dir string, change func(record *Record, now string)) error {
	path := filepath.Join(dir, StateFile)
	record := Record{
		FirstInstall: "never", LastActiveUpgrade: "never", LastRecoveryUpgrade: "never", LastReset: "never",
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// A record that cannot be read is made anew: it holds nothing a node needs.
	_ = yaml.Unmarshal(data, &record)
	change(&record, time.Now().UTC().Format(time.RFC3339))
	text, err := yaml.Marshal(record)
	if err != nil {
		return err
	}
	return durable.Write(path, text, 0o600)
}
