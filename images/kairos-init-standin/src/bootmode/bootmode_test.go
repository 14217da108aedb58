package bootmode

import "testing"

func TestFromCommandLine(t *testing.T) {
	cases := map[string]Mode{
		"cdroot root=live:CDLABEL=COS_LIVE rd.live.dir=/":                  Live,
		"root=live:http://x/rootfs.squashfs netboot":                       Live,
		"root=LABEL=COS_ACTIVE cos-img/filename=/cOS/active.img":           Active,
		"root=LABEL=COS_PASSIVE cos-img/filename=/cOS/passive.img":         Passive,
		"root=LABEL=COS_SYSTEM cos-img/filename=/cOS/recovery.img":         Recovery,
		"root=LABEL=COS_SYSTEM vga=795 nomodeset kairos.reset":             AutoReset,
		"root=live:CDLABEL=COS_LIVE stray=COS_ACTIVE":                      Active,
		"root=live:LABEL=COS_RECOVERY rd.live.squashimg=recovery.squashfs": Recovery,
		"kairos.ram kairos.ram.create_partitions root=live:CDLABEL=X":      Active,
		"rd.immucore.uki root=LABEL=COS_ACTIVE":                            Unknown,
		"root=/dev/vda1 quiet":                                             Unknown,
		"":                                                                 Unknown,
	}
	for line, want := range cases {
		if got := FromCommandLine(line); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

func TestSentinelOfEveryMode(t *testing.T) {
	for mode, want := range map[Mode]string{Live: "live_mode", Active: "active_mode", Unknown: ""} {
		if got := mode.Sentinel(); got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
}
