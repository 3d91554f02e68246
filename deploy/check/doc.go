// Package check tests what of deploy needs large libraries: the packages, the image, the chart. It is a module of its
// own, so that the program's does not grow.
package check
