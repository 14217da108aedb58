package stage

import (
	"standin/blockdev"
	"standin/brand"
	"standin/cloudconfig"
	"standin/gpt"
)

// layout lets the last partition of a disk grow; a disk without room is left as it is.
func (r *Runner) layout(wanted cloudconfig.Layout) error {
	if wanted.Device.Label == "" && wanted.Device.Path == "" {
		return nil
	}
	if wanted.Device.InitDisk || len(wanted.Parts) > 0 {
		return brand.NotYet("layout.add_partitions and layout.device.init_disk")
	}
	if wanted.Expand == nil {
		return nil
	}
	disk, err := blockdev.Default.DiskOf(wanted.Device.Label, wanted.Device.Path)
	if err != nil {
		return err
	}
	grown, err := disk.GrowLast(wanted.Expand.Size * gpt.MiB)
	if grown {
		r.say("layout: the last partition of %s grew", disk.Path)
	}
	return err
}
