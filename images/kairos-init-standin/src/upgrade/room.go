package upgrade

import (
	"fmt"
	"syscall"

	"standin/imagefile"
)

// reserve is what stays free on a partition, in bytes: the new image's own
// tables, and the small files of GRUB.
const reserve = 32 << 20

// FullError says that a new image does not fit beside the others.
type FullError struct {
	Point string
	Free  int64
}

func (e FullError) Error() string {
	return fmt.Sprintf("no room for the new image: %s has %d MiB free; nothing was changed", e.Point, e.Free/imagefile.MiB)
}

// room counts what a new image takes against what was free at the start.
type room struct {
	point string
	free  int64
	taken int64
}

func measure(point string) (*room, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(point, &stat); err != nil {
		return nil, err
	}
	return &room{point: point, free: int64(stat.Bavail) * stat.Bsize}, nil
}

// charge refuses before the partition is really full: by then a loop device
// could only tell of an I/O error.
func (r *room) charge(bytes int64) error {
	r.taken += bytes
	if r.taken > r.free-reserve {
		return FullError{r.point, r.free}
	}
	return nil
}
