package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	core "k8s.io/api/core/v1"
)

var errLimit = errors.New("the byte limit is reached")

// serveLogs answers GET /containerLogs/{namespace}/{pod}/{container}.
func (s *server) serveLogs(w http.ResponseWriter, r *http.Request) {
	c := s.target(w, r)
	if c == nil {
		return
	}
	options, err := parseLogOptions(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	logs := c.logsOf(options.Previous)
	if logs == nil {
		http.Error(w, fmt.Sprintf("previous terminated container %q in pod %q not found", c.spec.Name, r.PathValue("pod")), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusOK)
	copyLogs(w, r, logs, options)
}

func (c *container) logsOf(previous bool) *logBuffer {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	if previous {
		return c.previous
	}
	return c.logs
}

func copyLogs(w http.ResponseWriter, r *http.Request, logs *logBuffer, options core.PodLogOptions) {
	out := io.Writer(w)
	if options.LimitBytes != nil {
		out = &limitedWriter{out, *options.LimitBytes}
	}
	number := 0
	if options.TailLines != nil {
		number = logs.tail(int(*options.TailLines))
	}
	since := logStart(options)
	flush := http.NewResponseController(w).Flush
	for {
		lines, next, closed, grown := logs.since(number)
		number = next
		for _, line := range lines {
			if line.at.Before(since) || !wants(options, line.stream) {
				continue
			}
			if _, err := out.Write(format(line, options.Timestamps)); err != nil {
				return
			}
		}
		if flush() != nil || closed || !options.Follow {
			return
		}
		select {
		case <-grown:
		case <-r.Context().Done():
			return
		}
	}
}

func logStart(options core.PodLogOptions) time.Time {
	switch {
	case options.SinceSeconds != nil:
		return time.Now().Add(-time.Duration(*options.SinceSeconds) * time.Second)
	case options.SinceTime != nil:
		return options.SinceTime.Time
	}
	return time.Time{}
}

func wants(options core.PodLogOptions, from stream) bool {
	if options.Stream == nil || *options.Stream == core.LogStreamAll {
		return true
	}
	return (*options.Stream == core.LogStreamStderr) == (from == stderr)
}

func format(line logLine, timestamps bool) []byte {
	if !timestamps {
		return line.text
	}
	return append([]byte(line.at.UTC().Format(time.RFC3339Nano)+" "), bytes.Clone(line.text)...)
}

// limitedWriter fails once its bytes are used up.
type limitedWriter struct {
	to   io.Writer
	left int64
}

func (l *limitedWriter) Write(data []byte) (int, error) {
	data = data[:min(int64(len(data)), l.left)]
	n, err := l.to.Write(data)
	l.left -= int64(n)
	if err == nil && l.left == 0 {
		err = errLimit
	}
	return n, err
}
