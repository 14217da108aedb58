package gpt

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestNameGUIDIsVersionFive(t *testing.T) {
	// python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "COS_STATE"))'
	if got := NameGUID("COS_STATE").String(); got != "843bfe4e-83b2-5b42-ba6d-a47e3ba1262e" {
		t.Error(got)
	}
	if got := MustGUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"); got.String() != "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" || got[0] != 0x28 {
		t.Error(got)
	}
}

func sample(size uint64) Table {
	return Table{ID: NameGUID("disk"), Size: size, Partitions: []Partition{
		{Type: BIOSBoot, ID: NameGUID("bios"), Name: "bios", Start: MiB, Size: MiB},
		{Type: Linux, ID: NameGUID("COS_STATE"), Name: "state", Start: 2 * MiB, Size: Usable(size) - MiB},
	}}
}

func write(t *testing.T, table Table) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(int64(table.Size)); err != nil {
		t.Fatal(err)
	}
	return path, table.Write(file)
}

func TestTableIsWhatOtherToolsRead(t *testing.T) {
	path, err := write(t, sample(64*MiB+512*7))
	if err != nil {
		t.Fatal(err)
	}
	tool, err := exec.LookPath("sfdisk")
	if err != nil {
		t.Skip("no sfdisk here")
	}
	out, err := exec.Command(tool, "--dump", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"label: gpt", `start=        2048, size=        2048, type=21686148-6449-6E6F-744E-656564454649`,
		`name="state"`, "uuid=" + strings.ToUpper(NameGUID("COS_STATE").String()),
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "corrupt") {
		t.Errorf("sfdisk complains:\n%s", out)
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Table){
		"too long":   func(table *Table) { table.Partitions[1].Size += MiB },
		"overlap":    func(table *Table) { table.Partitions[1].Start = MiB },
		"empty":      func(table *Table) { table.Partitions[0].Size = 0 },
		"half":       func(table *Table) { table.Partitions[0].Size = 100 },
		"table full": func(table *Table) { table.Partitions = make([]Partition, 129) },
	} {
		table := sample(64 * MiB)
		change(&table)
		if _, err := write(t, table); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if Usable(MiB) != 0 || Usable(10*MiB) != 8*MiB {
		t.Errorf("usable: %d, %d", Usable(MiB), Usable(10*MiB))
	}
}
