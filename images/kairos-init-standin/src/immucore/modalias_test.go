package immucore

import (
	"reflect"
	"testing"
)

// Lines of Debian's kernel 6.12, and of its general one what that for clouds has not (e1000e, mptspi).
const debianAliases = `# Aliases extracted from modules themselves.
alias virtio:d00000002v* virtio_blk
alias virtio:d00000008v* virtio_scsi
alias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi
alias pci:v000015ADd000007B0sv*sd*bc*sc*i* vmxnet3
alias pci:v*d*sv*sd*bc01sc06i01* ahci
alias pci:v00008086d00002922sv*sd*bc*sc*i* ahci
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias pci:v00001000d00000030sv*sd*bc*sc*i* mptspi
alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e
alias scsi:t-0x00* sd_mod
alias scsi:t-0x05* sr_mod
alias block-major-8-* sd_mod
`

// What QEMU's devices call themselves in /sys/bus/*/devices/*/modalias.
func TestTheDevicesOfEveryShapeOfMachineWantTheirDriver(t *testing.T) {
	modules := &modules{aliases: parseAliases(debianAliases)}
	for name, want := range map[string][]string{
		"pci:v000015ADd000007C0sv000015ADsd000007C0bc01sc07i00": {"vmw_pvscsi"},
		"pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00": {"vmxnet3"},
		"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01": {"ahci", "ahci"},
		"pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02": {"nvme"},
		"pci:v00001000d00000030sv00000000sd00000000bc01sc00i00": {"mptspi"},
		"pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00": {"e1000e"},
		"virtio:d00000002v00001AF4":                             {"virtio_blk"},
		"scsi:t-0x00":                                           {"sd_mod"},
		"scsi:t-0x05":                                           {"sr_mod"},
		"acpi:PNP0A08:PNP0A03:":                                 nil,
	} {
		if got := modules.wanted(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
