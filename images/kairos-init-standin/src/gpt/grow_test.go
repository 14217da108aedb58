package gpt

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func grownFile(t *testing.T, from, to uint64) *os.File {
	t.Helper()
	path, err := write(t, sample(from))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if err := file.Truncate(int64(to)); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheLastPartitionReachesTheEndOfALargerDisk(t *testing.T) {
	file := grownFile(t, 64*MiB, 200*MiB)
	grown, err := GrowLast(file, 200*MiB, 0)
	if err != nil || !grown.Changed || grown.Number != 2 || grown.Start != 2*MiB || grown.Size != Usable(200*MiB)-MiB {
		t.Fatalf("%+v, %v", grown, err)
	}
	// A second time there is nothing to do, and the table still holds.
	if again, err := GrowLast(file, 200*MiB, 0); err != nil || again.Changed || again.Size != grown.Size {
		t.Fatalf("%+v, %v", again, err)
	}
	if fdisk, err := exec.LookPath("sfdisk"); err == nil {
		if said, err := exec.Command(fdisk, "--verify", file.Name()).CombinedOutput(); err != nil {
			t.Errorf("sfdisk: %s", said)
		}
	}
}

func TestItGrowsToWhatIsWantedAndNeverShrinks(t *testing.T) {
	file := grownFile(t, 64*MiB, 200*MiB)
	if grown, err := GrowLast(file, 200*MiB, 100*MiB); err != nil || grown.Size != 100*MiB {
		t.Fatalf("%+v, %v", grown, err)
	}
	if grown, err := GrowLast(file, 200*MiB, 10*MiB); err != nil || grown.Changed || grown.Size != 100*MiB {
		t.Fatalf("%+v, %v", grown, err)
	}
}

func TestADamagedTableIsLeftAlone(t *testing.T) {
	for name, offset := range map[string]int64{"header": Sector + 60, "entries": 2*Sector + 56, "signature": Sector} {
		file := grownFile(t, 64*MiB, 200*MiB)
		if _, err := file.WriteAt([]byte{0xff}, offset); err != nil {
			t.Fatal(err)
		}
		if _, err := GrowLast(file, 200*MiB, 0); !errors.Is(err, ErrNoTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
