package explain

// Style says how Records look.
type Style struct{ Colour bool }

// paint puts text into a colour, by the number of ECMA-48's SGR.
func (s Style) paint(sgr, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

func (s Style) strong(text string) string { return s.paint("1", text) }
func (s Style) faint(text string) string  { return s.paint("2", text) }
func (s Style) old(text string) string    { return s.paint("31", text) }
func (s Style) new(text string) string    { return s.paint("32", text) }

// verdict colours by what became of a packet.
func (s Style) verdict(verdict, text string) string {
	switch verdict {
	case "forwarded", "answered":
		return s.paint("1;32", text)
	case "dropped":
		return s.paint("1;31", text)
	}
	return s.paint("1;33", text)
}
