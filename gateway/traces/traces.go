package traces

import (
	"bufio"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Traces makes spans. Make it with [New]; nil makes none. Its methods may be called concurrently.
type Traces struct {
	// Immutable after New.
	queue    *queue
	provider *sdk.TracerProvider
	tracer   trace.Tracer

	set atomic.Pointer[Config] // of which Sample and Follow count
}

// w3c reads and writes traceparent and tracestate.
var w3c propagation.TraceContext

// Names of attributes, those of OpenTelemetry's semantic conventions 1.37.
const (
	keyMethod    = attribute.Key("http.request.method")
	keyRoute     = attribute.Key("http.route")
	keyStatus    = attribute.Key("http.response.status_code")
	keyServer    = attribute.Key("server.address")
	keySystem    = attribute.Key("db.system.name")
	keyOperation = attribute.Key("db.operation.name")
	keyRoom      = attribute.Key("barrage.room")
)

// maxValue bounds the value of an attribute, in bytes: ids have 128 at most, routes less.
const maxValue = 256

// New makes spans for the node of that name and version by a valid configuration; nil where it names no endpoint. Call
// Run next. Run writes to log about a collector that takes nothing.
func New(cfg Config, node, version string, log *slog.Logger) *Traces {
	if cfg.Endpoint == "" {
		return nil
	}
	t := &Traces{queue: newQueue(cfg, log)}
	t.set.Store(&cfg)
	limits := sdk.NewSpanLimits()
	limits.AttributeValueLengthLimit, limits.EventCountLimit, limits.LinkCountLimit = maxValue, 1, 1
	t.provider = sdk.NewTracerProvider(sdk.WithSampler(sampler{t}), sdk.WithSpanProcessor(t.queue), sdk.WithRawSpanLimits(limits),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "barrage"),
			attribute.String("service.version", version), attribute.String("service.instance.id", node))))
	t.tracer = t.provider.Tracer("barrage")
	return t
}

// Run sends spans to the collector until ctx ends, by a goroutine of workers.
func (t *Traces) Run(ctx context.Context, workers *sync.WaitGroup) {
	if t != nil {
		workers.Go(func() { t.queue.send(ctx) })
	}
}

// Reload has Sample and Follow count from now on.
func (t *Traces) Reload(cfg Config) {
	if t != nil {
		t.set.Store(&cfg)
	}
}

// Stats count spans since the start.
type Stats struct {
	Sent    uint64 // the collector has taken them
	Failed  uint64 // it did not, or there was no time
	Dropped uint64 // the queue was full
}

// Stats are the figures so far; none where t is nil.
func (t *Traces) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{t.queue.sent.Load(), t.queue.failed.Load(), t.queue.dropped.Load()}
}

// sampler has a span recorded if the one that it belongs to is, or by chance.
type sampler struct{ *Traces }

func (s sampler) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	of := trace.SpanContextFromContext(p.ParentContext)
	result := sdk.SamplingResult{Decision: sdk.Drop, Tracestate: of.TraceState()}
	if of.IsSampled() || !of.IsValid() && s.drawn() {
		result.Decision = sdk.RecordAndSample
	}
	return result
}

func (sampler) Description() string { return "barrage" }

// drawn has chance decide.
func (t *Traces) drawn() bool { return rand.Float64() < t.set.Load().Sample }

// Serve makes a span of each request that next answers and whose address begins with prefix. It belongs to the trace
// that the caller names. Whether it is recorded the caller decides where trusted is set, or Config.Follow; else chance
// does, so that no stranger fills the collector. The handler next is a mux, which notes the request's pattern.
func (t *Traces) Serve(next http.Handler, prefix string, trusted bool) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			next.ServeHTTP(w, r)
			return
		}
		ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		if of := trace.SpanContextFromContext(ctx); of.IsValid() && !trusted && !t.set.Load().Follow {
			// hooks would get it
			of = of.WithTraceFlags(of.TraceFlags().WithSampled(t.drawn())).WithTraceState(trace.TraceState{})
			ctx = trace.ContextWithRemoteSpanContext(ctx, of)
		}
		method := known(r.Method)
		ctx, span := t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
		r = r.WithContext(ctx)
		if !span.IsRecording() {
			next.ServeHTTP(w, r)
			return
		}
		defer span.End()
		noted := &response{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(noted, r)
		if _, route, ok := strings.Cut(r.Pattern, "/"); ok { // a pattern is "GET /v1/rooms/{room}"
			span.SetName(method + " /" + route)
			span.SetAttributes(keyRoute.String("/" + route))
		}
		if room := r.PathValue("room"); room != "" {
			// A room id that is not UTF-8 could be sent to nobody: a collector would get none of the spans beside it.
			span.SetAttributes(keyRoom.String(strings.ToValidUTF8(room, "\uFFFD")))
		}
		span.SetAttributes(keyMethod.String(method), keyStatus.Int(noted.status))
		if noted.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	})
}

// known is a method, or the word for those that strangers make up.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "HTTP"
}

// response notes its status.
type response struct {
	http.ResponseWriter
	status int
}

func (r *response) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Hijack is for http.ResponseController: a WebSocket takes the connection over.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.status = http.StatusSwitchingProtocols
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

// Unwrap is for what else http.ResponseController does.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Call begins the span of a call of a hook, whose request gets its traceparent. The function end ends it: by the status
// of the response, or why there is none. A call that belongs to no request is a trace of its own.
func (t *Traces) Call(hook string, r *http.Request) (end func(status int, err error)) {
	if t == nil {
		return func(int, error) {}
	}
	ctx, span := t.tracer.Start(r.Context(), "hook "+hook, trace.WithSpanKind(trace.SpanKindClient))
	w3c.Inject(ctx, propagation.HeaderCarrier(r.Header))
	return func(status int, err error) {
		if span.IsRecording() {
			span.SetAttributes(keyMethod.String(r.Method), keyServer.String(r.URL.Hostname()))
			switch {
			case err != nil: // not shown: it has the URL in it, which may be a key
				span.SetStatus(codes.Error, "no answer")
			case status >= http.StatusInternalServerError:
				span.SetAttributes(keyStatus.Int(status))
				span.SetStatus(codes.Error, "")
			default:
				span.SetAttributes(keyStatus.Int(status))
			}
		}
		span.End()
	}
}

// StoreCall makes the span of a call of the store that began then and has ended now. It does so if the call was made
// for a request that is recorded. The node's own calls, as its reports and beats, make none. err is why it failed.
func (t *Traces) StoreCall(ctx context.Context, op string, began time.Time, err error) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return
	}
	_, span := t.tracer.Start(ctx, op, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began),
		trace.WithAttributes(keySystem.String("redis"), keyOperation.String(op)))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// Cause is ctx that belongs to the trace of another one, where that is recorded. A batch is stored for the requests
// that brought its messages.
func Cause(ctx, of context.Context) (in context.Context, recorded bool) {
	span := trace.SpanContextFromContext(of)
	if !span.IsSampled() {
		return ctx, false
	}
	return trace.ContextWithSpanContext(ctx, span), true
}
