package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"barrage/gateway/edge"
	"barrage/gateway/keys"
	"barrage/gateway/pass"
)

// CheckFiles reads the files that a valid configuration names, as a node does. It reports those that are no use, one
// problem each, with its key. It connects to nobody.
func (c Config) CheckFiles() error {
	var problems []error
	note := func(key string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s%w", key, err))
		}
	}
	note("", c.Redis.CheckFiles())
	if slices.Contains(c.Auth.Mode, edge.AuthJWT) {
		_, err := pass.NewJWT(c.Auth.JWT(), time.Now, slog.New(slog.DiscardHandler))
		note("auth.", err)
	}
	if c.Admin.KeysFile != "" {
		_, _, err := keys.Load(c.Admin.KeysFile)
		note("admin.keys_file: ", err)
	}
	_, err := edge.LoadFilter(c.Filter)
	note("", err)
	return errors.Join(problems...)
}
