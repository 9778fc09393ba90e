package lesson

import (
	"errors"
	"strings"
	"syscall"

	"ulvs/lab"
)

var tutorialSave = Lesson{
	Name:  "tutorial-save-restore",
	Title: "The classic: save and restore",
	Goal: `Rules live as long as the director. You will save them in every way that the guides know, lose them, and get
them back.`,
	Network: lab.Config{Mode: lab.NAT, Servers: 2},
	Finding: "daemon-not-running",
	Play:    playTutorialSave,
	Exercise: Exercise{
		Task: `The table has been cleared by mistake. The file yesterday has the rules, but with a server 192.0.2.13 that
has been sold since. Restore all but that, with one line.`,
		Host:     "director",
		Solution: []string{"grep -v 192.0.2.13 yesterday | ipvsadm -R", "ipvsadm -ln"},
		Mark: func(s *Stage) {
			saved := s.quietly("director", "ipvsadm -S -n")
			s.Mark(strings.Count(saved, "\n") == 3 && !strings.Contains(saved, "192.0.2.13"), "one service, two servers, none of them sold")
			got := tally(s.Requests(4))
			s.Mark(got == "rs1 2, rs2 2", "four requests: %s", got)
		},
	},
}

func playTutorialSave(s *Stage) {
	s.Part("Rules")
	s.Run("director", "ipvsadm -A -t 198.51.100.100:80 -s rr")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.11:80 -m -w 1")
	s.Run("director", "ipvsadm -a -t 198.51.100.100:80 -r 192.0.2.12:80 -m -w 1")
	s.Serve(httpPort)
	s.Order("2 1", "Two requests: rs2, then rs1.")
	s.Part("Save")
	s.Say("What is saved is nothing but the commands that make it, without the word ipvsadm.")
	s.Run("director", "ipvsadm -S -n")
	s.Run("director", "ipvsadm -S > rules")
	s.Run("director", "ipvsadm --save > rules2")
	s.Run("director", "ipvsadm-save > rules3")
	s.Run("director", "cmp rules rules2 && cmp rules rules3 && head -n 2 rules")
	s.Say(`Without -n ports become names, http for 80; both can be restored. The guides write to
/etc/sysconfig/ipvsadm, from where a service script restores at start; here it is a file of the lab.`)
	s.Part("Restore")
	s.Run("director", "ipvsadm -C")
	s.Run("director", "ipvsadm -ln")
	s.Run("director", "ipvsadm -R < rules")
	p := s.Predict("The table is what it was, but for the counts: servers, weights and order.")
	s.Run("director", "ipvsadm -ln")
	again := s.quietly("director", "ipvsadm -S | cmp - rules && echo same")
	p.Check(again == "same\n", "saved again it is the same")
	s.Run("director", "ipvsadm -C")
	s.Run("director", "ipvsadm-restore < rules")
	s.Order("2 1", `Two requests: rs2, then rs1, as at first. The order is part of what is saved; where rr was is not.`)
	s.Part("Break it: a restart")
	s.Run("director", "kill $(ulvs status --json | sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p')")
	s.daemonGone()
	p = s.Predict("The daemon is gone, and the table with it; looking does not start another.")
	out := s.Run("director", "ipvsadm -ln")
	p.Check(strings.Count(out, "\n") == 3, "the table is empty")
	s.Diagnose()
	s.Part("Mend it")
	s.Run("director", "ipvsadm-restore < rules")
	s.Say("A change does start one.")
	s.Run("director", "ipvsadm -ln")
	s.Order("2 1", "Two requests: rs2, then rs1.")
	s.quietly("director", "(ipvsadm -S -n; echo '-a -t 198.51.100.100:80 -r 192.0.2.13:80 -m -w 1') > yesterday; ipvsadm -C")
}

// daemonGone waits until no daemon answers.
func (s *Stage) daemonGone() {
	s.quietly("director", "for i in $(seq 250); do ulvs status >/dev/null 2>&1 || exit 0; sleep 0.02; done; exit 1")
	s.api = nil
}

// refused reports whether err is that of a connection that was refused.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
