package traces

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"barrage/internal/remote"
)

// Config is the config section `traces`. Start from [DefaultConfig].
type Config struct {
	// Endpoint is where a collector takes OTLP over HTTP, as http://127.0.0.1:4318/v1/traces. Empty = no traces.
	Endpoint string `mapstructure:"endpoint"`
	// Headers go with each call, as name=value. They are secrets: never printed.
	Headers []string `mapstructure:"headers"`
	// Sample is the share of requests that are recorded, 0 to 1.
	Sample float64 `mapstructure:"sample"`
	// Follow has callers on the public port decide by their traceparent whether theirs are recorded.
	Follow bool `mapstructure:"follow"`
}

// DefaultConfig is what config.yaml says.
func DefaultConfig() Config { return Config{Sample: 0.01} }

// Validate reports every value out of range, each with its key within the section. It shows no secret.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Endpoint != "" {
		switch u, err := url.Parse(c.Endpoint); {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			bad("endpoint: %q is neither http nor https, as http://127.0.0.1:4318/v1/traces", remote.RedactedHook(c.Endpoint))
		case strings.Trim(u.Path, "/") == "":
			bad("endpoint: %q has no path; collectors take traces at /v1/traces", remote.RedactedHook(c.Endpoint))
		}
	}
	if _, err := c.header(); err != nil {
		errs = append(errs, err)
	}
	if c.Endpoint == "" && len(c.Headers) > 0 {
		bad("headers: they are set, and endpoint is not")
	}
	if !(c.Sample >= 0 && c.Sample <= 1) { // which NaN is not
		bad("sample: %v is not within 0 (none) and 1 (all)", c.Sample)
	}
	return errors.Join(errs...)
}

// header is Headers as a request has them.
func (c Config) header() (http.Header, error) {
	h := http.Header{}
	for i, text := range c.Headers {
		name, value, ok := strings.Cut(text, "=")
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("headers[%d]: it is not name=value, as authorization=Bearer x", i)
		}
		h.Add(name, value)
	}
	return h, nil
}
