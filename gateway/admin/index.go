package admin

import (
	"html/template"
	"net/http"
)

// indexPage is what the admin port answers a browser. Its links are relative, so that it may stand behind a prefix.
var indexPage = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>barrage {{.Node}}</title>
<style>body{font:15px/1.6 system-ui,sans-serif;max-width:44em;margin:2em auto;padding:0 1em}code{font-size:14px}td{padding:0 1em 0 0;vertical-align:top}</style>
<h1>Node {{.Node}}</h1>
<p>{{.State}}{{with .Why}}: {{.}}{{end}}{{if not .Keyed}} · {{.Connections}} connections · {{.Rooms}} rooms · {{.Version}}{{end}}</p>
<table>
<tr><td><a href="console">console</a><td>the page that moderators work with
<tr><td><a href="readyz">readyz</a><td>whether new clients should come here
<tr><td><a href="healthz">healthz</a><td>whether it does its work
<tr><td><a href="metrics">metrics</a><td>for Prometheus
<tr><td><a href="v1/admin/nodes">v1/admin/nodes</a><td>all nodes
<tr><td><a href="v1/admin/rooms">v1/admin/rooms</a><td>live rooms of all nodes
<tr><td><a href="rooms">rooms</a><td>live rooms of this node, with their accounts
<tr><td><a href="v1/admin/nodes/self/config">v1/admin/nodes/self/config</a><td>the settings of this node
<tr><td><a href="debug/pprof/">debug/pprof</a><td>Go's profiles
<tr><td><a href="v1/admin/openapi.yaml">v1/admin/openapi.yaml</a><td>every call, described
</table>
<p>{{if .Keyed}}The console asks for a server key. What else is about rooms and nodes wants one as a header: use <code>barrage admin</code>.
{{else}}On the command line: <code>barrage admin nodes</code>, <code>barrage top</code>, <code>barrage admin --help</code>.{{end}}
`))

// index serves GET / of the admin port.
func (p *Port) index(w http.ResponseWriter, _ *http.Request) {
	n := p.Fleet.Self() // a caller who needs a key receives no more than readyz sends
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	page := struct {
		Node, Version, State, Why string
		Connections               int
		Rooms                     int64
		Keyed                     bool
	}{n.Node, n.Version, n.State, n.Why, n.Connections, n.Rooms, p.keys != nil}
	_ = indexPage.Execute(w, page) // the client has gone
}
