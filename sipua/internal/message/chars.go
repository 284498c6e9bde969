package message

// class says of one byte what it may be in the grammar of section 25.1. A table
// answers in one step what comparisons do in up to seven, for each byte of a message.
type class uint8

const (
	tokenByte class = 1 << iota // of a token
	hostByte                    // of a host, brackets and the underscores of some networks included
	uriMark                     // what ends a part of a URI, or cannot be in one
)

var classes = func() (t [256]class) {
	for c := range t {
		switch c := byte(c); {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			t[c] = tokenByte | hostByte
		case c <= ' ':
			t[c] = uriMark
		}
	}
	for _, c := range []byte("-.!%*_+`'~") {
		t[c] |= tokenByte
	}
	for _, c := range []byte(":.-_[]") {
		t[c] |= hostByte
	}
	for _, c := range []byte(`<>"@;?[`) {
		t[c] |= uriMark
	}
	return t
}()

// IsToken: section 25.1.
func IsToken(s string) bool {
	for i := range len(s) {
		if classes[s[i]]&tokenByte == 0 {
			return false
		}
	}
	return s != ""
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// trim takes spaces and tabs off both ends.
func trim(s string) string {
	return trimRight(trimLeft(s))
}

func trimLeft(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// space is the index of the first space or tab of s, -1 when there is none.
func space(s string) int {
	for i := range len(s) {
		if s[i] == ' ' || s[i] == '\t' {
			return i
		}
	}
	return -1
}
