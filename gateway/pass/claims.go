package pass

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bytedance/sonic/ast"
	"github.com/golang-jwt/jwt/v5"

	"barrage/internal/chat"
)

// Bounds of claims, in bytes unless the comment names another unit. Claims end up in logs, in Redis keys and in rules
// of rooms; usual tokens have a few rooms and tags.
const (
	maxTokenID = 128
	maxGrants  = 64 // grants
)

// maxDate is the last second that has four digits for its year, as RFC 3339 wants.
const maxDate = float64(chat.ForGood / 1000)

// maxShown bounds the part of a claim that an error shows, in characters.
const maxShown = 64

// payload is the claims as they came. The library decodes them before it checks the signature, so nothing is read here.
type payload struct {
	jwt.RegisteredClaims                 // the methods that the library wants; all empty, since it checks no claims here
	raw                  json.RawMessage // nil where the payload is null
}

func (p *payload) UnmarshalJSON(raw []byte) error {
	p.raw = bytes.Clone(raw)
	return nil
}

// MarshalJSON is for [Sign].
func (p *payload) MarshalJSON() ([]byte, error) { return p.raw, nil }

// content is a token's claims once they are read.
type content struct {
	pass      Pass
	notBefore time.Time
	audience  []string
	issuer    string
}

// fault is an error in one value, with its place: "rooms[2].can".
type fault struct{ path, why string }

func (f *fault) Error() string { return f.path + " " + f.why }

// within puts a step before the place of a fault.
func within(step string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return &fault{step + f.path, f.why}
	}
	return &fault{step, err.Error()}
}

// subject is an error of [members] as a sentence: about one member, or about the whole object.
func subject(err error, member, whole string) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return &fault{member + " " + f.path[len("."):], f.why}
	}
	return fmt.Errorf("%s %w", whole, err)
}

// readClaims reads the claims of a token whose signature is good. Claims that are not ours are ignored (RFC 7519
// section 4). A repeated name is refused: parsers do not agree which value counts.
func readClaims(raw []byte) (*content, error) {
	c := &content{}
	if err := members(raw, c.read); err != nil {
		return nil, subject(err, "claim", "its payload")
	}
	if c.pass.Expires.IsZero() {
		return nil, errors.New("claim exp is missing, and every token must expire")
	}
	return c, nil
}

// read reads one claim.
func (c *content) read(name string, value json.RawMessage) (err error) {
	p := &c.pass
	switch name {
	case "sub":
		p.User, err = text(value)
	case "exp":
		p.Expires, err = date(value)
	case "nbf":
		c.notBefore, err = date(value)
	case "iat":
		p.Issued, err = date(value)
	case "jti":
		if p.ID, err = text(value); err == nil && p.ID != "" {
			err = word(p.ID, maxTokenID)
		}
	case "iss":
		c.issuer, err = text(value)
	case "aud":
		if value[0] == '"' {
			c.audience = make([]string, 1)
			c.audience[0], err = text(value)
		} else {
			c.audience, err = texts(value, "text or a list of texts")
		}
	case "info":
		p.Info, p.Level, err = info(value)
	case "tags":
		p.Tags, err = tags(value)
	case "role":
		p.Role, err = role(value)
	case "rooms":
		p.Grants, err = grants(value)
		p.Named = true
	}
	return err
}

// members calls visit with each member of a JSON object, and says where an error of visit is. Names are compared as
// they stand: encoding/json would take "EXP" for "exp", and its decoder of tokens takes five times as long. Where raw
// is no valid JSON values may be none, either; the parts of a token have passed encoding/json before.
func members(raw []byte, visit func(name string, value json.RawMessage) error) (err error) {
	if !utf8.Valid(raw) {
		return errors.New("is not UTF-8")
	}
	object, code := ast.NewParser(string(raw)).Parse()
	if code != 0 || object.TypeSafe() != ast.V_OBJECT {
		return want("a JSON object", raw)
	}
	seen := make(map[string]bool, 16)
	failed := object.ForEach(func(at ast.Sequence, node *ast.Node) bool {
		name := *at.Key
		if seen[name] {
			err = fmt.Errorf("has %s twice", shown([]byte(name)))
			return false
		}
		seen[name] = true
		var value string
		if value, err = node.Raw(); err == nil && value == "" {
			err = errors.New("has no value")
		}
		if err == nil {
			err = visit(name, json.RawMessage(value))
		}
		if err != nil {
			err = within("."+shown([]byte(name)), err)
		}
		return err == nil
	})
	return cmp.Or(err, failed)
}

// want is the error of a value that has the wrong type.
func want(what string, value json.RawMessage) error {
	return fmt.Errorf("is %s, want %s", shown(value), what)
}

// shown is as much of a JSON value as an error shows.
func shown(value []byte) string {
	if value == nil {
		return "null"
	}
	line := strings.Join(strings.Fields(string(value)), " ")
	if utf8.RuneCountInString(line) <= maxShown && !strings.ContainsFunc(line, unprintable) {
		return line
	}
	return fmt.Sprintf("%.*q…", maxShown, line)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }

func text(value json.RawMessage) (s string, err error) {
	if value[0] != '"' { // null, too: it would leave s as it is
		return "", want("text", value)
	}
	err = json.Unmarshal(value, &s)
	return s, err
}

func texts(value json.RawMessage, what string) ([]string, error) {
	raw, err := list(value, what)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(raw))
	for i := range raw {
		if all[i], err = text(raw[i]); err != nil {
			return nil, want(what, value)
		}
	}
	return all, nil
}

func list(value json.RawMessage, what string) (all []json.RawMessage, err error) {
	if value[0] != '[' {
		return nil, want(what, value)
	}
	err = json.Unmarshal(value, &all)
	return all, err
}

// word refuses empty, long and unprintable text.
func word(s string, most int) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > most:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(s), most)
	case strings.ContainsFunc(s, unprintable):
		return fmt.Errorf("is %q: it has characters that cannot be printed", s)
	}
	return nil
}

// date reads a NumericDate (RFC 7519 section 2), fractions of a second cut off, as the library does.
func date(value json.RawMessage) (time.Time, error) {
	const what = "seconds since 1970"
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return time.Time{}, want(what, value)
	}
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || seconds < 0 || seconds > maxDate { // an error is a number too large
		return time.Time{}, want(what+" before the year 10000", value)
	}
	return time.Unix(int64(seconds), 0), nil
}

// info reads what everybody may see of a user: the public object about them, without blanks between its parts, and
// their level in it. The object is not escaped for HTML: it is JSON, and a page must escape it like the text of
// messages. The level is whatever the site has there: all but whole numbers above 0 are none.
func info(value json.RawMessage) (text string, level int64, err error) {
	if value[0] != '{' {
		return "", 0, want("an object", value)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return "", 0, err
	}
	if b.Len() > MaxInfo {
		return "", 0, fmt.Errorf("has %d bytes, at most %d are allowed", b.Len(), MaxInfo)
	}
	text = b.String()
	if strings.Contains(text, `"level"`) {
		err = members(b.Bytes(), func(name string, value json.RawMessage) error {
			if n, bad := strconv.ParseInt(string(value), 10, 64); name == "level" && bad == nil {
				level = max(0, n)
			}
			return nil
		})
	}
	return text, level, err
}

func tags(value json.RawMessage) ([]string, error) {
	all, err := texts(value, "a list of texts")
	if err != nil {
		return nil, err
	}
	if len(all) > chat.MaxTags {
		return nil, fmt.Errorf("has %d tags, at most %d are allowed", len(all), chat.MaxTags)
	}
	for i, tag := range all {
		if err := word(tag, chat.MaxTag); err != nil {
			return nil, within(fmt.Sprintf("[%d]", i), err)
		}
	}
	return all, nil
}

func role(value json.RawMessage) (string, error) {
	s, err := text(value)
	if err != nil {
		return s, err
	}
	if r, ok := chat.ParseRole(s); ok && r < chat.RoleServer {
		return s, nil
	}
	return "", fmt.Errorf("is %s, none of %s", shown(value), strings.Join(Roles(), ", "))
}

// grants reads the claim rooms. A list without entries is no room at all.
func grants(value json.RawMessage) ([]Grant, error) {
	raw, err := list(value, "a list of objects")
	if err != nil {
		return nil, err
	}
	if len(raw) > maxGrants {
		return nil, fmt.Errorf("has %d grants, at most %d are allowed", len(raw), maxGrants)
	}
	all := make([]Grant, len(raw))
	for i := range raw {
		if all[i], err = grant(raw[i]); err != nil {
			return nil, within(fmt.Sprintf("[%d]", i), err)
		}
	}
	return all, nil
}

// grant reads one entry of the claim rooms. A member that it does not know is refused. It may be a misspelled "can", or
// a restriction of a later version, and without it more would be granted than was meant.
func grant(value json.RawMessage) (Grant, error) {
	g := Grant{Default: true}
	err := members(value, func(name string, value json.RawMessage) (err error) {
		switch name {
		case "id":
			if g.Room, err = text(value); err == nil {
				err = pattern(g.Room)
			}
		case "can":
			g.Default = false
			g.Can, err = capabilities(value)
		case "role":
			g.Role, err = role(value)
		default:
			err = errors.New("is unknown: a grant has id, can and role")
		}
		return err
	})
	if err == nil && g.Room == "" {
		err = errors.New("has no id: name a room, or * for all of them")
	}
	return g, err
}

func capabilities(value json.RawMessage) (Can, error) {
	names, err := texts(value, "a list of texts")
	if err != nil {
		return 0, err
	}
	can, err := ParseCan(names)
	if err != nil {
		return 0, fmt.Errorf("is %s: %w", shown(value), err)
	}
	return can, nil
}

// pattern refuses ids of grants that can mean nothing, or something else than they seem to.
func pattern(id string) error {
	if id == "" {
		return errors.New("is empty: name a room, or * for all of them")
	}
	if at := strings.IndexByte(id, '*'); at >= 0 && at != len(id)-1 {
		return fmt.Errorf("is %.64q: a * may only stand at its end, once", id)
	}
	return nil
}
