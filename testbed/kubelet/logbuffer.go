package main

import (
	"bytes"
	"sync"
	"time"
)

type stream int

const (
	stdout stream = iota
	stderr
)

const (
	maxLineBytes = 16 << 10 // longer lines are cut in parts, as container runtimes do
	maxLogBytes  = 16 << 20 // the oldest lines go first
)

type logLine struct {
	at     time.Time
	stream stream
	text   []byte // with its line end, unless it is a part
}

// logBuffer keeps the lines of one run of a container in memory.
type logBuffer struct {
	mu      sync.Mutex
	lines   []logLine
	first   int // number of lines[0] since the start
	bytes   int
	partial [2][]byte
	closed  bool
	grown   chan struct{} // closed and replaced at each change
}

func newLogBuffer() *logBuffer { return &logBuffer{grown: make(chan struct{})} }

func (l *logBuffer) write(from stream, data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := append(l.partial[from], data...)
	for len(rest) > 0 {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 || end > maxLineBytes {
			if len(rest) < maxLineBytes {
				break
			}
			end = maxLineBytes
		}
		l.append(from, rest[:end])
		rest = rest[end:]
	}
	l.partial[from] = bytes.Clone(rest)
	l.signal()
}

// close ends the run: what has no line end yet is a line.
func (l *logBuffer) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for from, rest := range l.partial {
		if len(rest) > 0 {
			l.append(stream(from), rest)
			l.partial[from] = nil
		}
	}
	l.closed = true
	l.signal()
}

func (l *logBuffer) append(from stream, text []byte) {
	l.lines = append(l.lines, logLine{at: time.Now(), stream: from, text: bytes.Clone(text)})
	l.bytes += len(text)
	for l.bytes > maxLogBytes {
		l.bytes -= len(l.lines[0].text)
		l.lines = l.lines[1:]
		l.first++
	}
}

func (l *logBuffer) signal() {
	close(l.grown)
	l.grown = make(chan struct{})
}

// tail is the number of the n-th line from the end.
func (l *logBuffer) tail(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + max(len(l.lines)-n, 0)
}

// since returns the lines from number on, the number to go on with, whether
// there will be more, and a channel that is closed when there are.
func (l *logBuffer) since(number int) (lines []logLine, next int, closed bool, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := min(max(number-l.first, 0), len(l.lines))
	return l.lines[from:len(l.lines):len(l.lines)], l.first + len(l.lines), l.closed, l.grown
}
