package sim

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFiles writes the report to a folder, which it makes if need be, in all
// its forms: report.html, results.txt, results.csv, results.json, and each plot
// as SVG and PNG. Nothing is written unless all of it could be made.
func (r *Report) WriteFiles(dir string) error {
	files := map[string][]byte{}
	for name, write := range map[string]func(io.Writer) error{
		"report.html": r.WriteHTML, "results.txt": r.WriteText, "results.csv": r.WriteCSV, "results.json": r.WriteJSON,
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return fmt.Errorf("make %s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	for i := range r.Scenarios {
		if err := r.Scenarios[i].addPlots(files); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (o *Outcome) addPlots(files map[string][]byte) error {
	figures, err := o.Figures()
	if err != nil {
		return err
	}
	for _, f := range figures {
		for _, format := range []string{"svg", "png"} {
			if files[f.Name+"."+format], err = f.render(format); err != nil {
				return fmt.Errorf("draw %s: %w", f.Name, err)
			}
		}
	}
	return nil
}
