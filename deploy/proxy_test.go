package deploy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"barrage/internal/child"
	"barrage/internal/redistest"
)

// This file runs the proxies of deploy/proxy before two nodes, which are restarted one after the other while people
// watch and write.

var (
	viewers = flag.Int("viewers", 100, "how many `people` watch behind each proxy")
	rate    = flag.Int("rate", 20, "how many messages a `second` they see")
	spread  = flag.Duration("spread", time.Second, "the `time` over which a node sends its clients away")
)

// proxy is a program before two nodes.
type proxy struct {
	name  string
	local int // the third byte of the nodes' addresses in 127.0.0.0/8, one for each proxy
	// files are below dir; start is a command line.
	files map[string]string
	check func(dir string) []string
	start func(dir string) []string
}

// proxies are those of deploy/proxy. Each is given the ports that 80 and 443 stand for.
var proxies = []proxy{
	{
		"nginx", 11,
		map[string]string{"nginx.conf": "nginx.conf"},
		func(dir string) []string { return []string{"nginx", "-t", "-p", dir, "-c", dir + "/nginx.conf"} },
		func(dir string) []string {
			return []string{"nginx", "-p", dir, "-c", dir + "/nginx.conf", "-g", "daemon off;"}
		},
	},
	{
		"haproxy", 12,
		map[string]string{"haproxy.cfg": "haproxy.cfg"},
		func(dir string) []string { return []string{"haproxy", "-c", "-f", dir + "/haproxy.cfg"} },
		func(dir string) []string { return []string{"haproxy", "-db", "-f", dir + "/haproxy.cfg"} },
	},
	{
		"caddy", 13,
		map[string]string{"Caddyfile": "Caddyfile"},
		func(dir string) []string {
			return []string{"caddy", "validate", "--adapter", "caddyfile", "--config", dir + "/Caddyfile"}
		},
		func(dir string) []string {
			return []string{"caddy", "run", "--adapter", "caddyfile", "--config", dir + "/Caddyfile"}
		},
	},
	{
		"envoy", 14,
		map[string]string{"envoy.yaml": "envoy.yaml"},
		func(dir string) []string { return []string{"envoy", "--mode", "validate", "-c", dir + "/envoy.yaml"} },
		func(dir string) []string {
			return []string{"envoy", "--disable-hot-restart", "-l", "warning", "-c", dir + "/envoy.yaml"}
		},
	},
}

// site is a proxy that runs before two nodes.
type site struct {
	t     *testing.T
	plain string // host:port of the proxy
	tls   string // of the same, by TLS; empty where it makes its certificates itself
	nodes [2]*node
	start [2]func() *node
}

// startSite starts Redis, two nodes and a proxy before them. settings are further ones of the nodes; change may change
// the proxy's configuration.
func startSite(t *testing.T, p *proxy, change *strings.Replacer, settings ...string) *site {
	t.Helper()
	tool(t, p.name)
	s := &site{t: t, plain: freeAddr(t)}
	redis, public, admin := redistest.Start(t), portOf(freeAddr(t)), portOf(freeAddr(t))
	settings = append([]string{
		"redis.addrs=" + redis.Addr, "server.trusted_proxies=127.0.0.1/32", "server.drain_timeout=" + (4 * *spread).String(), "server.drain_spread=" + spread.String(),
	}, settings...)
	for i := range s.nodes {
		host := fmt.Sprintf("127.0.%d.%d", p.local, 11+i)
		s.start[i] = func() *node {
			return startNode(t, append(settings, "server.listen="+host+":"+public, "admin.listen="+host+":"+admin)...)
		}
		s.nodes[i] = s.start[i]()
	}

	dir := t.TempDir()
	noError(t, os.Chmod(dir, 0o755)) // nginx' workers are nobody
	secure := freeAddr(t)
	cert, key := selfSigned(t, dir)
	both, err := os.ReadFile(cert)
	noError(t, err)
	private, err := os.ReadFile(key)
	noError(t, err)
	noError(t, os.WriteFile(dir+"/barrage.pem", append(both, private...), 0o600))
	for from, to := range p.files {
		text, err := os.ReadFile("proxy/" + from)
		noError(t, err)
		whole := strings.NewReplacer(
			envoy("10.0.0.11:9000"), envoy(s.nodes[0].addr), envoy("10.0.0.12:9000"), envoy(s.nodes[1].addr), "port_value: 9001", "port_value: "+admin,
			envoy("0.0.0.0:80"), envoy(s.plain), envoy("0.0.0.0:443"), envoy(secure),
			"10.0.0.11:9000", s.nodes[0].addr, "10.0.0.12:9000", s.nodes[1].addr, "port 9001", "port "+admin, "health_port 9001", "health_port "+admin,
			"listen 80;", "listen "+s.plain+";", "listen 443 ssl", "listen "+secure+" ssl", "bind :80", "bind "+s.plain, "bind :443", "bind "+secure,
			":80 {", "{\n\tadmin off\n}\nhttp://"+s.plain+" {", "/var/log/nginx/error.log", dir+"/error.log", "/run/nginx.pid", dir+"/pid",
			"/etc/ssl/certs/barrage.pem", cert, "/etc/ssl/private/barrage.key", key, "/etc/haproxy/barrage.pem", dir+"/barrage.pem",
			"500000", "8000", "worker_rlimit_nofile 1048576;", "", // this machine has fewer files
		).Replace(string(text))
		if change != nil {
			whole = change.Replace(whole)
		}
		noError(t, os.WriteFile(filepath.Join(dir, to), []byte(whole), 0o644))
		if strings.Contains(whole, secure) || strings.Contains(whole, envoy(secure)) {
			s.tls = secure
		}
	}
	check := p.check(dir)
	run(t, check[0], check[1:]...)
	s.startProxy(p.start(dir), dir)
	return s
}

// envoy is host:port as Envoy has it.
func envoy(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return "{address: " + host + ", port_value: " + port + "}"
}

// startProxy runs the proxy until the test ends.
func (s *site) startProxy(line []string, dir string) {
	s.t.Helper()
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // by which it ends its workers, too
	log, err := os.Create(dir + "/proxy.log")
	noError(s.t, err)
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := child.Start(cmd)
	_ = log.Close() // the process has its own
	noError(s.t, err)
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if s.t.Failed() {
			text, _ := os.ReadFile(dir + "/proxy.log")
			s.t.Logf("%s: %.4000s", line[0], text)
		}
	})
	eventually(s.t, func() error {
		resp, err := http.Get("http://" + s.plain + "/v1/rooms/r") //nolint:noctx // it is bounded by eventually
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d; want 200", resp.StatusCode)
		}
		return nil
	})
}

// restart has a node leave and another one take its place.
func (s *site) restart(i int) {
	s.t.Helper()
	s.nodes[i].stop()
	s.nodes[i] = s.start[i]()
}

// speaker is somebody who writes, over HTTP.
type speaker struct {
	user, token string
	client      *http.Client
}

// speakers are people who have logged in over the proxy, each at an address of their own: each may send 5 messages a
// second.
func (s *site) speakers() (all [50]speaker) {
	s.t.Helper()
	for i := range all {
		p := &all[i]
		p.user = fmt.Sprintf("s%d", i)
		p.client = &http.Client{Timeout: patience, Transport: &http.Transport{
			DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 2, 0, byte(1+i))}}).DialContext,
		}}
		status, answer := p.post(s, "/v1/login", fmt.Sprintf(`{"user_id":%q,"password":"x"}`, p.user))
		var in struct{ Token string }
		if err := json.Unmarshal([]byte(answer), &in); err != nil || status != http.StatusOK {
			s.t.Fatalf("login: %d %s, %v", status, answer, err)
		}
		p.token, p.client.Timeout = in.Token, 3*time.Second // of one try of a message
	}
	return all
}

// post is the answer to a POST over the proxy, status 0 where there is none.
func (p *speaker) post(s *site, path, body string) (status int, answer string) {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.plain+path, strings.NewReader(body)) //nolint:noctx // the client has a bound
	noError(s.t, err)
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, string(text)
}

// speak posts messages over the proxy until ctx ends, so many a second, each until it is taken, and returns how many.
func (s *site) speak(ctx context.Context, all [50]speaker, perSecond int) (said int) {
	t := time.NewTicker(time.Second / time.Duration(perSecond))
	defer t.Stop()
	var posts sync.WaitGroup
	defer posts.Wait()
	for ; ; said++ {
		select {
		case <-ctx.Done():
			return said
		case <-t.C:
		}
		i := said
		posts.Go(func() { s.say(&all[i%len(all)], fmt.Sprintf("m%d", i)) })
	}
}

// say posts a message until it is taken.
func (s *site) say(p *speaker, body string) {
	const within = 30 * time.Second
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); <-again.C {
		status, answer := p.post(s, "/v1/rooms/r/messages?user_id="+p.user, fmt.Sprintf(`{"id":%q,"body":%[1]q}`, body))
		switch {
		case status == http.StatusCreated || status == http.StatusOK: // OK: it was there already
			return
		case status == 0 || status >= 500 || status == http.StatusTooManyRequests: // it comes again, under the same id
		default:
			s.t.Errorf("POST of %s: %d %s", body, status, answer)
			return
		}
	}
	s.t.Errorf("the message %s was not taken within %v", body, within)
}

// TestProxy_RollingRestartLosesNoMessage restarts two nodes behind each proxy one after the other, while people watch
// and write. No message is lost or comes twice, and nobody sees nothing for long. With -args -viewers=1000 -rate=50 it
// gives the figures of docs/deploy.md.
func TestProxy_RollingRestartLosesNoMessage(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			if *viewers <= 100 { // most of the time they wait; with more each has the machine to itself
				t.Parallel()
			}
			s := startSite(t, &p, nil, "server.lame_duck=1s") // so long HAProxy and Caddy take to ask
			ctx, stop := context.WithCancel(t.Context())
			var crowd sync.WaitGroup
			defer crowd.Wait()
			defer stop()
			all := make([]*viewer, *viewers)
			for i := range all {
				all[i] = &viewer{id: i, addr: s.plain, local: net.IPv4(127, 1, byte(i/250), byte(1+i%250)), times: map[string]int{}}
				crowd.Go(func() { all[i].watch(ctx) })
			}
			every := func(is func(*viewer) error) {
				t.Helper()
				eventually(t, func() error {
					for _, v := range all {
						v.mu.Lock()
						err := is(v)
						v.mu.Unlock()
						if err != nil {
							return fmt.Errorf("viewer %d: %w", v.id, err)
						}
					}
					return nil
				})
			}
			every(func(v *viewer) error { return differ("times they came in", v.comes, 1) })
			speaking, hush := context.WithCancel(t.Context())
			said := make(chan int, 1)
			people := s.speakers()
			go func() { said <- s.speak(speaking, people, *rate) }()
			every(func(v *viewer) error { return atLeast("messages", len(v.times), 1) })

			for i := range s.nodes {
				s.restart(i)
			}
			back := time.Now()
			every(func(v *viewer) error {
				if !v.last.After(back) {
					return fmt.Errorf("no message since the nodes are back, the last at %v", v.last)
				}
				return nil
			})
			hush()
			n := <-said
			every(func(v *viewer) error {
				if err := differ("messages", len(v.times), n); err != nil {
					return fmt.Errorf("%w; they\n%s", err, strings.Join(v.story, "\n"))
				}
				return nil
			})
			stop()
			crowd.Wait()
			report(t, p.name, all, n)
		})
	}
}

// report logs what the viewers saw, and fails where a message came twice, or somebody was in the dark for long.
func report(t *testing.T, name string, all []*viewer, n int) {
	t.Helper()
	var dark []time.Duration
	doubled, moved := 0, 0
	for _, v := range all {
		dark = append(dark, v.dark)
		before := doubled
		for _, times := range v.times {
			doubled += times - 1
		}
		if doubled > before {
			t.Logf("viewer %d had messages twice; they\n%s", v.id, strings.Join(v.story, "\n"))
		}
		if v.comes > 1 {
			moved++
		}
	}
	slices.Sort(dark)
	median, worst := dark[len(dark)/2].Round(10*time.Millisecond), dark[len(dark)-1].Round(10*time.Millisecond)
	t.Logf("| %s | %d viewers, %d messages/s | %d | 0 | %d | %v | %v |", name, len(all), *rate, n, doubled, median, worst)
	if doubled > 0 {
		t.Errorf("%d messages came twice", doubled)
	}
	if moved < len(all) {
		t.Errorf("%d of %d viewers had to come back; want all, since both nodes were restarted", moved, len(all))
	}
	// nginx' own max_fails gives 11s; a busy machine takes its time
	if *viewers <= 1000 && (median > 5*time.Second || worst > 9*time.Second) {
		t.Errorf("viewers saw nothing for %v, the worst for %v; want 5s and 9s at most", median, worst)
	}
}

func differ(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s: %d; want %d", what, got, want)
	}
	return nil
}

func atLeast(what string, got, want int) error {
	if got < want {
		return fmt.Errorf("%s: %d; want %d at least", what, got, want)
	}
	return nil
}

// TestProxy_RealAddressReachesTheNode has a node know a client's own address behind each proxy, by its header or the
// PROXY protocol. The node knows it also where the client names another one. The client comes in by TLS.
func TestProxy_RealAddressReachesTheNode(t *testing.T) {
	ways := map[string]struct {
		change   *strings.Replacer
		settings []string
	}{
		"header": {},
		"PROXY protocol": {
			strings.NewReplacer("default-server check", "default-server send-proxy-v2 check", "http-request set-header X-Forwarded-For", "#"),
			[]string{"server.proxy_protocol=true"},
		},
	}
	for _, p := range proxies {
		for way, w := range ways {
			if way != "header" && p.name != "haproxy" { // nginx and Caddy send it to nodes only as balancers of TCP
				continue
			}
			t.Run(p.name+" "+way, func(t *testing.T) {
				asked := make(chan string, 1)
				hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					var question struct{ Address string }
					_ = json.NewDecoder(r.Body).Decode(&question)
					asked <- question.Address
					_, _ = w.Write([]byte(`{"user_id":"alice"}`))
				}))
				defer hook.Close()
				s := startSite(t, &p, w.change, append(w.settings, "auth.mode=hook", "auth.connect_url="+hook.URL, "auth.connect_cache=0s")...)
				dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 3, 0, 7)}}
				client := &http.Client{Transport: &http.Transport{
					DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it is our own
				}}
				url := "ws://" + s.plain
				if s.tls != "" {
					url = "wss://" + s.tls
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				ws, _, err := websocket.Dial(ctx, url+"/v1/rooms/r/ws?user_id=alice&token=x", &websocket.DialOptions{ //nolint:bodyclose // coder/websocket closes it
					Subprotocols: []string{"barrage.v1"}, HTTPClient: client, HTTPHeader: http.Header{"X-Forwarded-For": {"192.0.2.1"}},
				})
				noError(t, err)
				defer func() { _ = ws.CloseNow() }()
				if got := <-asked; got != "127.3.0.7" {
					t.Errorf("the node takes %s for the client's address; want 127.3.0.7", got)
				}
			})
		}
	}
}
