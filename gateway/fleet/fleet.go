// Package fleet is what the nodes send each other about themselves, through the store. Each sends a beat every ten
// seconds, and answers questions that another one asks of all. Nodes do not call each other. It knows no sockets,
// no rooms and no HTTP; begin with [New].
//
// Goroutines, ended by the context of Run, which waits for them:
//
//	name      how many  may block on
//	beat      1         a timer; the store, bounded by chat.CallTimeout
//	answerer  1         the store, bounded by chat.CallTimeout; the function that answers
//
// Read first: [Fleet].
package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"barrage/internal/chat"
	"barrage/internal/once"
)

// Store is what nodes send each other beats and questions by, see redisx.Store.
type Store interface {
	Beat(ctx context.Context, node, text string) error
	Beats(ctx context.Context) ([]string, error)
	leases
	Ask(ctx context.Context, question string) error
	Answer(ctx context.Context, id, answer string) error
	Answers(ctx context.Context, id string) ([]string, error)
}

// Node is what a node's beat has.
type Node struct {
	Node    string `json:"node"`
	Host    string `json:"host"`
	Address string `json:"address"` // of the public port, as the node listens
	Admin   string `json:"admin,omitempty"`
	Version string `json:"version"`
	// Config is a hash of the settings without their secrets: nodes with the same have the same.
	Config  string `json:"config"`
	Started int64  `json:"started"` // Unix ms, as At
	At      int64  `json:"at"`      // when the beat was sent
	// State is ready, draining, or unready: Why says what is missing then. It is silent where the node did not answer: the
	// rest is the last beat as it came.
	State          string  `json:"state"`
	Why            string  `json:"why,omitempty"`
	Connections    int     `json:"connections"`
	MaxConnections int     `json:"max_connections"`
	Rooms          int64   `json:"rooms"`
	Members        int64   `json:"members"`
	Received       float64 `json:"received_per_s"` // messages of clients a second, of late
	Sent           float64 `json:"sent_per_s"`     // copies to members a second, of late
	LogLevel       string  `json:"log_level"`
}

// The values of Node.State.
const (
	Ready    = "ready"
	Unready  = "unready"
	Draining = "draining"
	Silent   = "silent"
)

const (
	// Patience is how long the answers of other nodes are waited for: ten times what they take (contract tests, two
	// nodes). A node that has died is waited for as long, until it is forgotten.
	Patience = time.Second
	// lookEvery is how often that is looked at: a third of what an answer takes.
	lookEvery = 10 * time.Millisecond
	// mostQuestions bounds questions that wait for the answerer, each of at most maxQuestion bytes. More are dropped.
	mostQuestions = 64
	maxQuestion   = 8 << 10
	// maxAnswer bounds an answer, in bytes: 1,000 rooms have some 250 KB.
	maxAnswer = 512 << 10
)

// answerer answers a question of another node, or of this one: see On.
type answerer func(ctx context.Context, args json.RawMessage) (any, error)

// RefusedError is why a node does not answer as asked.
type RefusedError struct {
	Status int    `json:"status"` // of HTTP
	Why    string `json:"why"`
}

func (p *RefusedError) Error() string { return p.Why }

// Fleet is a node among the others. Its methods may be called concurrently.
type Fleet struct {
	// Immutable after Run.
	node     string
	store    Store
	self     func() Node
	tick     func()
	answers  map[string]answerer
	log      *slog.Logger
	now      func() time.Time
	patience time.Duration
	queue    chan question // never closed

	failure once.Failure // of beats; the beat's own
	dropped atomic.Uint64

	leaseMu    sync.Mutex // guards the field below, and is held for calls about the lease; a leaf
	wantsLease bool       // asks for it with each beat: from TakeLease to EndLease
}

// question is what a node asks.
type question struct {
	ID    string          `json:"id"`
	To    string          `json:"to,omitempty"` // empty: all
	From  string          `json:"from"`
	Topic string          `json:"topic"`
	Args  json.RawMessage `json:"args,omitempty"`
}

// answer is what a node answers.
type answer struct {
	Node    string          `json:"node"`
	Problem *RefusedError   `json:"problem,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
}

// New is a node called so, which is not empty, among others. self is what its beats have; tick is called once a
// second. Neither may block.
func New(node string, store Store, self func() Node, tick func(), log *slog.Logger) *Fleet {
	f := &Fleet{
		node: node, store: store, self: self, tick: tick, log: log, now: time.Now, patience: Patience,
		answers: map[string]answerer{}, queue: make(chan question, mostQuestions),
	}
	On(f, AboutNode, func(context.Context, struct{}) (Node, error) { return f.Self(), nil })
	return f
}

// AboutNode is the topic of a question about the node itself: its answer is a [Node].
const AboutNode = "node"

// On has do answer the questions of other nodes, and of this one, about a topic. All are set before Run. A question
// brings its args as JSON, and one without an A is refused with 400. Where A is struct{} it needs none, and nobody
// reads the args that it has, which a later version may send. An error of do of type [*RefusedError] keeps its status,
// any other one is 500.
func On[A, B any](f *Fleet, topic string, do func(ctx context.Context, args A) (B, error)) {
	f.answers[topic] = func(ctx context.Context, text json.RawMessage) (any, error) {
		var args A
		if _, none := any(args).(struct{}); !none {
			if err := json.Unmarshal(text, &args); err != nil {
				return nil, &RefusedError{http.StatusBadRequest, err.Error()}
			}
		}
		return do(ctx, args)
	}
}

// Self is what a beat of this node has now.
func (f *Fleet) Self() Node {
	n := f.self()
	n.Node, n.At = f.node, f.now().UnixMilli()
	return n
}

// Dropped is how many questions were dropped because too many waited.
func (f *Fleet) Dropped() uint64 { return f.dropped.Load() }

// Run sends beats, and answers, until ctx ends.
func (f *Fleet) Run(ctx context.Context, workers *sync.WaitGroup) {
	workers.Go(func() { f.keepBeating(ctx) })
	workers.Go(func() { f.answer(ctx) })
}

// keepBeating sends a beat every ten seconds, and counts what the node does every second.
func (f *Fleet) keepBeating(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for seconds := 0; ; seconds++ {
		f.tick()
		if seconds%int(chat.BeatEvery/time.Second) == 0 {
			f.keepLease(ctx)
			if err := f.Beat(ctx); ctx.Err() == nil && f.failure.IsNew(err) {
				f.log.Warn("cannot send a beat to other nodes; trying again", "every", chat.BeatEvery, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Beat sends a beat; beside those of Run, where the state of the node has changed.
func (f *Fleet) Beat(ctx context.Context) error { return f.publish(ctx, encode(f.Self())) }

// Leave takes back that the node lives, and gives back the lease.
func (f *Fleet) Leave(ctx context.Context) error {
	f.EndLease(ctx, nil)
	return f.publish(ctx, "")
}

func (f *Fleet) publish(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	return f.store.Beat(ctx, f.node, text)
}

// Asked takes a question of a node; this one's own it has answered already. It never blocks.
func (f *Fleet) Asked(text string) {
	var q question
	if len(text) > maxQuestion || json.Unmarshal([]byte(text), &q) != nil || q.From == f.node || q.To != "" && q.To != f.node {
		return
	}
	select {
	case f.queue <- q:
	default:
		f.dropped.Add(1) // the asking node gets no answer
	}
}

// answer answers what other nodes ask.
func (f *Fleet) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-f.queue:
			callCtx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
			if err := f.store.Answer(callCtx, q.ID, encode(f.reply(callCtx, &q))); err != nil {
				f.log.Debug("cannot answer another node", "from", q.From, "about", q.Topic, "err", err)
			}
			cancel()
		}
	}
}

// reply is this node's answer.
func (f *Fleet) reply(ctx context.Context, q *question) answer {
	do := f.answers[q.Topic]
	if do == nil {
		return answer{f.node, &RefusedError{http.StatusNotImplemented, "this node's version cannot be asked that"}, nil}
	}
	body, err := do(ctx, q.Args)
	if err == nil {
		text := encode(body)
		if len(text) <= maxAnswer {
			return answer{f.node, nil, json.RawMessage(text)}
		}
		err = &RefusedError{http.StatusInsufficientStorage, fmt.Sprintf("the answer has %d bytes, above %d: ask for less", len(text), maxAnswer)}
	}
	p, ok := errors.AsType[*RefusedError](err)
	if !ok {
		p = &RefusedError{http.StatusInternalServerError, err.Error()}
	}
	return answer{f.node, p, nil}
}

// Reply is what a node answered.
type Reply[T any] struct {
	Node string
	Body T
	// Problem is why it did not answer as asked, nil where it did.
	Problem *RefusedError
}

// Reach is how much of the nodes an answer is put together from.
type Reach struct {
	// Nodes are those that answered, Silent those that live and did not, within [Patience].
	Nodes  []string `json:"nodes"`
	Silent []string `json:"silent"`
	// Note says why others could not be asked; empty where they were.
	Note string `json:"note,omitempty"`
}

// All asks all nodes, this one first, and it alone where the store is away: reach says so. args are written as JSON.
func All[T any](ctx context.Context, f *Fleet, topic string, args any) (replies []Reply[T], reach Reach) {
	reach = Reach{Nodes: []string{}, Silent: []string{}}
	answers, silent, err := f.ask(ctx, "", topic, args)
	if err != nil {
		reach.Note = fmt.Sprintf("of this node alone: %v", err)
	}
	for _, n := range silent {
		reach.Silent = append(reach.Silent, n.Node)
	}
	for _, a := range answers {
		r := Reply[T]{Node: a.Node, Problem: a.Problem}
		if a.Problem == nil && json.Unmarshal(a.Body, &r.Body) != nil { // of another version
			reach.Silent = append(reach.Silent, a.Node)
			continue
		}
		reach.Nodes = append(reach.Nodes, a.Node)
		replies = append(replies, r)
	}
	return replies, reach
}

// One asks one node, "self" or a name of [Fleet.Nodes]. The error is a [*RefusedError].
func One[T any](ctx context.Context, f *Fleet, node, topic string, args any) (T, error) {
	var body T
	answers, silent, err := f.ask(ctx, node, topic, args)
	switch {
	case err != nil && len(answers) == 0:
		return body, &RefusedError{http.StatusServiceUnavailable, fmt.Sprintf("cannot ask node %s: %v", node, err)}
	case len(answers) == 0 && len(silent) == 0:
		return body, &RefusedError{http.StatusNotFound, fmt.Sprintf("there is no node %q: GET /v1/admin/nodes lists them", node)}
	case len(answers) == 0:
		return body, &RefusedError{http.StatusServiceUnavailable, fmt.Sprintf("node %s has not answered within %v: it may do it all the same, or it has died", node, f.patience)}
	case answers[0].Problem != nil:
		return body, answers[0].Problem
	}
	if err := json.Unmarshal(answers[0].Body, &body); err != nil {
		return body, &RefusedError{http.StatusServiceUnavailable, fmt.Sprintf("cannot read the answer of node %s: %v", node, err)}
	}
	return body, nil
}

// selfName is the name of this node for whoever asks it.
const selfName = "self"

// ask asks one node, or all where to is empty. silent are those that live and have not answered. Where the store is
// away there is an error beside this node's own answer.
func (f *Fleet) ask(ctx context.Context, to, topic string, args any) (answers []answer, silent []Node, err error) {
	q := question{ID: rand.Text(), To: to, From: f.node, Topic: topic}
	if args != nil {
		q.Args = json.RawMessage(encode(args))
	}
	if to == "" || to == selfName || to == f.node {
		answers = append(answers, f.reply(ctx, &q))
	}
	if to == selfName || to == f.node {
		return answers, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, chat.CallTimeout)
	defer cancel()
	silent, err = f.others(ctx)
	if to != "" {
		silent = slices.DeleteFunc(silent, func(n Node) bool { return n.Node != to })
	}
	if err != nil || len(silent) == 0 {
		return answers, nil, err
	}
	if err := f.store.Ask(ctx, encode(q)); err != nil {
		return answers, nil, err
	}
	waited, stop := context.WithTimeout(ctx, f.patience)
	defer stop()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	here := len(answers)
	for left := silent; ; {
		select {
		case <-waited.Done():
			return answers, left, nil
		case <-t.C:
		}
		texts, err := f.store.Answers(ctx, q.ID)
		if err != nil {
			return answers, left, err
		}
		answers = read(answers[:here], texts)
		left = slices.DeleteFunc(slices.Clone(silent), func(n Node) bool {
			return slices.ContainsFunc(answers, func(a answer) bool { return a.Node == n.Node })
		})
		if len(left) == 0 {
			return answers, nil, nil
		}
	}
}

// read appends answers of other nodes; one that makes no sense is of nobody.
func read(to []answer, texts []string) []answer {
	for _, text := range texts {
		var a answer
		if json.Unmarshal([]byte(text), &a) == nil && a.Node != "" {
			to = append(to, a)
		}
	}
	return to
}

// others are the other nodes that live, by their last beats.
func (f *Fleet) others(ctx context.Context) ([]Node, error) {
	texts, err := f.store.Beats(ctx)
	if err != nil {
		return nil, err
	}
	var all []Node
	for _, text := range texts {
		var n Node
		if json.Unmarshal([]byte(text), &n) == nil && n.Node != "" && n.Node != f.node {
			all = append(all, n)
		}
	}
	return all, nil
}

// Nodes are all nodes, as they are now; one that does not answer is Silent, and as its last beat has it. They are
// sorted by host, address and name.
func (f *Fleet) Nodes(ctx context.Context) ([]Node, Reach) {
	known, _ := f.others(ctx) // the error comes again below
	replies, reach := All[Node](ctx, f, AboutNode, nil)
	var all []Node
	for _, r := range replies {
		if r.Problem == nil {
			all = append(all, r.Body)
		}
	}
	for _, n := range known {
		if !slices.ContainsFunc(all, func(a Node) bool { return a.Node == n.Node }) {
			n.State = Silent
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Node, b.Node))
	})
	return all, reach
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("BUG: cannot encode what nodes tell each other: " + err.Error())
	}
	return string(text)
}
