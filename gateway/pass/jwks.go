package pass

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"

	"barrage/internal/once"
	"barrage/internal/remote"
)

// How the issuer's keys are fetched. Issuers publish a key before they sign with it, an hour and more. So ten minutes
// find it in time, and cost an issuer of 100 nodes a request in six seconds.
const (
	fetchEvery = 10 * time.Minute
	// fetchAgain is the least time between two fetches that unknown kids cause, however many tokens name them.
	fetchAgain = 10 * time.Second
	// madeLeeway is how long after a token was made a fetch must have begun for its key to be in the answer. The clocks of
	// issuer and node may differ by half of it, and the issuer's servers take some time to agree.
	madeLeeway = 2 * Leeway
	// fetchTimeout bounds one fetch with its redirects and its body.
	fetchTimeout = 5 * time.Second
	// fetchWait is when a client with an unknown key should come again. A fetch takes less than a second mostly.
	fetchWait = 2 * time.Second
	// firstRetry and lastRetry are the pauses after failures; each is twice as long as the one before.
	firstRetry = time.Second
	lastRetry  = time.Minute
	// maxRedirects bounds the redirects of one fetch: issuers have one, to where their keys have moved.
	maxRedirects = 3
	// maxKeySet bounds the answer, in bytes: 64 keys with chains of certificates.
	maxKeySet = 256 << 10
	// maxKeys bounds the keys in it; the largest issuers publish ten.
	maxKeys = 64
)

// fetcher fetches the keys of a JWKS URL. One goroutine may use it; anybody may set due.
type fetcher struct {
	url    string
	client *http.Client
	due    once.Signal // set where a token names a key that is not known
	last   []byte      // the last good answer
}

func newFetcher(address string) *fetcher {
	transport := http.DefaultTransport.(*http.Transport).Clone() // it has the proxy of the environment
	transport.DisableKeepAlives = true                           // the next fetch is ten minutes away
	transport.DisableCompression = true
	transport.MaxResponseHeaderBytes = remote.MaxHeader
	return &fetcher{
		url: address, due: once.NewSignal(),
		client: &http.Client{Timeout: fetchTimeout, Transport: transport, CheckRedirect: checkRedirect},
	}
}

// checkRedirect keeps the keys from coming over a connection that anybody may change. It keeps the URL from being sent
// to the server that the redirect goes to: its query may have an API key.
func checkRedirect(r *http.Request, via []*http.Request) error {
	r.Header.Del("Referer")
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if wasRemote := via[0].URL.Scheme == "https"; !remote.SafeURL(r.URL) || wasRemote && r.URL.Scheme != "https" {
		return fmt.Errorf("a redirect to %s, which is not https", remote.Redacted(r.URL.String()))
	}
	return nil
}

// run calls refresh until ctx ends. It logs the first of several equal failures, and their end.
func (f *fetcher) run(ctx context.Context, now func() time.Time, log *slog.Logger, refresh func(context.Context) error) {
	var failure once.Failure
	for pause := time.Duration(0); ; {
		select {
		case <-f.due: // this fetch answers it
		default:
		}
		began := now()
		err := refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		if failure.IsNew(err) {
			log.Warn("cannot fetch the issuer's keys: the known ones stay in use", "url", remote.Redacted(f.url), "err", err)
		}
		next := began.Add(fetchEvery)
		if err == nil {
			if pause > 0 {
				log.Info("the issuer's keys were fetched again", "url", remote.Redacted(f.url))
			}
			pause = 0
		} else {
			pause = min(max(2*pause, firstRetry), lastRetry)
			next = now().Add(pause)
		}
		if !f.wait(ctx, now, next, began.Add(fetchAgain)) {
			return
		}
	}
}

// wait returns at the time of the next fetch, or where due is set at the time of the earliest. It is false where ctx
// has ended.
func (f *fetcher) wait(ctx context.Context, now func() time.Time, next, earliest time.Time) bool {
	timer := time.NewTimer(next.Sub(now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-f.due:
			if earliest.Before(next) {
				timer.Reset(earliest.Sub(now()))
			}
		}
	}
}

// fetch fetches the keys. isNew is false where the answer is the last one again.
func (f *fetcher) fetch(ctx context.Context) (keys []key, isNew bool, err error) {
	answer, err := f.get(ctx)
	if err != nil {
		return nil, false, err
	}
	if f.last != nil && bytes.Equal(answer, f.last) {
		return nil, false, nil
	}
	if keys, err = readKeySet(answer); err != nil {
		return nil, false, fmt.Errorf("cannot read the answer: %w", err)
	}
	f.last = answer
	return keys, true, nil
}

// get is the answer of the JWKS URL.
func (f *fetcher) get(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, http.NoBody)
	if err != nil {
		return nil, errors.New("jwks_url is no URL") // the error has the URL in it
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	r.Header.Set("User-Agent", "barrage")
	res, err := f.client.Do(r)
	if err != nil {
		return nil, remote.Unanswered(err, fetchTimeout)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer has status %d", res.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, remote.Unanswered(err, fetchTimeout)
	}
	if len(answer) > maxKeySet {
		return nil, fmt.Errorf("the answer has more than %d KiB", maxKeySet>>10)
	}
	return answer, nil
}

// readKeySet reads the keys of a JWKS (RFC 7517) that can check signatures. Others are left out, as section 5 wants;
// secrets (oct) among them: a client that reads the set could sign with them.
func readKeySet(answer []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(answer, &set); err != nil || set.Keys == nil {
		return nil, errors.New("it is no JWKS: want an object with a list of keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys, at most %d are allowed", len(set.Keys), maxKeys)
	}
	var keys []key
	var first error // the first that is wrong with a key
	for i, raw := range set.Keys {
		k, err := readKey(raw)
		if err != nil {
			if first == nil {
				first = fmt.Errorf("key %d of %d: %w", i+1, len(set.Keys), err)
			}
			continue
		}
		keys = append(keys, k)
	}
	switch {
	case len(keys) > 0:
		return keys, nil
	case first == nil:
		return nil, errors.New("it has no keys")
	}
	return nil, fmt.Errorf("it has no key that can check a signature: %w", first)
}

func readKey(raw json.RawMessage) (key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return key{}, err
	}
	// Certificates are not needed, and nothing is fetched from where the answer says.
	m.X5U, m.X5C, m.X5T, m.X5TS256 = "", nil, "", ""
	switch {
	case m.KTY == jwkset.KtyOct:
		return key{}, errors.New("kty oct is a secret, and a published secret is none")
	case m.USE != "" && m.USE != jwkset.UseSig:
		return key{}, fmt.Errorf("use is %.64q, not sig", m.USE)
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return key{}, fmt.Errorf("key_ops is %.64q, without verify", m.KEYOPS)
	case m.ALG != "" && !slices.Contains(publicAlgorithms, string(m.ALG)):
		return key{}, fmt.Errorf("alg is %.64q, which is not supported", m.ALG)
	}
	parsed, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, err
	}
	return key{m.KID, string(m.ALG), parsed.Key()}, isStrong(parsed.Key())
}
