package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Objective says of a figure of a [Result] when it is not good enough, as "p99>200ms". Make it with [ParseObjective].
type Objective struct {
	text   string
	figure objectiveFigure
	over   bool // it is above, else below
	equal  bool // or equal
	value  float64
	share  bool // value is a share of what is expected
}

// objectiveFigure is a figure that an objective may be about.
type objectiveFigure struct {
	name string
	of   func(*Result) float64
	// all is what a share is of; nil: there are none.
	all func(*Result) float64
	// time: the figure is in milliseconds.
	time bool
}

var objectiveFigures = []objectiveFigure{
	{name: "p50", of: func(r *Result) float64 { return r.Latency.P50 }, time: true},
	{name: "p90", of: func(r *Result) float64 { return r.Latency.P90 }, time: true},
	{name: "p99", of: func(r *Result) float64 { return r.Latency.P99 }, time: true},
	{name: "p999", of: func(r *Result) float64 { return r.Latency.P999 }, time: true},
	{name: "max", of: func(r *Result) float64 { return r.Latency.Max }, time: true},
	{name: "connect-p99", of: func(r *Result) float64 { return r.Connect.P99 }, time: true},
	{name: "lost", of: func(r *Result) float64 { return float64(r.Messages.Lost) }, all: copies},
	{name: "doubled", of: func(r *Result) float64 { return float64(r.Messages.Doubled) }, all: copies},
	{name: "out-of-order", of: func(r *Result) float64 { return float64(r.Messages.OutOfOrder) }, all: copies},
	{name: "refused", of: func(r *Result) float64 { return float64(r.Messages.Answers.TurnedAway()) }, all: func(r *Result) float64 { return float64(r.Messages.Sent) }},
	{name: "unconnected", of: func(r *Result) float64 { return float64(r.Connections.Failed) }, all: wanted},
	{name: "broken", of: func(r *Result) float64 { return float64(r.Connections.Broken) }, all: wanted},
	{name: "copies/s", of: func(r *Result) float64 { return r.Messages.PerSecond }},
}

func copies(r *Result) float64 { return float64(r.Messages.Expected) }
func wanted(r *Result) float64 { return float64(r.Connections.Wanted) }

// ObjectiveFigures are the names of the figures that an objective may be about.
func ObjectiveFigures() (names []string) {
	for _, f := range objectiveFigures {
		names = append(names, f.name)
	}
	return names
}

// ParseObjective reads a figure, one of > >= < <=, and a value. The value is a time for latency, else a number or, of
// what is counted, a share: "p99>200ms", "lost>0", "lost>0.1%", "copies/s<100000".
func ParseObjective(text string) (Objective, error) {
	wrong := func(format string, args ...any) (Objective, error) {
		return Objective{}, fmt.Errorf("cannot read the objective %q: %s", text, fmt.Sprintf(format, args...))
	}
	o := Objective{text: text}
	i := strings.IndexAny(text, "<>")
	if i < 0 {
		return wrong("it has none of > >= < <=, as in p99>200ms")
	}
	name, value := strings.TrimSpace(text[:i]), text[i+1:]
	o.over = text[i] == '>'
	value, o.equal = strings.CutPrefix(value, "=")
	value = strings.TrimSpace(value)
	for _, f := range objectiveFigures {
		if f.name == name {
			o.figure = f
		}
	}
	if o.figure.of == nil {
		return wrong("%q is none of %s", name, strings.Join(ObjectiveFigures(), ", "))
	}
	if o.figure.time {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return wrong("%q is no time, as 200ms", value)
		}
		o.value = float64(d) / float64(time.Millisecond)
		return o, nil
	}
	number, share := strings.CutSuffix(value, "%")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0) {
		return wrong("%q is no number from 0", value)
	}
	if share && o.figure.all == nil {
		return wrong("%s has no share", name)
	}
	if o.value, o.share = n, share; share {
		o.value /= 100
	}
	return o, nil
}

// Missed says how a result misses the objective: "p99>200ms: it is 250ms"; empty where it does not. A figure that could
// not be measured misses it.
func (o *Objective) Missed(r *Result) string {
	is := o.figure.of(r)
	said := strconv.FormatFloat(is, 'g', 6, 64)
	switch {
	case o.figure.time && r.Latency.Count == 0 && o.figure.name != "connect-p99":
		return o.text + ": nothing was measured"
	case o.figure.time:
		said = time.Duration(is * float64(time.Millisecond)).Round(time.Microsecond).String()
	case o.share:
		all := o.figure.all(r)
		if all == 0 {
			return o.text + ": nothing was measured"
		}
		is /= all
		said = strconv.FormatFloat(100*is, 'g', 3, 64) + "%"
	}
	if missed := o.over && is > o.value || !o.over && is < o.value || o.equal && is == o.value; !missed {
		return ""
	}
	return o.text + ": it is " + said
}
