package child

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestStartNode_WhatDoesNotListenHasEnded(t *testing.T) {
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, c := range []struct {
		ctx        context.Context
		says, want string
	}{
		{t.Context(), "", "without saying where"},
		{t.Context(), "echo nonsense >&3", "cannot read where"},
		{soon, "exec sleep 1000", "without saying where"},
	} {
		cmd := exec.Command("sh", "-c", c.says)
		_, ended, err := StartNode(c.ctx, cmd)
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
