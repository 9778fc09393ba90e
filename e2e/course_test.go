package e2e

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ulvs/lab/lesson"
)

var updateCourse = flag.Bool("update-course", false, "write docs/course from what the lessons print")

// courseDir is where the course's pages are.
const courseDir = "../docs/course"

// maxLesson is how long a lesson may take by itself: longer, and nobody runs
// it to see something.
const maxLesson = 15 * time.Second

// ulvsOutput runs the binary as a user does.
func ulvsOutput(t *testing.T, args ...string) string {
	t.Helper()
	var complaints strings.Builder
	cmd := exec.CommandContext(within(t, 4*patience), binary, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Errorf("ulvs %s: %v: %s", strings.Join(args, " "), err, complaints.String())
	}
	return string(out)
}

// page compares a page of the course with what was printed, or writes it.
func page(t *testing.T, name, printed string) {
	t.Helper()
	path := filepath.Join(courseDir, name+".md")
	if *updateCourse && !t.Failed() {
		check(t, os.MkdirAll(courseDir, 0o755))
		check(t, os.WriteFile(path, []byte(printed), 0o644))
	}
	text, err := os.ReadFile(path)
	check(t, err)
	if diff := cmp.Diff(string(text), printed); diff != "" {
		t.Errorf("%s is not what the lesson prints now (make course-doc writes it):\n%s", path, diff)
	}
}

// TestCourse: every lesson runs from clean to clean, all its predictions hold,
// and its page in docs/course is what it prints.
func TestCourse(t *testing.T) {
	files := []string{"README.md"}
	page(t, "README", ulvsOutput(t, "lab", "lesson", "list", "--markdown"))
	for _, l := range lesson.Lessons() {
		files = append(files, l.Name+".md")
		t.Run(l.Name, func(t *testing.T) {
			begin := time.Now()
			printed := ulvsOutput(t, "lab", "lesson", l.Name, "--auto", "--markdown")
			if took := time.Since(begin); took > maxLesson {
				t.Errorf("it took %v", took)
			}
			page(t, l.Name, printed)
		})
	}
	entries, err := os.ReadDir(courseDir)
	check(t, err)
	for _, e := range entries {
		if !slices.Contains(files, e.Name()) {
			t.Errorf("%s/%s belongs to no lesson", courseDir, e.Name())
		}
	}
}

// TestExerciseByHand: the exercise of a lesson is marked by what was typed.
func TestExerciseByHand(t *testing.T) {
	thoughts := strings.Repeat("\n", 5) // one Enter for each prediction of the lesson
	for _, tt := range []struct {
		typed, mark string
		code        int
	}{
		{"ipvsadm -E -t 192.0.2.100:80 -s lc\n", "OK 6: six long connections: rs1 3, rs2 3\n", 0},
		{"rs1 ip -br addr show lo\n", "WRONG 6: six long connections: rs1 2, rs2 2, rs3 2\n", 1},
		{"ipvsadm -C\n", "WRONG 6: ", 1},
	} {
		var out strings.Builder
		cmd := exec.CommandContext(within(t, patience), binary, "lab", "lesson", "rr")
		cmd.Stdin, cmd.Stdout = strings.NewReader(thoughts+tt.typed), &out
		if err := cmd.Run(); exitStatus(err) != tt.code || !strings.Contains(out.String(), tt.mark) {
			t.Errorf("%q: exit %v, want %d and %q in\n%s", tt.typed, err, tt.code, tt.mark, out.String())
		}
	}
}

// TestLessonInterrupted: SIGTERM ends a lesson that waits for its reader, and
// all that belongs to it.
func TestLessonInterrupted(t *testing.T) {
	r, w, err := os.Pipe()
	check(t, err)
	defer w.Close() // the reader thinks
	defer r.Close()
	cmd := exec.Command(binary, "lab", "lesson", "rr")
	cmd.Stdin = r
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	var printed strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(printed.String(), "press Enter") {
		n, err := out.Read(buf)
		check(t, err)
		printed.Write(buf[:n])
	}
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, out) // until the last process has let go
	if err := cmd.Wait(); exitStatus(err) != 1 || complaints.String() != "ulvs: lesson rr: interrupted\n" {
		t.Errorf("exit %v: %s", err, complaints.String())
	}
}
