package ulvs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are README.md and all below docs, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, path := range append(files(t, "docs"), "README.md") {
		if text, err := os.ReadFile(path); err != nil {
			t.Fatal(err)
		} else if strings.HasSuffix(path, ".md") {
			all[path] = string(text)
		}
	}
	return all
}

// files lists the files below dir.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(path, ".git/") {
			all = append(all, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDocumentsLinked: a document that README does not name, itself or by its
// folder, is not found.
func TestDocumentsLinked(t *testing.T) {
	all := documents(t)
	for path := range all {
		if path != "README.md" && !strings.Contains(all["README.md"], path) && !strings.Contains(all["README.md"], "`"+filepath.Dir(path)+"/`") {
			t.Errorf("README.md does not name %s", path)
		}
	}
}

var named = regexp.MustCompile("`([a-z0-9_/]+\\.(?:go|md|sh))`")

// TestDocumentsNameFiles: the files that documents name are there, by their
// path or the end of it.
func TestDocumentsNameFiles(t *testing.T) {
	there := files(t, ".")
	for path, text := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(there, func(f string) bool { return f == m[1] || strings.HasSuffix(f, "/"+m[1]) }) {
				t.Errorf("%s: there is no file %s", path, m[1])
			}
		}
	}
}
