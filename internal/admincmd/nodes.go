package admincmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"barrage/internal/cli"
)

// This file has the commands about nodes.

// nodeInfo is a node as the admin port has it.
type nodeInfo struct {
	Node           string  `json:"node"`
	Host           string  `json:"host"`
	Address        string  `json:"address"`
	Admin          string  `json:"admin"`
	Version        string  `json:"version"`
	Config         string  `json:"config"`
	Started        int64   `json:"started"`
	At             int64   `json:"at"`
	State          string  `json:"state"`
	Why            string  `json:"why"`
	Connections    int     `json:"connections"`
	MaxConnections int     `json:"max_connections"`
	Rooms          int64   `json:"rooms"`
	Members        int64   `json:"members"`
	Received       float64 `json:"received_per_s"`
	Sent           float64 `json:"sent_per_s"`
	LogLevel       string  `json:"log_level"`
}

// reach is how much of the nodes an answer is put together from.
type reach struct {
	Silent []string `json:"silent"`
	Note   string   `json:"note"`
}

// write writes what is missing.
func (p *reach) write(out io.Writer) error {
	var err error
	if p.Note != "" {
		_, err = fmt.Fprintln(out, cli.Plain(p.Note))
	}
	if len(p.Silent) > 0 {
		_, err = fmt.Fprintln(out, cli.Plain("without an answer of "+strings.Join(p.Silent, ", ")))
	}
	return err
}

// nodeList is the answer of GET /v1/admin/nodes.
type nodeList struct {
	Nodes []nodeInfo `json:"nodes"`
	Self  string     `json:"self"`
	reach
}

// nodePath is the path of a call about a node.
func nodePath(node, rest string) string { return "/v1/admin/nodes/" + segment(node) + rest }

// fleet are the commands about nodes.
func (p *program) fleet() []*cobra.Command {
	return []*cobra.Command{p.nodes(), p.node(), p.drain(), p.undrain(), p.logLevel(), p.config(), p.reload(), p.rebalance()}
}

func (p *program) nodes() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "nodes",
		Short: "Show all nodes, as they are now",
		Long: `Show all nodes. IN/S are messages of clients a second, SENT/S copies of messages to members. CONFIG is a hash
of a node's settings: nodes with the same have the same. A silent node lives, or did half a minute
ago, and has not answered: the rest is what it reported last. A key needs "ops" for this and all about nodes.`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd, call{doing: "list nodes", method: http.MethodGet, path: "/v1/admin/nodes"}, p.writeNodes)
		},
	})
}

func (p *program) writeNodes(out io.Writer, answer []byte) error {
	var all nodeList
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	g := newGrid(out, "NODE", "HOST", "ADDRESS", "STATE", "CONNECTIONS", "ROOMS", "IN/S", "SENT/S", "UP", "CONFIG", "VERSION")
	for _, n := range all.Nodes {
		g.row(n.Node, n.Host, n.Address, n.State, fmt.Sprint(n.Connections), fmt.Sprint(n.Rooms), perSecond(n.Received), perSecond(n.Sent),
			p.up(n.Started), n.Config, n.Version)
	}
	if err := g.w.Flush(); err != nil {
		return err
	}
	return all.write(out)
}

// perSecond is a rate in few characters.
func perSecond(rate float64) string {
	switch {
	case rate >= 1e6:
		return fmt.Sprintf("%.1fM", rate/1e6)
	case rate >= 10_000:
		return fmt.Sprintf("%.0fk", rate/1e3)
	case rate == float64(int64(rate)), rate >= 100:
		return fmt.Sprintf("%.0f", rate)
	}
	return fmt.Sprintf("%.1f", rate)
}

// up is how long a node has been there.
func (p *program) up(started int64) string {
	d := p.now().Sub(time.UnixMilli(started))
	switch {
	case d < 0:
		return "0s"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func (p *program) node() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     "node NODE",
		Short:   "Show one node",
		Long:    `Show one node: NODE is a name that "nodes" shows, or self, the node that is asked.`,
		Example: "  barrage admin node self",
		Args:    arguments("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("show node %q", args[0]), method: http.MethodGet, path: nodePath(args[0], "")}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error {
				var n nodeInfo
				if err := json.Unmarshal(answer, &n); err != nil {
					return fmt.Errorf("cannot read the answer: %w", err)
				}
				g := newGrid(out)
				g.row("node", n.Node)
				g.row("host", n.Host)
				g.row("listens on", n.Address)
				g.row("admin port", n.Admin)
				g.row("state", strings.TrimSpace(n.State+" "+n.Why))
				g.row("connections", fmt.Sprintf("%d of %d", n.Connections, n.MaxConnections))
				g.row("rooms", fmt.Sprint(n.Rooms))
				g.row("members", fmt.Sprint(n.Members))
				g.row("messages in", perSecond(n.Received)+" a second")
				g.row("copies sent", perSecond(n.Sent)+" a second")
				g.row("started", at(n.Started))
				g.row("log level", n.LogLevel)
				g.row("config", n.Config)
				g.row("version", n.Version)
				return g.w.Flush()
			})
		},
	})
}

func (p *program) drain() *cobra.Command {
	var over period
	var force bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Send the clients of a node to the others",
		Long: `Have a node take no clients any more, and close its sockets over a time: clients come back elsewhere.
Its /readyz says so to balancers. The process stays; "undrain" has it take clients again. The command
asks first, see --yes. NODE is a name that "nodes" shows, or self. One node drains at a time.`,
		Example: `  barrage admin drain self --over 60s --yes
  barrage admin drain 7QJ5M2WD3K8A`,
		Args: arguments("NODE"),
	}
	cmd.Flags().Var(&over, "over", "the time over which sockets are closed, as 60s (default: the node's server.drain_spread)")
	cmd.Flags().BoolVar(&force, "force", false, "also while another node sends its clients away")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		doing := fmt.Sprintf("drain node %q", args[0])
		if err := p.confirm(cmd, doing, fmt.Sprintf("Send all clients of node %q away?", args[0])); err != nil {
			return err
		}
		c := call{doing: doing, method: http.MethodPost, path: nodePath(args[0], "/drain")}
		c.query = url.Values{}
		if over > 0 {
			c.query.Set("over", time.Duration(over).String())
		}
		if force {
			c.query.Set("force", "true")
		}
		return p.run(cmd, c, writeState)
	}
	return p.asking(cmd)
}

func (p *program) undrain() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:     "undrain NODE",
		Short:   "Have a node take clients again",
		Example: "  barrage admin undrain self",
		Args:    arguments("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.run(cmd, call{doing: fmt.Sprintf("undrain node %q", args[0]), method: http.MethodPost, path: nodePath(args[0], "/undrain")}, writeState)
		},
	})
}

// writeState writes how a node is now.
func writeState(out io.Writer, answer []byte) error {
	var n nodeInfo
	if err := json.Unmarshal(answer, &n); err != nil {
		return fmt.Errorf("cannot read the answer: %w", err)
	}
	connections := "connections"
	if n.Connections == 1 {
		connections = "connection"
	}
	return say(fmt.Sprintf("node %s is %s, and has %d %s", n.Node, n.State, n.Connections, connections))(out, nil)
}

func (p *program) logLevel() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "log-level NODE [LEVEL]",
		Short: "Show or change what a node logs",
		Long:  `Show from which level on a node logs, or change it until the node ends: debug, info, warn or error.`,
		Example: `  barrage admin log-level self
  barrage admin log-level self debug`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return arguments("NODE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c := call{doing: fmt.Sprintf("read the log level of node %q", args[0]), method: http.MethodGet, path: nodePath(args[0], "/log-level")}
			if len(args) == 2 {
				c.doing = fmt.Sprintf("change the log level of node %q", args[0])
				c.method, c.body = http.MethodPut, map[string]string{"level": args[1]}
			}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error {
				var is struct {
					Level string `json:"level"`
				}
				if err := json.Unmarshal(answer, &is); err != nil {
					return fmt.Errorf("cannot read the answer: %w", err)
				}
				return say(is.Level)(out, nil)
			})
		},
	})
}

func (p *program) rebalance() *cobra.Command {
	var rate, over string
	var dry bool
	cmd := &cobra.Command{
		Use:   "rebalance",
		Short: "Have nodes with more clients than others send some away",
		Long: `Have each node that has more than --over times the mean close the sockets above that, the youngest first, --rate of
them. Clients come back where the balancer has them, and resume. After a scale-up nothing moves by itself. A balancer
with least_conn brings them to the nodes that have few. The command asks first, see --yes and --dry-run.`,
		Example: `  barrage admin rebalance --dry-run
  barrage admin rebalance --rate 500/s --over 1.2 --yes`,
		Args: cli.NoArguments,
	}
	cmd.Flags().StringVar(&rate, "rate", "200/s", "sockets that each node closes a second, up to 2000/s")
	cmd.Flags().StringVar(&over, "over", "1.1", "above how many times the mean a node has too many clients")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show how many clients each node would send away")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c := call{doing: "rebalance nodes", method: http.MethodPost, path: "/v1/admin/nodes/rebalance", query: url.Values{"rate": {rate}, "over": {over}}}
		if dry {
			c.query.Set("dry", "true")
		} else if err := p.confirm(cmd, c.doing, "Have nodes with many clients send some of them away?"); err != nil {
			return err
		}
		return p.run(cmd, c, func(out io.Writer, answer []byte) error {
			var is struct {
				Mean  float64 `json:"mean"`
				Nodes []struct {
					Node        string `json:"node"`
					Connections int    `json:"connections"`
					Moves       int    `json:"moves"`
					Note        string `json:"note"`
				} `json:"nodes"`
				reach
			}
			if err := json.Unmarshal(answer, &is); err != nil {
				return fmt.Errorf("cannot read the answer: %w", err)
			}
			g := newGrid(out, "NODE", "CONNECTIONS", "SENDS AWAY", "NOTE")
			for _, n := range is.Nodes {
				g.row(n.Node, fmt.Sprint(n.Connections), fmt.Sprint(n.Moves), n.Note)
			}
			if err := g.w.Flush(); err != nil {
				return err
			}
			if err := say(fmt.Sprintf("mean %v connections", is.Mean))(out, nil); err != nil {
				return err
			}
			return is.write(out)
		})
	}
	return p.asking(cmd)
}

func (p *program) reload() *cobra.Command {
	return p.remote(&cobra.Command{
		Use:   "reload [NODE]",
		Short: "Have a node read its configuration anew",
		Long: `Have a node read its config file anew, and the files that it names: lists of terms, public keys, server keys. Where
anything is wrong, or only a new start changes it, the node says so and changes nothing. "barrage config check --against"
says before what would come of it. NODE is a name that "nodes" shows; without it, it is the node that is asked.
A node does the same at SIGHUP.`,
		Example: `  barrage admin reload
  barrage admin reload 7QJ5M2WD3K8A`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return arguments("NODE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			node := "self"
			if len(args) > 0 {
				node = args[0]
			}
			c := call{doing: fmt.Sprintf("reload node %q", node), method: http.MethodPost, path: nodePath(node, "/reload")}
			return p.run(cmd, c, func(out io.Writer, answer []byte) error {
				var is struct {
					Node    string   `json:"node"`
					Hash    string   `json:"hash"`
					Changed []string `json:"changed"`
				}
				if err := json.Unmarshal(answer, &is); err != nil {
					return fmt.Errorf("cannot read the answer: %w", err)
				}
				changed := "no setting changed"
				if len(is.Changed) > 0 {
					changed = "changed " + strings.Join(is.Changed, ", ")
				}
				return say(fmt.Sprintf("node %s has read its configuration: %s; hash %s", is.Node, changed, is.Hash))(out, nil)
			})
		},
	})
}

// Setting is a setting that a node runs with.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"` // as config.yaml has it; *** in the place of a secret
	From  string `json:"from"`  // default, file, or environment
}

// Settings asks the node whose admin port is at server for its name and its settings. The key is that of the
// environment.
func Settings(ctx context.Context, environ []string, server string) (node string, settings []Setting, err error) {
	p := &program{env: lookup(environ), server: server, output: cli.OutputJSON}
	n, err := p.connect(io.Discard)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := n.do(ctx, call{doing: "read the settings of the node at " + n.server, method: http.MethodGet, path: nodePath("self", "/config")})
	if err != nil {
		return "", nil, err
	}
	var all struct {
		Node     string    `json:"node"`
		Settings []Setting `json:"settings"`
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return "", nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	return all.Node, all.Settings, nil
}

func (p *program) config() *cobra.Command {
	var changed bool
	cmd := &cobra.Command{
		Use:   "config NODE",
		Short: "Show the settings that a node runs with",
		Long: `Show the settings that a node runs with, where each comes from, and their hash. Secrets are ***, and
not in the hash.`,
		Example: "  barrage admin config self --changed",
		Args:    arguments("NODE"),
	}
	cmd.Flags().BoolVar(&changed, "changed", false, "only those that are not the default")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c := call{doing: fmt.Sprintf("read the settings of node %q", args[0]), method: http.MethodGet, path: nodePath(args[0], "/config")}
		return p.run(cmd, c, func(out io.Writer, answer []byte) error {
			var all struct {
				Hash     string    `json:"hash"`
				Settings []Setting `json:"settings"`
			}
			if err := json.Unmarshal(answer, &all); err != nil {
				return fmt.Errorf("cannot read the answer: %w", err)
			}
			g := newGrid(out, "SETTING", "VALUE", "FROM")
			for _, s := range all.Settings {
				if !changed || s.From != "default" {
					g.row(s.Key, s.Value, s.From)
				}
			}
			if err := g.w.Flush(); err != nil {
				return err
			}
			return say("hash "+all.Hash)(out, nil)
		})
	}
	return p.remote(cmd)
}
