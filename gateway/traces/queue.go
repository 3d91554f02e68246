package traces

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"barrage/gateway/pass"
	"barrage/internal/gather"
	"barrage/internal/once"
)

const (
	// maxWaiting bounds the spans that wait, maxBatch those of one call. Both are what OpenTelemetry's SDKs take.
	maxWaiting = 2048
	maxBatch   = 512
	// gatherFor is how long the first span of a call waits for others.
	gatherFor = 5 * time.Second
	// patience bounds a call, lastPatience the one when the node ends, which waits for it.
	patience     = 10 * time.Second
	lastPatience = time.Second
	// maxResponse bounds what is read of a response, in bytes, so that its connection can be used again.
	maxResponse = 4 << 10
)

// queue takes spans to a collector. It is the SDK's processor of spans.
type queue struct {
	// Immutable after newQueue.
	spans     *gather.Queue[sdk.ReadOnlySpan]
	collector *collector
	exporter  *otlptrace.Exporter // writes spans as the collector takes them
	log       *slog.Logger

	failure once.Failure // of send alone

	sent, failed, dropped atomic.Uint64
}

func newQueue(cfg Config, log *slog.Logger) *queue {
	header, _ := cfg.header() // Validate has seen it
	header.Set("Content-Type", "application/x-protobuf")
	header.Set("User-Agent", "barrage")
	to := &collector{url: cfg.Endpoint, header: header, client: pass.NewHookClient(patience)}
	spans := gather.New[sdk.ReadOnlySpan](gather.Bounds{Most: maxWaiting, Batch: maxBatch, For: gatherFor}, nil)
	return &queue{spans: spans, collector: to, exporter: otlptrace.NewUnstarted(to), log: log}
}

// OnStart is the SDK's.
func (*queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd queues a span. It never blocks.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	if s.SpanContext().IsSampled() && !q.spans.Put(s) {
		q.dropped.Add(1)
	}
}

// Shutdown is the SDK's; Run's ctx ends the queue.
func (*queue) Shutdown(context.Context) error { return nil }

// ForceFlush is the SDK's, and nobody's.
func (*queue) ForceFlush(context.Context) error { return nil }

// send takes what is queued to the collector until ctx ends, and then what is left, within lastPatience.
func (q *queue) send(ctx context.Context) {
	calls, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer q.collector.client.CloseIdleConnections()
	defer cutOff()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastPatience, cutOff) })()
	for {
		batch := q.spans.Next(ctx, nil)
		if len(batch) == 0 {
			return
		}
		err := q.export(calls, batch)
		counter := &q.sent
		if err != nil {
			counter = &q.failed
		}
		counter.Add(uint64(len(batch)))
		if q.failure.IsNew(err) {
			q.log.Warn("cannot send traces: they are dropped", "endpoint", pass.RedactedHook(q.collector.url), "err", err)
		}
	}
}

func (q *queue) export(ctx context.Context, batch []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return q.exporter.ExportSpans(ctx, batch)
}

// collector posts spans as OTLP over HTTP has them. It is the client of the exporter.
type collector struct {
	url    string
	header http.Header
	client *pass.HookClient
}

// Start is the exporter's.
func (*collector) Start(context.Context) error { return nil }

// Stop is the exporter's.
func (*collector) Stop(context.Context) error { return nil }

// UploadTraces posts spans. The error is the same text for the same reason, and has no secret in it.
func (c *collector) UploadTraces(ctx context.Context, spans []*otlp.ResourceSpans) error {
	body, err := proto.Marshal(&otlp.TracesData{ResourceSpans: spans}) // in bytes it is an ExportTraceServiceRequest
	if err != nil {
		return fmt.Errorf("a span cannot be encoded: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("traces.endpoint is no URL") // the error has the URL in it, with its password
	}
	r.Header = c.header.Clone()
	res, err := c.client.Do(r)
	if err != nil {
		return unanswered(err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxResponse) // the status says all
	if res.StatusCode < 200 || res.StatusCode >= 300 {
		return fmt.Errorf("the response has status %d, want 200", res.StatusCode)
	}
	return nil
}

// unanswered is the error of a collector that does not answer, without what changes from one call to the next, and
// without its URL.
func unanswered(err error) error {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fmt.Errorf("no answer within %v", patience)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok { // it has the local port in it
		return fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return errors.New("the connection broke")
}
