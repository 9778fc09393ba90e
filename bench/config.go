package bench

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// configs are the contestants' configurations, as text/template over a
// Topology.
//
//go:embed config
var configs embed.FS

// writeConfig fills in the configuration called name and writes it to a folder
// of its own, which remove removes.
func (t *Topology) writeConfig(name string) (path string, remove func() error, err error) {
	text, err := t.config(name)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "ulvs-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("make folder for %s: %w", name, err)
	}
	remove = func() error { return os.RemoveAll(dir) }
	path = filepath.Join(dir, name)
	text = strings.ReplaceAll(text, "@DIR@", dir)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		_ = remove()
		return "", nil, err
	}
	return path, remove, nil
}

// config fills in the configuration called name.
func (t *Topology) config(name string) (string, error) {
	tmpl, err := template.New(name).Funcs(template.FuncMap{"lower": strings.ToLower}).ParseFS(configs, "config/"+name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, t); err != nil {
		return "", err
	}
	return b.String(), nil
}
