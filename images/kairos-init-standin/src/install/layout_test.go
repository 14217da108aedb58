package install

import (
	"strings"
	"testing"

	"standin/blockdev"
	"standin/gpt"
	"standin/nodeconfig"
)

func TestSizesAreThoseOfTheContract(t *testing.T) {
	sizes := plan(829, false, nodeconfig.Install{})
	if sizes.Image != 929 || sizes.Recovery != 2058 || sizes.State != 3787 || sizes.OEM != 64 || sizes.Boot != 1 {
		t.Errorf("%+v", sizes)
	}
	asked := plan(829, true, nodeconfig.Install{
		System: nodeconfig.System{Size: 500}, Partitions: map[string]nodeconfig.Size{"oem": {Size: 100}, "persistent": {Size: 300}, "efi": {Size: 70}},
	})
	if asked.Image != 500 || asked.OEM != 100 || asked.Persistent != 300 || asked.Boot != 70 || asked.State != 2500 {
		t.Errorf("%+v", asked)
	}
}

func TestTableIsInKairosOrder(t *testing.T) {
	disk := blockdev.Disk{Path: "/dev/vda", Size: 8 << 30}
	for efi, first := range map[bool]string{false: "bios", true: "efi"} {
		table, err := plan(400, efi, nodeconfig.Install{}).table(disk, efi)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, part := range table.Partitions {
			names = append(names, part.Name)
		}
		if got := strings.Join(names, " "); got != first+" oem recovery state persistent" {
			t.Error(got)
		}
		last := table.Partitions[4]
		if last.Start+last.Size != gpt.MiB+gpt.Usable(disk.Size) {
			t.Error("persistent does not take the rest")
		}
		if table.Partitions[stateNumber-1].ID != gpt.NameGUID("COS_STATE") || PartitionName(StateLabel) != "state" {
			t.Error("state is not the fourth partition")
		}
	}
}

func TestDiskThatIsTooSmallIsRefused(t *testing.T) {
	want := "the requested partitions size (6195MiB) does not fit in the target disk /dev/vda (6142MiB)"
	_, err := plan(829, false, nodeconfig.Install{}).table(blockdev.Disk{Path: "/dev/vda", Size: 6 << 30}, false)
	if err == nil || !strings.HasPrefix(err.Error(), "the requested partitions size (") {
		t.Errorf("%v, want like %s", err, want)
	}
}
