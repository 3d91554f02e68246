package redistest

import (
	"fmt"
	"testing"
)

// Sentinels are three sentinels of a master with one replica. Use [StartSentinels].
type Sentinels struct {
	// Sentinels answer at these servers.
	Sentinels []*Server
	// Master and Replica are what they were at the start.
	Master, Replica *Server
}

// sentinelDown is after how many milliseconds without an answer sentinels take a server for dead: a busy machine keeps
// one from answering for a second. Ten times as long a replica may have lost its master and still take over, which is
// what [StopReplication] needs.
const sentinelDown = "3000"

// MasterName is what sentinels call their master.
const MasterName = "barrage"

// StartSentinels starts a master, its replica and three sentinels, and returns when these
// know each other.
func StartSentinels(tb testing.TB) *Sentinels {
	tb.Helper()
	s := &Sentinels{Master: Start(tb, quick, "0")}
	s.Replica = StartReplica(tb, s.Master)
	host, port := s.Master.hostPort()
	for range 3 {
		one := &Server{sentinel: fmt.Sprintf("sentinel monitor %s %s %s 2\n", MasterName, host, port) +
			fmt.Sprintf("sentinel down-after-milliseconds %s %s\n", MasterName, sentinelDown) +
			fmt.Sprintf("sentinel failover-timeout %s 3000\n", MasterName)}
		s.Sentinels = append(s.Sentinels, one.launchFor(tb))
		// One that had no processor for two seconds does nothing for thirty. The knowledge of a replica is ten seconds old,
		// of which five are too old. They greet each other every two seconds. Before 7.0 that stays so.
		_, _ = one.Do("SENTINEL", "DEBUG", "TILT-TRIGGER", "60000", "INFO-PERIOD", "1000", "PUBLISH-PERIOD", "200")
	}
	for _, one := range s.Sentinels {
		wantSoon(tb, "the sentinels know each other", func() bool {
			answer := one.mustDo(tb, "SENTINEL", "MASTER", MasterName)
			about, err := answer.AsStrMap()
			return err == nil && about["num-other-sentinels"] == "2" && about["num-slaves"] == "1"
		})
	}
	return s
}

// Addrs are the addresses of the sentinels.
func (s *Sentinels) Addrs() []string { return addrs(s.Sentinels) }

// KillMaster kills the master once its replica has all that it has, and returns when the sentinels have made that the
// master.
func (s *Sentinels) KillMaster(tb testing.TB) {
	tb.Helper()
	awaitCopied(tb, s.Master)
	s.Master.Kill(tb)
	wantSoon(tb, "the replica is the master", func() bool {
		answer, err := s.Replica.Do("ROLE") // Fails once: its clients are thrown out.
		if err != nil {
			return false
		}
		about, err := answer.ToArray()
		if err != nil {
			return false
		}
		role, err := about[0].ToString()
		return err == nil && role == "master"
	})
}
