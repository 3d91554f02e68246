package redisx

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostDatabases bounds the databases that are looked into; 16 are what a Redis has by default.
const mostDatabases = 16

// Elsewhere returns the other databases of this Redis that have a history of the room. Pub/sub ignores databases, so a
// node receives the events of messages that others keep where it does not look. Elsewhere costs a connection; it may
// block until ctx ends.
func (r *Redis) Elsewhere(ctx context.Context, room string) (databases []int, err error) {
	if r.keys.tagged { // a cluster has one
		return nil, nil
	}
	conn, release, err := r.dialAny()
	if err != nil {
		return nil, fmt.Errorf("cannot look into other databases: %w", err)
	}
	defer release()
	defer conn.Close() // it has another database selected: it must not go back to the pool
	ctx, cancel := context.WithTimeout(ctx, min(r.cfg.Timeout, 5*time.Second))
	defer cancel()
	info, err := conn.Do(ctx, conn.B().Info().Section("keyspace").Build()).ToString()
	if err != nil {
		return nil, fmt.Errorf("cannot list databases: %w", err)
	}
	for _, db := range databasesIn(info) {
		if db == r.cfg.DB || len(databases) == mostDatabases {
			continue
		}
		if err := conn.Do(ctx, conn.B().Select().Index(int64(db)).Build()).Error(); err != nil {
			return nil, fmt.Errorf("cannot select database %d: %w", db, err)
		}
		there, err := conn.Do(ctx, conn.B().Exists().Key(r.keys.history(room)).Build()).AsBool()
		if err != nil {
			return nil, fmt.Errorf("cannot look into database %d: %w", db, err)
		}
		if there {
			databases = append(databases, db)
		}
	}
	return databases, nil
}

// databasesIn are those that INFO names: the ones with keys.
func databasesIn(info string) (databases []int) {
	for line := range strings.Lines(info) {
		name, _, _ := strings.Cut(line, ":")
		if db, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err == nil && strings.HasPrefix(name, "db") {
			databases = append(databases, db)
		}
	}
	slices.Sort(databases)
	return databases[:min(len(databases), mostDatabases+1)]
}
