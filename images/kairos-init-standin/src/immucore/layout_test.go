package immucore

import (
	"reflect"
	"testing"
)

func TestPathsAreAbsoluteUniqueAndParentsFirst(t *testing.T) {
	got := paths("/var/log /var /etc/ /etc relative / /var/./log")
	if want := []string{"/etc", "/var", "/var/log"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestParseLayout(t *testing.T) {
	keys := map[string]string{
		"OVERLAY": "tmpfs:30%", "RW_PATHS": "/var /etc", "VOLUMES": "LABEL=COS_PERSISTENT:/usr/local",
		"PERSISTENT_STATE_PATHS": "/home /etc/ssh", "CUSTOM_BIND_MOUNTS": "/var/data /home", "CUSTOM_EPHEMERAL_MOUNTS": "/opt/scratch",
	}
	want := layout{
		overlay: "tmpfs:30%", writable: []string{"/etc", "/opt/scratch", "/var"}, state: "/usr/local/.state",
		volumes: []volumeMount{{"COS_PERSISTENT", "/usr/local"}}, binds: []string{"/etc/ssh", "/home", "/var/data"},
	}
	if got := parseLayout(keys, true); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestParseLayoutKeepsNothingInRecovery(t *testing.T) {
	got := parseLayout(map[string]string{"VOLUMES": "LABEL=COS_PERSISTENT:/usr/local", "PERSISTENT_STATE_PATHS": "/home"}, false)
	if len(got.volumes) != 0 || len(got.binds) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestParseLayoutWithoutAFileStillHasTheWritablePaths(t *testing.T) {
	got := parseLayout(nil, true)
	if want := []string{"/etc", "/srv", "/var"}; got.overlay != "tmpfs:25%" || !reflect.DeepEqual(got.writable, want) {
		t.Errorf("got %+v", got)
	}
}

func TestDashed(t *testing.T) {
	for path, want := range map[string]string{"/etc/ssl/certs": "etc-ssl-certs", "/home": "home", "/var/lib/k0s/": "var-lib-k0s"} {
		if got := dashed(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
