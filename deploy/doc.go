// Package deploy has what a node is run with: units of systemd, packages, an image and configurations of proxies. It
// also has a chart for Kubernetes, a dashboard and alerts. There is no code here but tests, which hold all of that
// against the program and against the tools that read it. The parts that need large libraries are tested in check, a
// module of its own.
package deploy

import _ "embed" // the files that "barrage init" writes

// Compose is compose.yaml, and Unit the unit of systemd: as they stand here.
var (
	//go:embed docker/compose.yaml
	Compose string
	//go:embed systemd/barrage.service
	Unit string
)
