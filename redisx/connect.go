package redisx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/redis/rueidis"

	"barrage/internal/once"
)

// How the connections behave. With these a Redis that hangs is noticed after at most
// 2*keepAlive + writeTimeout = 2.8 s, one that is gone at once.
const (
	dialTimeout  = time.Second
	keepAlive    = 400 * time.Millisecond
	writeTimeout = 2 * time.Second
	// flushDelay lets the pipeline gather: at 128 goroutines 696k instead of 191k
	// commands a second, at 100us 188k (measured on 2 cores, loopback).
	flushDelay = 20 * time.Microsecond
	// topologyEvery is how often sentinels and clusters are asked who is who, besides when something has changed: the
	// notification of that may be lost.
	topologyEvery = 5 * time.Second
	// clusterBuffer is each buffer of a connection to a node of a cluster. There are many
	// of them; rueidis would take 512 KiB.
	clusterBuffer = 64 << 10
	// cacheBytes bounds the tokens that a connection remembers; Redis notifies the node when one of them changes. The
	// default of rueidis is the same; the oldest go first, and are asked for again.
	cacheBytes = 128 << 20
)

// connect makes a client that has reached somebody. Only watch calls it.
func (r *Redis) connect() (rueidis.Client, error) {
	option, err := r.cfg.options("barrage-" + r.node)
	if err != nil {
		return nil, &unfitError{err.Error()}
	}
	try := attempt{tls: r.cfg.tls}
	option.DialCtxFn = try.dial
	option.OnInvalidations = r.knownChanged
	client, err := rueidis.NewClient(option)
	if err == nil && r.keys.tagged && client.Mode() != rueidis.ClientModeCluster {
		err = &unfitError{"it is no cluster: set redis.mode to standalone"}
	}
	if !r.cfg.TLS && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		err = &unfitError{"it closes the connection at once: if it wants TLS, see redis.tls"}
	}
	try.end(err == nil)
	if err != nil && client != nil {
		client.Close()
	}
	if err != nil {
		return nil, err
	}
	return client, nil
}

// options are what rueidis must know; name is how Redis knows us. They read the files of
// TLS.
func (c Config) options(name string) (rueidis.ClientOption, error) {
	secure, err := c.tls()
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	o := rueidis.ClientOption{
		InitAddress:      slices.Clone(c.Addrs), // ShuffleInit writes to it.
		Username:         c.Username,
		Password:         c.Password,
		SelectDB:         c.DB,
		ClientName:       name,
		TLSConfig:        secure,
		Dialer:           dialer,
		AlwaysPipelining: true,
		DisableRetry:     true,
		MaxFlushDelay:    flushDelay,
		ConnWriteTimeout: writeTimeout,
		// One connection to each Redis: SetToken relies on the order of its answers.
		PipelineMultiplex: -1,
		CacheSizeEachConn: cacheBytes,
	}
	switch c.Topology() {
	case modeStandalone:
		o.ForceSingleClient = true
	case modeSentinel:
		o.Sentinel = rueidis.SentinelOption{
			MasterSet:               c.SentinelMaster,
			Username:                c.SentinelUsername,
			Password:                c.SentinelPassword,
			ClientName:              o.ClientName,
			TLSConfig:               secure,
			Dialer:                  dialer,
			TopologyRefreshInterval: topologyEvery,
		}
	case modeCluster:
		o.ShuffleInit = true
		o.ReadBufferEachConn, o.WriteBufferEachConn = clusterBuffer, clusterBuffer
		o.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: topologyEvery, MaxMovedRedirections: 8}
	}
	return o, nil
}

// CheckFiles reads the files that the configuration names; the error has the key of the first that is no use.
func (c Config) CheckFiles() error {
	_, err := c.tls()
	return err
}

// tls is nil without TLS.
func (c Config) tls() (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	t := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.TLSServerName,
		InsecureSkipVerify: c.TLSInsecureSkipVerify,
	}
	if c.TLSCAFile != "" {
		pem, err := os.ReadFile(c.TLSCAFile)
		if err != nil {
			return nil, fmt.Errorf("redis.tls_ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis.tls_ca_file: no certificate in %s", c.TLSCAFile)
		}
	}
	if c.TLSCertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile)
		if err != nil {
			return nil, fmt.Errorf("redis.tls_cert_file, redis.tls_key_file: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

// linkKind is that of all links of the store.
func (r *Redis) linkKind(dial func() (rueidis.DedicatedClient, func(), error)) linkKind {
	return linkKind{
		dial:    dial,
		probes:  probeChannel(probeOf(r.node, "")),
		deliver: func(m rueidis.PubSubMessage) { r.inbox.put(m) },
	}
}

// dialAny acquires a connection to the one Redis there is, or to any node of a cluster:
// each gets all that is published.
func (r *Redis) dialAny() (rueidis.DedicatedClient, func(), error) {
	if !r.client.contact.Load() {
		return nil, nil, errNotYet
	}
	if !r.keys.tagged {
		conn, release := r.client.Dedicate()
		return conn, release, nil
	}
	nodes := slices.Collect(maps.Values(r.client.Nodes()))
	if len(nodes) == 0 {
		return nil, nil, errors.New("no node of the cluster is known")
	}
	conn, release := nodes[rand.IntN(len(nodes))].Dedicate()
	return conn, release, nil
}

// dialMaster acquires a connection to one node of a cluster.
func (r *Redis) dialMaster(addr string) (rueidis.DedicatedClient, func(), error) {
	node := r.client.Nodes()[addr]
	if node == nil {
		return nil, nil, fmt.Errorf("node %s of the cluster is not known yet", addr)
	}
	conn, release := node.Dedicate()
	return conn, release, nil
}

// newSharding is what sharded pub/sub needs of the store.
func (r *Redis) newSharding() *sharding {
	open := func(addr, probe string) *link {
		kind := r.linkKind(func() (rueidis.DedicatedClient, func(), error) { return r.dialMaster(addr) })
		kind.slotOf = r.slotOf
		kind.remap = func() { r.subs.askMap() }
		return newLink(kind, probe, r.cfg.Timeout)
	}
	return &sharding{
		node:       r.node,
		timeout:    r.cfg.Timeout,
		slotOf:     r.slotOf,
		open:       open,
		probe:      func(ctx context.Context, l *link) error { return r.probe(ctx, l, "SPUBLISH") },
		read:       r.readSlots,
		wake:       once.NewSignal(),
		unassigned: newLink(linkKind{}, probeOf(r.node, "unassigned"), r.cfg.Timeout),
		shards:     make(map[string]shard),
	}
}
