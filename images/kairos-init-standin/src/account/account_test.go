package account

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"standin/cloudconfig"
)

func newRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/bash\n", "group": "root:x:0:\nadmin:x:900:\n",
		"shadow": "root:*:1:0:99999:7:::\n", "gshadow": "root:*::\nadmin:!::\n",
	} {
		path := filepath.Join(root, "etc", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func ensure(t *testing.T, root string, users ...cloudconfig.User) {
	t.Helper()
	database, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		if err := database.EnsureUser(user); err != nil {
			t.Fatal(err)
		}
	}
	if err := database.Save(); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "etc", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestUserIsMadeOnceWithItsGroups(t *testing.T) {
	root := newRoot(t)
	user := cloudconfig.User{Name: "kairos", Groups: []string{"admin", "docker"}, Passwd: "$6$x$y"}
	ensure(t, root, user)
	first := content(t, root, "passwd") + content(t, root, "group") + content(t, root, "shadow") + content(t, root, "gshadow")
	ensure(t, root, user)
	again := content(t, root, "passwd") + content(t, root, "group") + content(t, root, "shadow") + content(t, root, "gshadow")
	if first != again {
		t.Errorf("a second run changed the files:\n%s\n%s", first, again)
	}
	for _, line := range []string{
		"kairos:x:1000:1000::/home/kairos:/bin/bash\n", "admin:x:900:kairos\n", "kairos:$6$x$y:1:0:99999:7:::\n",
	} {
		if !strings.Contains(first, line) {
			t.Errorf("no %q in\n%s", line, first)
		}
	}
	if strings.Contains(first, "docker") {
		t.Errorf("a group that was not there was made:\n%s", first)
	}
}

func TestOfAnAccountThatIsThereOnlyThePasswordCounts(t *testing.T) {
	root := newRoot(t)
	ensure(t, root, cloudconfig.User{Name: "kairos", Passwd: "$6$x$y"})
	before := content(t, root, "passwd") + content(t, root, "group")
	ensure(t, root, cloudconfig.User{Name: "kairos", LockPasswd: true, Groups: []string{"admin"}, Shell: "/bin/sh"})
	if shadow := content(t, root, "shadow"); !strings.Contains(shadow, "kairos:$6$x$y:") {
		t.Errorf("lock_passwd had an effect:\n%s", shadow)
	}
	if after := content(t, root, "passwd") + content(t, root, "group"); after != before {
		t.Errorf("shell or groups had an effect:\n%s", after)
	}
	ensure(t, root, cloudconfig.User{Name: "kairos", Passwd: "!"})
	if shadow := content(t, root, "shadow"); !strings.Contains(shadow, "kairos:!:") {
		t.Errorf("the password ! locks nothing:\n%s", shadow)
	}
}

func TestPasswordLocksAndClearText(t *testing.T) {
	root := newRoot(t)
	ensure(t, root, cloudconfig.User{Name: "a", Passwd: "$6$x$y", LockPasswd: true}, cloudconfig.User{Name: "b", Passwd: "clear"})
	shadow := content(t, root, "shadow")
	if !strings.Contains(shadow, "a:!$6$x$y:") || !strings.Contains(shadow, "b:!:") {
		t.Errorf("shadow is\n%s", shadow)
	}
	if !NeedsHash(cloudconfig.User{Passwd: "clear"}) || NeedsHash(cloudconfig.User{Passwd: "$6$x$y"}) {
		t.Error("clear text and hash are mixed up")
	}
}

func TestNamesThatWouldBreakTheFilesAreRefused(t *testing.T) {
	database, err := Open(newRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a:b", "a\nroot2::0:0::/:/bin/sh", "../x", strings.Repeat("a", 40)} {
		if database.EnsureUser(cloudconfig.User{Name: name}) == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestOwnerByNameAndNumber(t *testing.T) {
	database, err := Open(newRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][2]int{"root:admin": {0, 900}, "root": {0, 0}, "12:34": {12, 34}} {
		if uid, gid, err := database.Owner(text); err != nil || uid != want[0] || gid != want[1] {
			t.Errorf("%s: %d:%d %v", text, uid, gid, err)
		}
	}
	if _, _, err := database.Owner("nobody-here"); err == nil {
		t.Error("an unknown user was accepted")
	}
}
