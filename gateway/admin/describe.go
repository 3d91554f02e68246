package admin

import (
	_ "embed" // openapi.yaml
	"net/http"
)

//go:embed openapi.yaml
var openAPI []byte

// describe serves GET /v1/admin/openapi.yaml.
func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache") // another node may be newer
	_, _ = w.Write(openAPI)                     // the client has gone: nobody is left to notify
}
