package cli

import "runtime/debug"

// BuildInfo is what the program knows of its build; empty, never nil, where it knows nothing.
func BuildInfo() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

// Commit is that of a build, "0123456789ab", with "+changes" where there were some on top; empty: unknown.
func Commit(info *debug.BuildInfo) string {
	commit, changes := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changes = "+changes"
		}
	}
	return commit + changes
}
