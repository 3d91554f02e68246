package contract

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A node has the conversations of the transcripts, and so has a client that was made from them alone.
func TestKit_NodeHoldsEachConversation(t *testing.T) {
	t.Parallel()
	n := startNode(t)
	t.Run("transcripts", func(t *testing.T) {
		out, err := exec.Command(program, "conformance", n.addr).CombinedOutput()
		if err != nil || strings.Count(string(out), "ok    ") < 5 {
			t.Errorf("barrage conformance: %v\n%s", err, out)
		}
	})
	t.Run("Python", func(t *testing.T) {
		python, err := exec.LookPath("python3")
		if err != nil {
			t.Skip("there is no python3 on this machine, which the second client is for (apt-get install python3)")
		}
		if out, err := exec.Command(python, "../../kit/barrage.py", n.addr).CombinedOutput(); err != nil || string(out) != "ok\n" {
			t.Errorf("kit/barrage.py: %v\n%s", err, out)
		}
		files, err := filepath.Glob("../../kit/transcripts/*.txt")
		if err != nil || len(files) < 5 {
			t.Fatalf("%d transcripts, %v", len(files), err)
		}
		out, err := exec.Command(python, append([]string{"../../kit/barrage.py", n.addr}, files...)...).CombinedOutput()
		if err != nil || strings.Count(string(out), "ok    ") != len(files) {
			t.Errorf("kit/barrage.py and the transcripts: %v\n%s", err, out)
		}
		wrong := filepath.Join(t.TempDir(), "wrong.txt")
		if err := os.WriteFile(wrong, []byte("# Nobody hears this.\na open ?user_id=ann\na <- {\"t\":\"goodbye\"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(python, "../../kit/barrage.py", n.addr, wrong).CombinedOutput(); err == nil || !strings.Contains(string(out), "want [{'t': 'goodbye'}]") {
			t.Errorf("kit/barrage.py and a transcript that is wrong: %v\n%s", err, out)
		}
	})
	t.Run("no server", func(t *testing.T) {
		out, err := exec.Command(program, "conformance", n.admin).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "cannot call "+n.admin+" a server of barrage.v1: 5 of 5") {
			t.Errorf("barrage conformance of the admin port: %v\n%s", err, out)
		}
	})
}
