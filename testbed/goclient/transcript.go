package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// transcript prints one JSON object a step; keys of maps come out sorted.
type transcript struct{ out io.Writer }

func (t *transcript) add(step string, result any) error {
	return json.NewEncoder(t.out).Encode(struct {
		Step   string `json:"step"`
		Result any    `json:"result"`
	}{step, result})
}

// refusal is the comparable part of a Status error.
func refusal(err error) any {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return map[string]any{"error": describe(err)}
	}
	s := status.Status()
	return map[string]any{"code": s.Code, "reason": s.Reason, "message": s.Message}
}

func describe(err error) string {
	if err == nil {
		return "none"
	}
	return err.Error()
}

// traffic notes which content types the program sent and was answered with.
type traffic struct {
	mu      sync.Mutex
	sent    map[string]bool
	answers map[string]bool
}

func newTraffic() *traffic { return &traffic{sent: map[string]bool{}, answers: map[string]bool{}} }

type observer struct {
	traffic *traffic
	next    http.RoundTripper
}

func (t *traffic) observe(next http.RoundTripper) http.RoundTripper { return observer{t, next} }

func (o observer) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := o.next.RoundTrip(request)
	o.traffic.mu.Lock()
	defer o.traffic.mu.Unlock()
	if kind := mediaType(request.Header); kind != "" {
		o.traffic.sent[request.Method+" "+kind] = true
	}
	if err == nil {
		o.traffic.answers[mediaType(response.Header)] = true
	}
	return response, err
}

func mediaType(header http.Header) string {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return strings.TrimSpace(header.Get("Content-Type"))
	}
	return kind
}

// contentTypes reports what this client sends. What it is answered with may
// well differ behind a gateway, so that is only in the log (stderr).
func (p *program) contentTypes() (any, error) {
	p.traffic.mu.Lock()
	defer p.traffic.mu.Unlock()
	println("answered with:", strings.Join(sortedKeys(p.traffic.answers), ", "))
	return sortedKeys(p.traffic.sent), nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
