package child

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestStartNode_WhatDoesNotListenHasEnded(t *testing.T) {
	for _, c := range []struct {
		says, want string
		within     time.Duration
	}{
		{"", "without a report of where", time.Minute},
		{"echo nonsense >&3", "cannot read where", time.Minute},
		{"exec sleep 1000", "without a report of where", 50 * time.Millisecond},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), c.within)
		defer cancel()
		cmd := exec.Command("sh", "-c", c.says)
		_, ended, err := StartNode(ctx, cmd)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want that it ended %s it listens", c.says, err, c.want)
		}
		select {
		case <-ended:
		default:
			t.Errorf("%q has not ended", c.says)
		}
	}
	if _, ended, err := StartNode(t.Context(), exec.Command("/nowhere/at/all")); err == nil || ended != nil {
		t.Errorf("a program that is not there starts: %v", err)
	}
}

func TestStartNode_SaysWhereItListens(t *testing.T) {
	cmd := exec.Command("sh", "-c", `echo '{"public":"127.0.0.1:1","admin":"127.0.0.1:2"}' >&3; echo "$A" | grep -q b`)
	cmd.Env = []string{"A=b"}
	ready, ended, err := StartNode(t.Context(), cmd)
	if err != nil || ready.Public != "127.0.0.1:1" || ready.Admin != "127.0.0.1:2" {
		t.Errorf("%+v, %v; want where it listens", ready, err)
	}
	if <-ended; cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("%v; want its own environment kept", cmd.ProcessState)
	}
}
