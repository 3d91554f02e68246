// Package cli is what the commands of barrage share. It runs them, refuses a command line that makes no sense, and ends
// them at a signal. A started process reports by it where it listens.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
)

// Exit codes, beside 0.
const (
	ExitFailure = 1 // the command could not do its work
	ExitUsage   = 2 // the command line makes no sense
)

// Root makes cmd the program: [Run] prints its errors.
func Root(cmd *cobra.Command) *cobra.Command {
	cmd.Args, cmd.RunE = NoArguments, ShowHelp
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.SetHelpCommand(newHelp(cmd))
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return Misused(cmd, fmt.Sprintf("cannot read the command line: %v", err))
	})
	return cmd
}

// newHelp is the command that shows the help of another one. Cobra's own takes a name that there is not for a success.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Show the help of a command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			if cmd, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, below := range cmd.Commands() {
					names = append(names, below.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) == 0 {
				return cmd.Help()
			}
			if err != nil { // nothing below the root has that name
				cmd, rest = root, args
			}
			return NoArguments(cmd, rest)
		},
	}
}

// Run runs one command line of the program root and returns the exit code. An error is printed here and nowhere
// else.
func Run(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "%s: %v\n", root.Name(), err) // A closed stderr changes nothing: the exit code reports it.
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	return ExitFailure
}

// usageError is a command line that makes no sense to cmd.
type usageError struct {
	cmd  *cobra.Command
	text string
}

func (e usageError) Error() string {
	return fmt.Sprintf("%s (see %s --help)", e.text, e.cmd.CommandPath())
}

// Misused is the error of a command line that makes no sense to cmd. text says why.
func Misused(cmd *cobra.Command, text string) error { return usageError{cmd, text} }

// Outputs of commands: the values of their flag --output.
const (
	OutputTable = "table"
	OutputJSON  = "json"
)

// CheckOutput refuses what is none of the outputs.
func CheckOutput(cmd *cobra.Command, output string) error {
	if output == OutputTable || output == OutputJSON {
		return nil
	}
	return Misused(cmd, fmt.Sprintf("cannot print as %.64q: --output is %s or %s", output, OutputTable, OutputJSON))
}

// ShowHelp is what a command does that only has others below it.
func ShowHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// NoArguments refuses every argument, also an unknown command.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("cannot run %q: ", cmd.CommandPath()+" "+args[0])
	if !cmd.HasSubCommands() {
		return Misused(cmd, text+cmd.Name()+" takes no arguments")
	}
	text += "there is no such command"
	cmd.SuggestionsMinimumDistance = 2 // letters wrong; cobra's own default comes too late here
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		text += fmt.Sprintf("; did you mean %q?", meant[0])
	}
	return Misused(cmd, text)
}

// UntilSignal returns a context that the first SIGINT or SIGTERM ends. The second one ends the process. stop gives
// the signals back to the runtime.
func UntilSignal(parent context.Context, stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2) // Sent by the runtime, never closed; two, so that no signal is lost.
	stopped := make(chan struct{})     // Closed by stop.
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // Ended by stop, or with the process; nobody waits, for it holds nothing.
		for {
			select {
			case <-stopped:
				return
			case <-signals:
			}
			if ctx.Err() != nil {
				_, _ = fmt.Fprintln(stderr, "barrage: cannot end in good order: a second signal came")
				os.Exit(ExitFailure) //nolint:forbidigo // a second signal waits for nothing
			}
			cancel()
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}

// Plain is text of a stranger for a terminal: quoted if it has control characters or invisible ones.
func Plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}
