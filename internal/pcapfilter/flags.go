package pcapfilter

// flagNames are the words for TCP flags (pcap-filter(7)).
var flagNames = map[string]uint8{
	"tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08,
	"tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,
}

// flags reads a term about TCP flags: "tcp[tcpflags] & (tcp-syn|tcp-ack) ==
// tcp-syn", "... != 0", or without a mask "tcp[tcpflags] == tcp-syn".
func (x *parser) flags() (primitive, error) {
	x.at += 2
	if _, ok := x.take("tcpflags", "13"); !ok {
		return nil, x.fail("%s: of the bytes of TCP only tcp[tcpflags] is known", x.quoted())
	}
	if _, ok := x.take("]"); !ok {
		return nil, x.fail("%s instead of ]", x.quoted())
	}
	mask := uint8(0xff)
	var err error
	if _, ok := x.take("&"); ok {
		if mask, err = x.flagSet(); err != nil {
			return nil, err
		}
	}
	by, ok := x.take("=", "==", "!=")
	if !ok {
		return nil, x.fail("%s instead of == or !=", x.quoted())
	}
	value, err := x.flagSet()
	if err != nil {
		return nil, err
	}
	if value&^mask != 0 {
		return nil, x.failBack("a flag on the right that the mask on the left leaves out")
	}
	if by != "!=" {
		return tcpFlags(mask, value), nil
	}
	differs := func(f family) node { return not(tcpFlags(mask, value)(f)) }
	return all(tcpFlags(0, 0), differs), nil
}

// flagSet reads flags joined by |, in parentheses or not, or 0.
func (x *parser) flagSet() (set uint8, err error) {
	_, open := x.take("(")
	for {
		if _, ok := x.take("0"); !ok {
			flag, known := flagNames[x.peek()]
			if !known {
				return 0, x.fail("%s is not a TCP flag such as tcp-syn, nor 0", x.quoted())
			}
			set |= flag
			x.at++
		}
		if _, ok := x.take("|"); !ok {
			break
		}
	}
	if open {
		if _, ok := x.take(")"); !ok {
			return 0, x.fail("%s instead of a closing parenthesis", x.quoted())
		}
	}
	return set, nil
}
