package account

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

type ids struct{ uid, gid int }

func ownerOf(path string) (ids, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return ids{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ids{}, false
	}
	return ids{int(stat.Uid), int(stat.Gid)}, true
}

// Home tells where a user lives and who owns that place.
func (d *Database) Home(name string) (dir string, uid, gid int, err error) {
	row := d.passwd.find(name)
	if len(row) < 7 {
		return "", 0, 0, fmt.Errorf("no user %q", name)
	}
	uid, gid = atoi(row[2]), atoi(row[3])
	return row[5], uid, gid, nil
}

// Owner resolves "user:group", "user" or numbers of either.
func (d *Database) Owner(text string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(text, ":")
	if uid, err = resolve(d.passwd, user); err != nil {
		return 0, 0, fmt.Errorf("no user %q", user)
	}
	if group == "" {
		if row := d.passwd.find(user); len(row) > 3 {
			return uid, atoi(row[3]), nil
		}
		return uid, 0, nil
	}
	if gid, err = resolve(d.group, group); err != nil {
		return 0, 0, fmt.Errorf("no group %q", group)
	}
	return uid, gid, nil
}

func resolve(accounts *table, name string) (int, error) {
	if row := accounts.find(name); len(row) > 2 {
		return strconv.Atoi(row[2])
	}
	return strconv.Atoi(name)
}

func atoi(text string) int {
	number, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return number
}
