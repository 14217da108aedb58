package stage

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAProgramLeftInTheBackgroundHoldsNoStepUp(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"10_a.yaml":    "#cloud-config\nstages: {boot: [{commands: [\"sleep 5 &\"]}]}\n",
		"15_none.yaml": "#cloud-config\nstages: {fs: [{commands: [\"true\"]}]}\n",
		"20_b.yaml":    "#cloud-config\nstages: {boot: [{commands: [\"true\"]}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	begun := time.Now()
	runner := Runner{Dirs: []string{dir}, Log: log, Chrooted: true}
	if err := runner.Run("boot"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("the stage waited for a program in the background: %v", took)
	}
}
