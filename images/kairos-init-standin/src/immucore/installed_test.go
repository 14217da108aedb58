package immucore

import (
	"reflect"
	"testing"
	"time"

	"standin/bootmode"
)

const installedLine = "BOOT_IMAGE=(loop0)/boot/vmlinuz console=ttyS0 console=tty1 net.ifnames=1 rd.cos.oemlabel=COS_OEM rd.cos.oemtimeout=10 " +
	"panic=5 rd.emergency=reboot rd.shell=0 systemd.crash_reboot=yes "

func TestParseInstalledKnowsTheThreeImages(t *testing.T) {
	cases := map[string]installed{
		"root=LABEL=COS_ACTIVE cos-img/filename=/cOS/active.img":                {mode: bootmode.Active, label: "COS_ACTIVE", volume: "COS_STATE", image: "/cOS/active.img"},
		"root=LABEL=COS_PASSIVE cos-img/filename=/cOS/passive.img":              {mode: bootmode.Passive, label: "COS_PASSIVE", volume: "COS_STATE", image: "/cOS/passive.img"},
		"root=LABEL=COS_SYSTEM cos-img/filename=/cOS/recovery.img":              {mode: bootmode.Recovery, label: "COS_SYSTEM", volume: "COS_RECOVERY", image: "/cOS/recovery.img"},
		"root=LABEL=COS_SYSTEM cos-img/filename=/cOS/recovery.img kairos.reset": {mode: bootmode.AutoReset, label: "COS_SYSTEM", volume: "COS_RECOVERY", image: "/cOS/recovery.img"},
	}
	for words, want := range cases {
		got, ok := parseInstalled(installedLine + words)
		want.oem, want.oemWait, want.rootWait, want.limit, want.init = "COS_OEM", 10*time.Second, time.Minute, 5*time.Minute, "/sbin/init"
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v %v", words, got, ok)
		}
	}
}

func TestParseInstalledTakesItsArguments(t *testing.T) {
	got, ok := parseInstalled(installedLine + "root=LABEL=COS_ACTIVE cos-img/filename=/cOS/active.img rd.cos.oemlabel=OTHER rd.immucore.oemtimeout=3 " +
		"rd.immucore.sysrootwait=90 rd.immucore.deadline=40 rd.immucore.overlay=tmpfs:10% rd.immucore.mount=LABEL:DATA:/data rd.immucore.debugrw init=/bin/sh")
	if !ok || got.oem != "OTHER" || got.oemWait != 3*time.Second || got.rootWait != 90*time.Second || got.limit != 40*time.Second ||
		got.overlay != "tmpfs:10%" || !got.writable || got.init != "/bin/sh" || !reflect.DeepEqual(got.mounts, []volumeMount{{"DATA", "/data"}}) {
		t.Errorf("got %+v %v", got, ok)
	}
}

func TestParseInstalledLeavesTheRest(t *testing.T) {
	const active = "root=LABEL=COS_ACTIVE cos-img/filename=/cOS/active.img"
	for _, line := range []string{
		"", liveLine, "root=/dev/vda1", "root=LABEL=COS_ACTIVE", "cos-img/filename=/cOS/active.img COS_ACTIVE", active + " rd.cos.disable",
		active + " rd.immucore.disable", active + " kairos.ram", active + " rd.immucore.uki", active + " rd.immucore.dracut",
		"root=LABEL=COS_ACTIVE cos-img/filename=active.img", liveLine + " stray=COS_ACTIVE",
	} {
		if _, ok := parseInstalled(line); ok {
			t.Errorf("%q was taken", line)
		}
	}
}

func TestParseVolumes(t *testing.T) {
	got := parseVolumes("LABEL=COS_PERSISTENT:/usr/local LABEL:DATA:/data UUID=1:/x LABEL=:/y LABEL=Z:relative LABEL=W")
	if want := []volumeMount{{"COS_PERSISTENT", "/usr/local"}, {"DATA", "/data"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestInstalledLineIsTheContractsActiveBoot(t *testing.T) {
	if mode := bootmode.FromCommandLine(installedLine + "root=LABEL=COS_ACTIVE"); mode != bootmode.Active {
		t.Errorf("got %s", mode)
	}
}

func TestPauseIsThePanicTime(t *testing.T) {
	for line, want := range map[string]time.Duration{"panic=5": 5 * time.Second, "panic=-1": time.Second, "": time.Second, "panic=x": time.Second} {
		if got := pause(line); got != want {
			t.Errorf("%q: %s", line, got)
		}
	}
}

func TestNextEntryAfterAFailure(t *testing.T) {
	trial := map[string]string{"enable_boot_assessment": "yes"}
	cases := []struct {
		mode    bootmode.Mode
		state   bool
		pending map[string]string
		want    string
	}{
		{bootmode.Active, false, nil, "fallback"},
		{bootmode.Active, false, trial, ""},
		{bootmode.Active, false, map[string]string{"enable_boot_assessment_always": "yes"}, ""},
		{bootmode.Active, true, nil, "recovery"},
		{bootmode.Active, true, trial, "recovery"},
		{bootmode.Passive, false, trial, "recovery"},
		{bootmode.Passive, true, nil, "recovery"},
		{bootmode.Recovery, false, nil, ""},
		{bootmode.AutoReset, true, nil, ""},
	}
	for _, test := range cases {
		if got := nextEntry(test.mode, test.state, test.pending); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestReadExtTellsHowAVolumeWasLeft(t *testing.T) {
	super := make([]byte, 264)
	cases := []struct {
		state, incompat byte
		want            extState
	}{
		{1, 0, extState{clean: true}}, {0, 0, extState{}}, {1, 4, extState{clean: true, journal: true}}, {3, 0, extState{clean: true, errors: true}},
	}
	for _, test := range cases {
		super[superState], super[superIncompat] = test.state, test.incompat
		if got := readExt(super); got != test.want {
			t.Errorf("%+v: got %+v", test, got)
		}
	}
}
