package gateway

import (
	_ "embed" // admin.openapi.yaml
	"net/http"
)

//go:embed admin.openapi.yaml
var adminDescription []byte

// describeAdmin serves GET /v1/admin/openapi.yaml.
func describeAdmin(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Cache-Control", "no-cache") // another node may be newer
	_, _ = w.Write(adminDescription)            // the client has gone: nobody is left to tell
}
