package account

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"standin/cloudconfig"
)

var validName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

const (
	firstUID  = 1000
	lastUID   = 60000
	firstSys  = 100
	noExpiry  = "99999"
	locked    = "!"
	homePlace = "/home/"
)

// EnsureGroup makes a group with this number, or the next free one for -1.
func (d *Database) EnsureGroup(name string, gid int, system bool) (int, error) {
	if row := d.group.find(name); len(row) > 2 {
		return strconv.Atoi(row[2])
	}
	if !validName.MatchString(name) {
		return 0, fmt.Errorf("group name %q is not allowed", name)
	}
	if gid < 0 {
		gid = free(d.group, first(system))
	}
	d.group.put([]string{name, "x", strconv.Itoa(gid), ""})
	d.gshadow.put([]string{name, "!", "", ""})
	return gid, nil
}

// EnsureUser makes a user. One that is there gets the password alone, if one is
// given: no group, no shell and no lock, as with yip 1.25 (seen on a real node).
// Passwords in clear are not handled here: see NeedsHash.
func (d *Database) EnsureUser(user cloudconfig.User) error {
	if !validName.MatchString(user.Name) {
		return fmt.Errorf("user name %q is not allowed", user.Name)
	}
	if d.passwd.find(user.Name) != nil {
		user.LockPasswd = false
		d.setShadow(user)
		return nil
	}
	row, err := d.freshRow(user)
	if err != nil {
		return err
	}
	override(row, user)
	d.passwd.put(row)
	d.setShadow(user)
	d.join(user)
	return nil
}

func (d *Database) freshRow(user cloudconfig.User) ([]string, error) {
	uid := free(d.passwd, first(user.System))
	if user.UID != "" {
		wanted, err := strconv.Atoi(user.UID)
		if err != nil {
			return nil, fmt.Errorf("user %s: uid %q is not a number", user.Name, user.UID)
		}
		uid = wanted
	}
	gid, err := d.primaryGroup(user, uid)
	if err != nil {
		return nil, err
	}
	return []string{user.Name, "x", strconv.Itoa(uid), strconv.Itoa(gid), "", homePlace + user.Name, "/bin/bash"}, nil
}

// primaryGroup is the named one, the user's own, or `users` (100) without one.
func (d *Database) primaryGroup(user cloudconfig.User, uid int) (int, error) {
	if user.PrimaryGroup != "" {
		return d.EnsureGroup(user.PrimaryGroup, -1, user.System)
	}
	if user.NoUserGroup {
		return d.EnsureGroup("users", 100, true)
	}
	gid := uid
	if taken(d.group, uid) {
		gid = -1
	}
	return d.EnsureGroup(user.Name, gid, user.System)
}

func override(row []string, user cloudconfig.User) {
	for index, value := range map[int]string{4: user.Gecos, 5: user.Homedir, 6: user.Shell} {
		if value != "" {
			row[index] = strings.NewReplacer(":", "", "\n", "").Replace(value)
		}
	}
}

// NeedsHash tells whether a user's password is given in clear.
func NeedsHash(user cloudconfig.User) bool {
	return user.Passwd != "" && !strings.HasPrefix(user.Passwd, "$") && !strings.HasPrefix(user.Passwd, "!") &&
		!strings.HasPrefix(user.Passwd, "*")
}

func (d *Database) setShadow(user cloudconfig.User) {
	row := d.shadow.find(user.Name)
	if row == nil {
		// Day 1 and not today: the field must not depend on the clock, and 0 would force a change.
		row = []string{user.Name, locked, "1", "0", noExpiry, "7", "", "", ""}
	}
	if user.Passwd != "" && !NeedsHash(user) {
		row[1] = user.Passwd
	}
	if user.LockPasswd && !strings.HasPrefix(row[1], locked) {
		row[1] = locked + row[1]
	}
	d.shadow.put(row)
}

// join passes over a group that is not there, as yip 1.25 does: a file must make
// it before.
func (d *Database) join(user cloudconfig.User) {
	for _, name := range user.Groups {
		for _, accounts := range []*table{d.group, d.gshadow} {
			if row := accounts.find(name); len(row) > 3 {
				addMember(row, user.Name)
			}
		}
	}
}

func addMember(row []string, name string) {
	members := strings.Split(row[3], ",")
	for _, member := range members {
		if member == name {
			return
		}
	}
	row[3] = strings.TrimPrefix(row[3]+","+name, ",")
}

func first(system bool) int {
	if system {
		return firstSys
	}
	return firstUID
}

func free(accounts *table, from int) int {
	for number := from; number < lastUID; number++ {
		if !taken(accounts, number) {
			return number
		}
	}
	return lastUID
}

func taken(accounts *table, number int) bool {
	text := strconv.Itoa(number)
	for _, row := range accounts.rows {
		if len(row) > 2 && row[2] == text {
			return true
		}
	}
	return false
}
