package assess

import (
	"path/filepath"
	"reflect"
	"testing"

	"standin/grubenv"
)

func TestATrialForgetsAnEarlierFailure(t *testing.T) {
	state := t.TempDir()
	steps := []struct {
		work func(string) error
		want map[string]string
	}{
		{Trial, map[string]string{"enable_boot_assessment": "yes"}},
		{Failed, map[string]string{"enable_boot_assessment": "yes", "boot_assessment_tentative": "yes"}},
		{Trial, map[string]string{"enable_boot_assessment": "yes"}},
		{Good, map[string]string{}},
	}
	for index, step := range steps {
		if err := step.work(state); err != nil {
			t.Fatal(err)
		}
		got, err := grubenv.Read(filepath.Join(state, File))
		if err != nil || !reflect.DeepEqual(got, step.want) {
			t.Errorf("step %d: got %v %v, want %v", index, got, err, step.want)
		}
	}
}

func TestGoodLeavesAlwaysAlone(t *testing.T) {
	state := t.TempDir()
	if err := grubenv.Set(filepath.Join(state, File), map[string]string{"enable_boot_assessment_always": "yes", "boot_assessment_tentative": "yes"}); err != nil {
		t.Fatal(err)
	}
	if err := Good(state); err != nil {
		t.Fatal(err)
	}
	got, _ := grubenv.Read(filepath.Join(state, File))
	if want := map[string]string{"enable_boot_assessment_always": "yes"}; !reflect.DeepEqual(got, want) || !OnTrial(got) {
		t.Errorf("got %v", got)
	}
}

func TestMainKnowsItsWordsOnly(t *testing.T) {
	for _, args := range [][]string{nil, {"nosuch"}, {"good", "more"}} {
		if err := Main(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
