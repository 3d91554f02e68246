// Package deploy has what a node is run with: units of systemd, packages, an image, configurations of proxies, a chart
// for Kubernetes, a dashboard and alerts. There is no code here but tests, which hold all of that against the program
// and against the tools that read it. What needs large libraries is tested in check, a module of its own.
package deploy
