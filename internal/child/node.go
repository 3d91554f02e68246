package child

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"barrage/internal/cli"
	"barrage/internal/env"
)

// listenPatience is how long a node may take to listen. A node opens its ports first, so only a machine that is full of
// other work takes more than a second.
const listenPatience = 20 * time.Second

// StartNode starts a program of this project that listens, as [Start] does. Once the program has reported where it
// listens, StartNode returns that. The program's admin port reports when it is ready, too. cmd.Env is all of its
// environment, cmd.ExtraFiles are StartNode's own. A program that does not listen when ctx or listenPatience ends is
// killed, and has ended when the error comes.
func StartNode(ctx context.Context, cmd *exec.Cmd) (ready cli.Ready, ended <-chan struct{}, err error) {
	tells, says, err := os.Pipe()
	if err != nil {
		return ready, nil, fmt.Errorf("cannot start a node: %w", err)
	}
	defer func() { _ = tells.Close() }() // its content was read
	cmd.ExtraFiles = []*os.File{says}
	cmd.Env = append(cmd.Env, env.ReadyFD+"=3") // the first of ExtraFiles
	ended, err = Start(cmd)
	_ = says.Close() // the node has its own
	if err != nil {
		return ready, nil, fmt.Errorf("cannot start a node: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, listenPatience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	if ready, err = cli.ReadReady(tells); err != nil {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
		return ready, ended, fmt.Errorf("cannot use the node: %w", err)
	}
	return ready, ended, nil
}
