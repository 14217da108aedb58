package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"standin/account"
	"standin/brand"
	"standin/cloudconfig"
	"standin/sys"
)

// accounts: yip locks the files of accounts, and of all that steps write no others.
var accounts sync.Mutex

func (r *Runner) users(wanted []cloudconfig.User) error {
	if len(wanted) == 0 {
		return nil
	}
	accounts.Lock()
	defer accounts.Unlock()
	database, err := account.Open(accountRoot)
	if err != nil {
		return err
	}
	var failures []error
	for _, user := range wanted {
		failures = append(failures, database.EnsureUser(user))
	}
	if err := database.Save(); err != nil {
		return err
	}
	for _, user := range wanted {
		failures = append(failures, r.finishUser(database, user))
	}
	return errors.Join(failures...)
}

// finishUser does what lies outside of the account files.
func (r *Runner) finishUser(database *account.Database, user cloudconfig.User) error {
	home, uid, gid, err := database.Home(user.Name)
	if err != nil {
		return err
	}
	if !user.NoCreateHome && !user.System {
		if err := makeHome(home, uid, gid); err != nil {
			return err
		}
	}
	if account.NeedsHash(user) {
		if err := sys.Feed(user.Name+":"+user.Passwd+"\n", "chpasswd", "-c", "SHA512"); err != nil {
			return err
		}
	}
	return r.keysOf(database, user.Name, user.SSHAuthorizedKeys)
}

// makeHome makes a home from /etc/skel; one that is there is left as it is.
func makeHome(home string, uid, gid int) error {
	if sys.Exists(home) {
		return nil
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	return errors.Join(copySkeleton(home, uid, gid), os.Chown(home, uid, gid))
}

func copySkeleton(home string, uid, gid int) error {
	return filepath.WalkDir("/etc/skel", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(home, strings.TrimPrefix(path, "/etc/skel"))
		if err := sys.WriteFile(target, data, 0o644); err != nil {
			return err
		}
		return os.Chown(target, uid, gid)
	})
}

func (r *Runner) authorizedKeys(wanted map[string][]string) error {
	if len(wanted) == 0 {
		return nil
	}
	database, err := account.Open(accountRoot)
	if err != nil {
		return err
	}
	var failures []error
	for name, keys := range wanted {
		failures = append(failures, r.keysOf(database, name, keys))
	}
	return errors.Join(failures...)
}

// keysOf adds to a user's keys those that are not there yet.
func (r *Runner) keysOf(database *account.Database, name string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	home, uid, gid, err := database.Home(name)
	if err != nil {
		return err
	}
	dir := filepath.Join(home, ".ssh")
	path := filepath.Join(dir, "authorized_keys")
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	merged, err := mergeKeys(string(old), keys)
	if writeErr := os.MkdirAll(dir, 0o700); writeErr != nil {
		return writeErr
	}
	if writeErr := sys.WriteFile(path, []byte(merged), 0o600); writeErr != nil {
		return writeErr
	}
	return errors.Join(err, os.Chown(dir, uid, gid), os.Chown(path, uid, gid))
}

func mergeKeys(old string, keys []string) (string, error) {
	var failures []error
	var lines []string
	known := map[string]bool{}
	for _, line := range strings.Split(old, "\n") {
		if line != "" {
			lines = append(lines, line)
			known[line] = true
		}
	}
	for _, key := range keys {
		key = strings.TrimSpace(key)
		if strings.HasPrefix(key, "github:") || strings.HasPrefix(key, "gitlab:") {
			failures = append(failures, brand.NotYet("keys fetched from %q", key))
			continue
		}
		if strings.ContainsAny(key, "\n\r") {
			failures = append(failures, fmt.Errorf("a key of more than one line"))
			continue
		}
		if key != "" && !known[key] {
			known[key] = true
			lines = append(lines, key)
		}
	}
	return strings.Join(lines, "\n") + "\n", errors.Join(failures...)
}
