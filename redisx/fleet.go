package redisx

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"barrage/internal/chat"
)

// This file is what nodes send each other about themselves. Each sends a beat from time to time, and answers
// questions that go to all.

// askChannel is where questions to all nodes go. No user has the id: ids have no control characters.
const askChannel = userChannelPrefix + "\x00nodes"

// maxAnswers bounds the answers to one question: as many nodes as nobody has.
const maxAnswers = 4096

// Beat keeps the text of a node's beat.
func (r *Redis) Beat(ctx context.Context, node, text string) error {
	if _, err := r.run(ctx, beatScript, beatKeys, millis(chat.BeatLife), node, text); err != nil {
		return fmt.Errorf("cannot write the beat of node %s (keys %q): %w", node, beatKeys, err)
	}
	return nil
}

// Beats are the texts of the beats of all nodes.
func (r *Redis) Beats(ctx context.Context) ([]string, error) {
	msg, err := r.run(ctx, beatScript, beatKeys, millis(chat.BeatLife), "", "")
	var all []string
	if err == nil {
		if all, err = msg.AsStrSlice(); err != nil {
			err = errors.Join(errBadAnswer, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the beats of nodes (keys %q): %w", beatKeys, err)
	}
	return all, nil
}

// TakeLease is [Store.TakeLease].
func (r *Redis) TakeLease(ctx context.Context, node string, life time.Duration) (holder string, err error) {
	msg, err := r.run(ctx, leaseScript, []string{leaseKey}, node, millis(life))
	if err == nil {
		holder, err = msg.ToString()
	}
	if err != nil {
		return "", fmt.Errorf("cannot take the lease to send clients away (key %q): %w", leaseKey, err)
	}
	return holder, nil
}

// Ask sends every node a question.
func (r *Redis) Ask(ctx context.Context, question string) error {
	if _, err := r.do(ctx, r.client.B().Publish().Channel(askChannel).Message(question).Build()); err != nil {
		return fmt.Errorf("cannot ask the other nodes: %w", err)
	}
	return nil
}

// Answer adds an answer to a question.
func (r *Redis) Answer(ctx context.Context, id, answer string) error {
	key := answersKey(id)
	_, err := r.run(ctx, r.scripts().writeLog, []string{key}, answer, strconv.Itoa(maxAnswers), millis(chat.AnswersLife))
	if err != nil {
		return fmt.Errorf("cannot answer another node (key %q): %w", key, err)
	}
	return nil
}

// Answers are those to a question so far.
func (r *Redis) Answers(ctx context.Context, id string) ([]string, error) {
	key := answersKey(id)
	all, err := r.doStrings(ctx, r.client.B().Lrange().Key(key).Start(0).Stop(-1).Build())
	if err != nil {
		return nil, fmt.Errorf("cannot read the answers of other nodes (key %q): %w", key, err)
	}
	return all, nil
}

// memoryFleet is what nodes send each other where there is one node.
type memoryFleet struct {
	mu      sync.Mutex // guards the fields below; a leaf
	beats   map[string]memoryBeat
	answers map[string]memoryAnswers
	lease   memoryBeat // its text is who has it
}

type memoryBeat struct {
	text    string
	expires time.Time
}

type memoryAnswers struct {
	texts   []string
	expires time.Time
}

// Beat keeps the text of the node's beat.
func (m *Memory) Beat(_ context.Context, node, text string) error {
	m.calls.Add(1)
	f, now := &m.fleet, m.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgetLocked(now)
	if text == "" {
		delete(f.beats, node)
		return nil
	}
	if f.beats == nil {
		f.beats = map[string]memoryBeat{}
	}
	f.beats[node] = memoryBeat{text, now.Add(chat.BeatLife)}
	return nil
}

// Beats are the text of the node's beat.
func (m *Memory) Beats(context.Context) ([]string, error) {
	m.calls.Add(1)
	f := &m.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgetLocked(m.now())
	all := make([]string, 0, len(f.beats))
	for _, node := range slices.Sorted(maps.Keys(f.beats)) {
		all = append(all, f.beats[node].text)
	}
	return all, nil
}

// TakeLease is [Store.TakeLease].
func (m *Memory) TakeLease(_ context.Context, node string, life time.Duration) (holder string, err error) {
	m.calls.Add(1)
	f, now := &m.fleet, m.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !now.Before(f.lease.expires) {
		f.lease.text = ""
	}
	if node == "" || f.lease.text != "" && f.lease.text != node {
		return f.lease.text, nil
	}
	if f.lease = (memoryBeat{node, now.Add(life)}); life == 0 {
		f.lease.text = ""
	}
	return f.lease.text, nil
}

// Ask sends the node a question.
func (m *Memory) Ask(_ context.Context, question string) error {
	m.calls.Add(1)
	m.events.Add(1)
	m.handler.Asked(question)
	return nil
}

// Answer adds an answer to a question.
func (m *Memory) Answer(_ context.Context, id, answer string) error {
	m.calls.Add(1)
	f, now := &m.fleet, m.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgetLocked(now)
	if f.answers == nil {
		f.answers = map[string]memoryAnswers{}
	}
	f.answers[id] = memoryAnswers{append(f.answers[id].texts, answer), now.Add(chat.AnswersLife)}
	return nil
}

// Answers are those to a question so far.
func (m *Memory) Answers(_ context.Context, id string) ([]string, error) {
	m.calls.Add(1)
	f := &m.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgetLocked(m.now())
	return slices.Clone(f.answers[id].texts), nil
}

// forgetLocked drops what has expired. f.mu must be held.
func (f *memoryFleet) forgetLocked(now time.Time) {
	maps.DeleteFunc(f.beats, func(_ string, b memoryBeat) bool { return !now.Before(b.expires) })
	maps.DeleteFunc(f.answers, func(_ string, a memoryAnswers) bool { return !now.Before(a.expires) })
}
