package tree

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

func free(int64) error { return nil }

func sample(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	script := `umask 022; mkdir -p a/b empty; echo one >a/one; ln a/one a/b/same; ln -s ../one a/b/link; ln -s /nowhere dangling
chmod 4755 a/one; chmod 1777 empty; mkfifo pipe; head -c 5000 /dev/zero >big; touch -d @1000 a/b big; touch -h -d @2000 dangling`
	command := exec.Command("sh", "-ec", script)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root
}

func listing(t *testing.T, root string) string {
	t.Helper()
	out, err := exec.Command("find", root, "-mindepth", "1", "-printf", "%P %y %m %n %U:%G %l %T@\\n", "-type", "f", "-printf", "%P %s\\n").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func TestCopyKeepsEverything(t *testing.T) {
	from, to := sample(t), t.TempDir()
	if err := Copy(from, to, free); err != nil {
		t.Fatal(err)
	}
	if left, right := listing(t, from), listing(t, to); left != right {
		t.Errorf("from:\n%s\nto:\n%s", left, right)
	}
	left, _ := os.Stat(filepath.Join(to, "a/one"))
	right, _ := os.Stat(filepath.Join(to, "a/b/same"))
	if !os.SameFile(left, right) {
		t.Error("the hard link became a file of its own")
	}
	if info, _ := os.Lstat(filepath.Join(to, "a/b")); !info.ModTime().Equal(time.Unix(1000, 0)) {
		t.Errorf("a directory's time is %v", info.ModTime())
	}
}

func TestMeasureCountsBlocksAndLinksOnce(t *testing.T) {
	usage, err := Measure(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	// The root, a, a/b, empty, one (with its second name), two links, a pipe, big.
	if usage.Files != 9 {
		t.Errorf("%d files", usage.Files)
	}
	if Blocks(5000) != 8192 || Blocks(0) != 0 || Blocks(8<<20) != 8<<20+2*4096 {
		t.Error(Blocks(5000), Blocks(0), Blocks(8<<20))
	}
}

func TestCopyOfWhatIsNotThereFails(t *testing.T) {
	if Copy(filepath.Join(t.TempDir(), "none"), t.TempDir(), free) == nil {
		t.Error("nothing was copied without an error")
	}
}
