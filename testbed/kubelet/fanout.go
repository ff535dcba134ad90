package main

import (
	"io"
	"sync"
)

// fanout carries the output of a process to its log and to attached clients.
type fanout struct {
	logs     *logBuffer
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

// watcher is an attached client. A stream it did not ask for is nil.
type watcher struct {
	streams [2]io.Writer
	// left is closed when a write to the client failed.
	left chan struct{}
}

func newFanout(logs *logBuffer) *fanout {
	return &fanout{logs: logs, watchers: map[*watcher]struct{}{}}
}

func (f *fanout) attach(out, err io.Writer) *watcher {
	w := &watcher{streams: [2]io.Writer{stdout: out, stderr: err}, left: make(chan struct{})}
	f.mu.Lock()
	f.watchers[w] = struct{}{}
	f.mu.Unlock()
	return w
}

func (f *fanout) detach(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
}

func (f *fanout) stream(which stream) io.Writer { return fanoutStream{f, which} }

type fanoutStream struct {
	*fanout
	which stream
}

// Write never fails: a client that went away must not stop the process.
func (s fanoutStream) Write(data []byte) (int, error) {
	s.logs.write(s.which, data)
	s.mu.Lock()
	watchers := make([]*watcher, 0, len(s.watchers))
	for w := range s.watchers {
		watchers = append(watchers, w)
	}
	s.mu.Unlock()
	for _, w := range watchers {
		target := w.streams[s.which]
		if target == nil {
			continue
		}
		if _, err := target.Write(data); err != nil {
			s.detach(w)
			close(w.left)
		}
	}
	return len(data), nil
}
