package traces

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"barrage/internal/gather"
	"barrage/internal/once"
	"barrage/internal/remote"
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
	to := &collector{cfg.Endpoint, remote.NewClient(remote.Service{URL: cfg.Endpoint, Timeout: patience, Header: header, Terse: true})}
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
		err := q.exporter.ExportSpans(calls, batch)
		counter := &q.sent
		if err != nil {
			counter = &q.failed
		}
		counter.Add(uint64(len(batch)))
		if q.failure.IsNew(err) {
			q.log.Warn("cannot send traces: they are dropped", "endpoint", remote.RedactedHook(q.collector.url), "err", err)
		}
	}
}

// collector posts spans as OTLP over HTTP has them. It is the client of the exporter.
type collector struct {
	url    string
	client *remote.Client
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
	res, err := c.client.Post(ctx, "", body)
	if err != nil {
		return err
	}
	if res.Status < 200 || res.Status >= 300 {
		return fmt.Errorf("the response has status %d, want 200", res.Status)
	}
	return nil
}
