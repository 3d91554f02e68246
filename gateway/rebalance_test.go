package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"barrage/codec"
	"barrage/gateway/fleet"
)

// The youngest go first, at their rate, native ones with a reconnect frame; messages sent to them arrive before.
func TestAdmin_RebalanceSendsTheYoungestFirst(t *testing.T) {
	s := newAdmin(t, manualCheck)
	var natives []*native
	for i := range 4 {
		natives = append(natives, joinV1(t, s, fmt.Sprint("u", i)))
		sessionOf(t, s, fmt.Sprint("u", i)).Came(uint32(i))
	}
	old := join(t, s, "r", "fastim") // and the youngest
	sessionOf(t, s, "fastim").Came(4)
	got := getAdmin[struct {
		Mean  float64
		Nodes []struct{ Connections, Moves int }
	}](t, s, http.MethodPost, "/v1/admin/nodes/rebalance", "")
	if len(got.Nodes) != 1 || got.Nodes[0].Connections != 5 || got.Nodes[0].Moves != 0 || got.Mean != 5 {
		t.Fatalf("rebalance of one node = %+v; want nobody moved", got)
	}
	if !s.edge.Exit.SendSome(3, 1000) {
		t.Fatal("nobody is sent away")
	}
	old.wantLeave()
	for _, n := range natives[2:] {
		if f := n.want("reconnect"); f.AfterMS != 0 || f.Reason == "" {
			t.Errorf("reconnect = %+v; want at once, and why", f)
		}
		n.wantClose(codec.CloseRestart)
	}
	eventually(t, func() error { return differ("connections", s.Sessions(), 2) })
	natives[0].send(`{"t":"send","id":"1","body":"still here"}`)
	natives[0].wantAll("ack", "batch")
	natives[1].want("batch")

	// One at a time; and none while the node leaves.
	if eventually(t, func() error {
		if !s.edge.Exit.SendSome(2, 0.01) {
			return errorf("the last one is not over")
		}
		return nil
	}); s.edge.Exit.SendSome(1, 1) {
		t.Error("two rebalances run at once")
	}
	natives[1].want("reconnect") // the first one at once
	if err := s.edge.Exit.StepAside(0, func() error { return nil }, func() {}); err != nil {
		t.Fatal(err)
	}
	natives[0].want("reconnect")
	if s.edge.Exit.SendSome(1, 1) {
		t.Error("a node that leaves rebalances")
	}
}

// While another node sends its clients away this one does not, unless it is forced to; it gives its lease back.
func TestAdmin_DrainsOneAtATime(t *testing.T) {
	s := newAdmin(t, nil)
	join(t, s, "r", "a")
	if _, err := s.store.TakeLease(t.Context(), "other", time.Hour); err != nil {
		t.Fatal(err)
	}
	const path = "/v1/admin/nodes/self/drain?over=0s"
	if status, text := callAdminWith(t, s, http.MethodPost, path, "", ""); status != 409 || !strings.Contains(text, "node other sends its clients away now") {
		t.Errorf("drain: %d %s; want that the other node does", status, text)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("a refused drain has the node not ready: %v", err)
	}
	getAdmin[fleet.Node](t, s, http.MethodPost, path+"&force=true", "")
	getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/undrain", "")
	if _, err := s.store.TakeLease(t.Context(), "other", 0); err != nil {
		t.Fatal(err)
	}
	join(t, s, "r", "b")
	getAdmin[fleet.Node](t, s, http.MethodPost, path, "")
	eventually(t, func() error {
		holder, err := s.fleet.Holder(t.Context())
		return firstOf(err, differ("whose turn it is", holder, ""), differ("connections", s.Sessions(), 0))
	})
	if s.edge.Exit.Draining() != true {
		t.Error("the node takes clients again by itself")
	}
}

// TestAdmin_DrainOfWhoHasGivenUpIsNotBegun: a call whose time is over drains nothing. Its lease could not be asked for,
// as while the store is away, and two nodes would send their clients away.
func TestAdmin_DrainOfWhoHasGivenUpIsNotBegun(t *testing.T) {
	s := newAdmin(t, nil)
	ended, end := context.WithCancel(t.Context())
	end()
	if n, err := fleet.One[fleet.Node](ended, s.fleet, "self", "drain", map[string]any{"aside": true}); err == nil {
		t.Errorf("the node is %+v; want that it does nothing", n)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("the node drains: %v", err)
	}
}

// TestDrain_StoppedAmidOneKeepsItsLease: a node that is stopped while it steps aside goes on with that until everybody
// is gone. Else another one could begin meanwhile, which has this one wait.
func TestDrain_StoppedAmidOneKeepsItsLease(t *testing.T) {
	s := newServer(t, nil)
	a, b := join(t, s, "r", "a"), join(t, s, "r", "b")
	eventually(t, func() error { return differ("handshakes under way", s.front.underWay.Load(), 0) })
	over := make(chan struct{})
	if err := s.edge.Exit.StepAside(time.Hour, func() error { return nil }, func() { close(over) }); err != nil {
		t.Fatal(err)
	}
	a.wantLeave() // one at once, the other one within the hour
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	b.wantLeave()
	if err := <-done; err != nil {
		t.Errorf("Drain: %v", err)
	}
	select {
	case <-over:
		t.Error("the drain was over, and its lease given back, before the node had left")
	default:
	}
	s.Close()
	<-over
}

// TestDrain_UndrainOfALameNodeLeavesItTheLease: a node that is about to leave, and is taken back from stepping aside
// just then, keeps the lease for its own end. Any other gives it back.
func TestDrain_UndrainOfALameNodeLeavesItTheLease(t *testing.T) {
	for _, lame := range []bool{false, true} {
		s := newAdmin(t, nil)
		a, b := join(t, s, "r", "a"), join(t, s, "r", "b")
		getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/drain?over=1h", "")
		a.wantLeave() // one at once, the other one within the hour
		want := ""
		if lame {
			s.edge.BeLame()
			want = s.edge.Hall.Node()
		}
		getAdmin[fleet.Node](t, s, http.MethodPost, "/v1/admin/nodes/self/undrain", "")
		if holder, err := s.fleet.Holder(t.Context()); err != nil || holder != want {
			t.Errorf("lame %v: %q has the lease, %v; want %q", lame, holder, err, want)
		}
		done := drain(t, s, patience)
		b.wantLeave()
		if err := <-done; err != nil {
			t.Errorf("lame %v: Drain = %v", lame, err)
		}
		if holder, err := s.fleet.Holder(t.Context()); err != nil || holder != "" {
			t.Errorf("lame %v: %q has the lease after all, %v", lame, holder, err)
		}
	}
}

// A node that leaves is not ready, takes clients for server.lame_duck, and lets another one finish first.
func TestDrain_LameDuckLetsTheOtherNodeFinishFirst(t *testing.T) {
	s := newServer(t, func(c *setup) { c.Server.LameDuck = 50 * time.Millisecond })
	a := join(t, s, "r", "a")
	if _, err := s.store.TakeLease(t.Context(), "other", time.Hour); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Drain(t.Context()) }()
	eventually(t, func() error { return differ("lame", s.edge.Exit.Lame(), true) })
	if s.Ready() == nil || s.self().State != fleet.Draining {
		t.Errorf("ready = %v, state %s; want a node that leaves", s.Ready(), s.self().State)
	}
	b := join(t, s, "r", "b") // as long as the other node has the lease
	b.say("one")
	a.wantInfo("one")
	if s.edge.Exit.Draining() {
		t.Fatal("the node has not let the other one finish")
	}
	if _, err := s.store.TakeLease(t.Context(), "other", 0); err != nil {
		t.Fatal(err)
	}
	a.wantLeave()
	b.wantLeave()
	if err := <-done; err != nil {
		t.Errorf("Drain: %v", err)
	}
	if holder, err := s.fleet.Holder(t.Context()); holder != "" || err != nil {
		t.Errorf("after the drain %q has the lease, %v; want none", holder, err)
	}
}
