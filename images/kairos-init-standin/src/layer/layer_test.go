package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func free(int64) error { return nil }

// entry makes a header of a kind; its text is content, or where a link leads.
func entry(kind byte, name, text string) tar.Header {
	header := tar.Header{Typeflag: kind, Name: name, Mode: 0o755, Uid: os.Getuid(), Gid: os.Getgid(), ModTime: time.Unix(1000, 0)}
	switch kind {
	case tar.TypeReg:
		header.Size = int64(len(text))
		header.PAXRecords = map[string]string{"comment": text}
	case tar.TypeLink, tar.TypeSymlink:
		header.Linkname = text
	}
	return header
}

func file(name, text string) tar.Header { return entry(tar.TypeReg, name, text) }
func dir(name string) tar.Header        { return entry(tar.TypeDir, name, "") }
func gone(name string) tar.Header       { return entry(tar.TypeReg, name, "") }

func archive(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var data bytes.Buffer
	writer := tar.NewWriter(&data)
	for _, header := range headers {
		text := header.PAXRecords["comment"]
		header.PAXRecords = nil
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, text[:header.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return data.Bytes()
}

func unpack(t *testing.T, into string, layers ...[]tar.Header) error {
	t.Helper()
	for _, headers := range layers {
		if err := Unpack(bytes.NewReader(archive(t, headers...)), into, free); err != nil {
			return err
		}
	}
	return nil
}

func files(t *testing.T, root string) string {
	t.Helper()
	var found []string
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil && path != root && !info.IsDir() {
			found = append(found, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, " ")
}

func TestLayersGoOnTopOfEachOther(t *testing.T) {
	type layers [][]tar.Header
	for name, sample := range map[string]struct {
		layers layers
		want   string
	}{
		"plain":             {layers{{dir("a/"), file("a/one", "1"), file("./b/two", "2")}}, "a/one b/two"},
		"whiteout":          {layers{{file("a/one", "1"), file("a/two", "2")}, {gone("a/.wh.one")}}, "a/two"},
		"whiteout of a dir": {layers{{file("a/b/one", "1"), file("c", "")}, {gone(".wh.a")}}, "c"},
		"opaque":            {layers{{file("a/one", ""), file("a/b/two", "")}, {dir("a"), gone("a/.wh..wh..opq"), file("a/new", "")}}, "a/new"},
		"opaque comes last": {layers{{file("a/one", "")}, {file("a/b/new", ""), gone("a/.wh..wh..opq")}}, "a/b/new"},
		"whiteout and new":  {layers{{file("a", "old")}, {file("a", "new"), gone(".wh.a")}}, "a"},
		"file for dir":      {layers{{file("a/one", "")}, {file("a", "")}}, "a"},
		"dir for file":      {layers{{file("a", "")}, {dir("a"), file("a/one", "")}}, "a/one"},
		"dir stays":         {layers{{file("a/one", "")}, {dir("a")}}, "a/one"},
		"link in the image": {layers{{dir("usr/lib"), entry(tar.TypeSymlink, "lib", "/usr/lib")}, {file("lib/x", "")}}, "lib usr/lib/x"},
		"hard link":         {layers{{file("a/one", "1"), entry(tar.TypeLink, "b/same", "a/one")}}, "a/one b/same"},
		"from the root":     {layers{{dir("/"), file("/etc/x", "")}}, "etc/x"},
		"global header":     {layers{{{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": ""}}, file("x", "")}}, "x"},
	} {
		root := t.TempDir()
		if err := unpack(t, root, sample.layers...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := files(t, root); got != sample.want {
			t.Errorf("%s: %q, want %q", name, got, sample.want)
		}
	}
}

func TestHostileLayersStayInside(t *testing.T) {
	for name, layer := range map[string][]tar.Header{
		"upwards":             {file("../escaped", "x")},
		"upwards inside":      {file("a/../../escaped", "x")},
		"hard link upwards":   {entry(tar.TypeLink, "a", "../outside/secret")},
		"hard link by link":   {entry(tar.TypeSymlink, "d", "../outside"), entry(tar.TypeLink, "a", "d/secret")},
		"through a link":      {entry(tar.TypeSymlink, "d", "OUTSIDE"), file("d/escaped", "x")},
		"through a relative":  {entry(tar.TypeSymlink, "d", "../outside"), file("d/escaped", "x")},
		"a chain of links":    {entry(tar.TypeSymlink, "a", ".."), entry(tar.TypeSymlink, "b", "a/outside"), file("b/escaped", "x")},
		"over a link":         {entry(tar.TypeSymlink, "f", "OUTSIDE/secret"), file("f", "overwritten")},
		"mode through a link": {entry(tar.TypeSymlink, "d", "OUTSIDE"), dir("d")},
		"whiteout by a link":  {entry(tar.TypeSymlink, "d", "OUTSIDE"), gone("d/.wh.secret")},
		"opaque by a link":    {entry(tar.TypeSymlink, "d", "OUTSIDE"), gone("d/.wh..wh..opq")},
		"whiteout of dots":    {gone(".wh..")},
		"whiteout of parent":  {gone("a/.wh...")},
		"proc's links":        {entry(tar.TypeSymlink, "d", "/proc/self/root"), file("d/escaped", "x")},
		"a loop":              {entry(tar.TypeSymlink, "l", "l"), file("l/x", "x")},
		"too deep":            {file(strings.Repeat("d/", 200)+"x", "x")},
	} {
		base := t.TempDir()
		outside, root := filepath.Join(base, "outside"), filepath.Join(base, "root")
		for _, made := range []string{outside, root} {
			if err := os.Mkdir(made, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		for index := range layer {
			layer[index].Linkname = strings.Replace(layer[index].Linkname, "OUTSIDE", outside, 1)
		}
		// An error is as good as a file that landed inside; what counts is the world outside.
		_ = unpack(t, root, layer)
		data, err := os.ReadFile(filepath.Join(outside, "secret"))
		info, _ := os.Stat(outside)
		if err != nil || string(data) != "kept" || files(t, outside) != "secret" || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: the outside was changed: %q %v %v", name, data, err, info.Mode())
		}
		if _, err := os.Lstat(filepath.Join(base, "escaped")); err == nil {
			t.Errorf("%s: escaped", name)
		}
	}
}

func TestBrokenArchivesAreErrors(t *testing.T) {
	whole := archive(t, file("a", strings.Repeat("x", 2000)), file("b", "y"))
	for _, data := range [][]byte{whole[:700], bytes.Repeat([]byte{7}, 4096)} {
		if err := Unpack(bytes.NewReader(data), t.TempDir(), free); err == nil {
			t.Errorf("%d bytes of nothing were unpacked", len(data))
		}
	}
	if err := unpack(t, t.TempDir(), []tar.Header{entry('7', "contiguous", "")}); err == nil {
		t.Error("an unknown kind of entry was taken")
	}
}

func TestChargeMayRefuse(t *testing.T) {
	full := errors.New("full")
	charged := int64(0)
	data := archive(t, file("a", strings.Repeat("x", 5000)), file("b", "y"))
	err := Unpack(bytes.NewReader(data), t.TempDir(), func(size int64) error {
		if charged += size; charged > 9000 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) {
		t.Errorf("%d bytes were charged: %v", charged, err)
	}
}

func TestTimesAndModes(t *testing.T) {
	root := t.TempDir()
	setuid := file("d/su", "x")
	setuid.Mode = 0o4755
	if err := unpack(t, root, []tar.Header{dir("d"), setuid, entry(tar.TypeSymlink, "d/l", "nowhere")}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "d/su", "d/l"} {
		if info, err := os.Lstat(filepath.Join(root, name)); err != nil || !info.ModTime().Equal(time.Unix(1000, 0)) {
			t.Errorf("%s: %v %v", name, info.ModTime(), err)
		}
	}
	if info, _ := os.Stat(filepath.Join(root, "d/su")); info.Mode()&os.ModeSetuid == 0 {
		t.Errorf("mode %v", info.Mode())
	}
}
