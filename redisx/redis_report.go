package redisx

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"barrage/internal/chat"
)

// Report sends Redis what node counts, in one script a room, pipelined.
func (r *Redis) Report(ctx context.Context, node string, reports []chat.Report) ([]chat.Standing, error) {
	if len(reports) == 0 {
		return nil, nil
	}
	for _, p := range reports {
		if err := r.keys.check(p.Room); err != nil {
			return nil, fmt.Errorf("cannot report: %w", err)
		}
	}
	results, err := r.runMulti(ctx, r.scripts().report, r.reportExecs(node, reports))
	if results == nil {
		return nil, fmt.Errorf("cannot report rooms (%d): %w", len(reports), err)
	}
	standings := make([]chat.Standing, len(reports))
	failed := 0
	for i, res := range results {
		s, bad := parseStanding(res)
		if bad != nil {
			failed++
			room := reports[i].Room
			err = fmt.Errorf("cannot report room %q (keys %q): %w", room, r.reportKeys(room), r.described(bad))
			continue
		}
		if r.keys.fastIM {
			s.Rules = "" // of a time when it was not
		}
		standings[i] = s
	}
	if failed > 1 {
		err = fmt.Errorf("cannot report %d of %d rooms; the last one: %w", failed, len(reports), err)
	}
	return standings, err
}

func (r *Redis) reportKeys(room string) []string {
	return []string{r.keys.online(room), r.keys.meta(room), r.keys.history(room), r.keys.rules(room)}
}

func (r *Redis) reportExecs(node string, reports []chat.Report) []rueidis.LuaExec {
	execs := make([]rueidis.LuaExec, len(reports))
	for i, p := range reports {
		known := toStore(p.Known)
		execs[i] = rueidis.LuaExec{
			Keys: r.reportKeys(p.Room),
			Args: []string{
				node, strconv.FormatUint(p.Online, 10), strconv.FormatUint(p.Likes, 10), strconv.FormatUint(p.KnownLikes, 10),
				r.keys.quietChannel(p.Room), randomName(), known.Epoch, strconv.FormatUint(known.Rev, 10), known.Tip,
			},
		}
	}
	return execs
}

// parseStanding reads what report.lua returned.
func parseStanding(res rueidis.RedisResult) (chat.Standing, error) {
	f, err := res.ToArray()
	if err != nil {
		return chat.Standing{}, err
	}
	if len(f) < 7 {
		return chat.Standing{}, errBadAnswer
	}
	var s chat.Standing
	var err1, err2, err3, err4, err5, err6, err7 error
	s.Epoch, err1 = f[0].ToString()
	s.Seq, err2 = f[1].AsUint64()
	s.Rev, err3 = f[2].AsUint64()
	s.Tip, err4 = f[3].ToString()
	s.Online, err5 = f[4].AsUint64()
	s.Likes, err6 = f[5].AsUint64()
	s.Rules, err7 = f[6].ToString()
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return chat.Standing{}, errors.Join(errBadAnswer, err)
	}
	return s, nil
}
