package pcapfilter

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of a filter.
const (
	maxText  = 4096
	maxDepth = 50
	maxSteps = 10_000
)

// Error is a filter that is not accepted.
type Error struct {
	Filter  string
	Column  int // of the word that is wrong, in bytes from 1
	Problem string
}

func (e *Error) Error() string {
	return fmt.Sprintf("filter %q: column %d: %s", e.Filter, e.Column, e.Problem)
}

// Compile compiles a filter. An empty one matches every frame. The error is an
// *Error.
func Compile(text string) (*Program, error) {
	p := &Program{text: text}
	if len(text) > maxText {
		return nil, &Error{text[:20] + "...", maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	x := parser{text: text, words: split(text)}
	if len(x.words) == 0 {
		p.every = true
		return p, nil
	}
	e, err := x.expression(0)
	if err == nil && x.at < len(x.words) {
		err = x.fail("%s is one too many: and, or, or the end was expected", x.quoted())
	}
	if err != nil {
		return nil, err
	}
	for f := range families {
		n := e(f)
		p.by[f] = generate(n)
		if f == ipv4 {
			p.need = n.need()
		}
		if len(p.by[f].steps) > maxSteps {
			return nil, &Error{text, 1, "too large"}
		}
	}
	return p, nil
}

// word is one token with its place.
type token struct {
	text string
	at   int
}

// split finds the words of a filter: signs stand for themselves.
func split(text string) (words []token) {
	const signs = "()[]!&|=<>\\"
	for i := 0; i < len(text); {
		j := i + 1
		switch c := text[i]; {
		case strings.IndexByte(" \t\n\r", c) >= 0:
			i++
			continue
		case strings.IndexByte(signs, c) >= 0:
			if two := text[i:min(i+2, len(text))]; two == "&&" || two == "||" || two == "!=" || two == "==" {
				j++
			}
		default:
			for j < len(text) && strings.IndexByte(" \t\n\r"+signs, text[j]) < 0 {
				j++
			}
		}
		words = append(words, token{text[i:j], i})
		i = j
	}
	return words
}

// parser reads the words of a filter.
type parser struct {
	text  string
	words []token
	at    int
	last  head // whose words a value alone takes
}

// head is what stands before a value: "tcp src port".
type head struct {
	protocol  string
	direction direction
	kind      string // host, net, port, portrange, proto; "" if none was given
	given     bool
}

// peek returns the word at hand, "" at the end.
func (x *parser) peek() string {
	if x.at < len(x.words) {
		return x.words[x.at].text
	}
	return ""
}

// take takes the word at hand if it is one of those.
func (x *parser) take(words ...string) (string, bool) {
	have := x.peek()
	for _, w := range words {
		if have == w && have != "" {
			x.at++
			return w, true
		}
	}
	return "", false
}

// quoted is the word at hand for a message.
func (x *parser) quoted() string {
	if x.at >= len(x.words) {
		return "the end"
	}
	return strconv.Quote(x.peek())
}

// fail makes an error about the word at hand.
func (x *parser) fail(format string, args ...any) *Error {
	column := len(x.text) + 1
	if x.at < len(x.words) {
		column = x.words[x.at].at + 1
	}
	return &Error{x.text, column, fmt.Sprintf(format, args...)}
}

// failBack is fail about the word just taken.
func (x *parser) failBack(format string, args ...any) *Error {
	x.at--
	return x.fail(format, args...)
}

// expression reads terms joined by and and or, which bind equally.
func (x *parser) expression(depth int) (primitive, error) {
	e, err := x.term(depth)
	for err == nil {
		join, ok := x.take("and", "&&", "or", "||")
		if !ok {
			break
		}
		var right primitive
		if right, err = x.term(depth); err == nil {
			e = joined(join, e, right)
		}
	}
	return e, err
}

func joined(by string, a, b primitive) primitive {
	if by == "and" || by == "&&" {
		return all(a, b)
	}
	return func(f family) node { return or(a(f), b(f)) }
}

// term reads one term with what negates it.
func (x *parser) term(depth int) (primitive, error) {
	if depth > maxDepth {
		return nil, x.fail("nested more than %d deep", maxDepth)
	}
	if _, ok := x.take("not", "!"); ok {
		t, err := x.term(depth + 1)
		if err != nil {
			return nil, err
		}
		return func(f family) node { return not(t(f)) }, nil
	}
	if _, ok := x.take("("); ok {
		return x.group(depth)
	}
	if x.peek() == "tcp" && x.at+1 < len(x.words) && x.words[x.at+1].text == "[" {
		return x.flags()
	}
	h, err := x.head()
	if err != nil {
		return nil, err
	}
	if !h.given {
		return x.value(x.last)
	}
	if h.alone() && !x.isValue() {
		return x.alone(h)
	}
	x.last = h
	if _, ok := x.take("("); ok {
		return x.group(depth)
	}
	return x.value(h)
}

// group reads the rest of a term in parentheses.
func (x *parser) group(depth int) (primitive, error) {
	e, err := x.expression(depth + 1)
	if err != nil {
		return nil, err
	}
	if _, ok := x.take(")"); !ok {
		return nil, x.fail("%s instead of a closing parenthesis", x.quoted())
	}
	return e, nil
}

// head reads the words before a value.
func (x *parser) head() (h head, err error) {
	from := x.at
	if w := x.peek(); protocols[w] != 0 || etherTypes[w] != 0 {
		h.protocol = w
		x.at++
	}
	if w, ok := x.take("src", "dst"); ok {
		h.direction = source
		if w == "dst" {
			h.direction = destination
		}
		x.secondDirection(w, &h)
	}
	h.kind, _ = x.take("host", "net", "port", "portrange", "proto")
	h.given = x.at > from
	return h, nil
}

// secondDirection reads the rest of "src or dst" and "src and dst".
func (x *parser) secondDirection(first string, h *head) {
	second := "dst"
	if first == "dst" {
		second = "src"
	}
	if x.at+1 < len(x.words) && x.words[x.at+1].text == second {
		switch x.peek() {
		case "or", "||":
			h.direction, x.at = either, x.at+2
		case "and", "&&":
			h.direction, x.at = both, x.at+2
		}
	}
}

// alone reports whether the words can be a term without a value.
func (h *head) alone() bool {
	return h.protocol != "" && h.direction == either && h.kind == ""
}

// isValue reports whether the word at hand can only be a value.
func (x *parser) isValue() bool {
	w := x.peek()
	return w != "" && (w == "(" || strings.ContainsAny(w[:1], "0123456789:") || strings.Contains(w, ":"))
}

// alone is a term such as "tcp".
func (x *parser) alone(h head) (primitive, error) {
	if t := etherTypes[h.protocol]; t != 0 {
		return etherType(t), nil
	}
	return protocolName(h.protocol), nil
}

// value reads the value that follows a head.
func (x *parser) value(h head) (primitive, error) {
	if x.at >= len(x.words) {
		return nil, x.fail("the filter ends where %s is expected", expected(h.kind))
	}
	switch h.kind {
	case "port", "portrange":
		return x.ports(h)
	case "proto":
		return x.protocol(h)
	}
	return x.address(h)
}

// expected says what a kind of value looks like.
func expected(kind string) string {
	switch kind {
	case "host":
		return "an IP address"
	case "net":
		return "a network such as 192.0.2.0/24"
	case "port":
		return "a port number"
	case "portrange":
		return "a range of ports such as 8000-8080"
	case "proto":
		return "a protocol"
	}
	return "host, net, port, portrange, src, dst, proto, an address or a protocol (" + names + ")"
}

const names = "ip, ip6, arp, rarp, tcp, udp, sctp, icmp, icmp6, igmp, gre, esp, ah"
