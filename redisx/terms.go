package redisx

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// This file is the lists of terms of the word filter. That one has changed, nodes learn from the rules of
// chat.Everywhere.

// WriteTerms keeps the text of a list, or takes it away where that is empty.
func (r *Redis) WriteTerms(ctx context.Context, name, text string) error {
	key, err := r.keys.terms(name), chat.ErrBeside
	if !r.keys.fastIM {
		cmd := r.client.B().Del().Key(key).Build()
		if text != "" {
			cmd = r.client.B().Set().Key(key).Value(text).Build()
		}
		_, err = r.do(ctx, cmd)
	}
	if err != nil {
		return fmt.Errorf("cannot write the list of terms %q to key %q: %w", name, key, err)
	}
	return nil
}

// ReadTerms is the text of a list, empty where there is none.
func (r *Redis) ReadTerms(ctx context.Context, name string) (string, error) {
	key := r.keys.terms(name)
	if r.keys.fastIM {
		return "", nil
	}
	msg, err := r.do(ctx, r.client.B().Get().Key(key).Build())
	var text string
	if err == nil && !msg.IsNil() {
		text, err = msg.ToString()
	}
	if err != nil && !rueidis.IsRedisNil(err) {
		return "", fmt.Errorf("cannot read the list of terms %q of key %q: %w", name, key, err)
	}
	return text, nil
}

// WriteTerms keeps the text of a list, or takes it away where that is empty.
func (m *Memory) WriteTerms(_ context.Context, name, text string) error {
	m.calls.Add(1)
	m.termsMu.Lock()
	defer m.termsMu.Unlock()
	if text == "" {
		delete(m.terms, name)
		return nil
	}
	if m.terms == nil {
		m.terms = make(map[string]string)
	}
	m.terms[name] = text
	return nil
}

// ReadTerms is the text of a list, empty where there is none.
func (m *Memory) ReadTerms(_ context.Context, name string) (string, error) {
	m.calls.Add(1)
	m.termsMu.Lock()
	defer m.termsMu.Unlock()
	return m.terms[name], nil
}
