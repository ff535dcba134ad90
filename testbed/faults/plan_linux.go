package main

import (
	"fmt"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// rule is one planted fault. Path is a regular expression over the absolute path.
type rule struct {
	Op   operation `json:"op"`
	Path string    `json:"path"`
	// Name of an error number (EIO, ENOSPC, EDQUOT, EROFS), or `hang`: the call does not return while the rule stands.
	Fault string `json:"fault"`
	// This many matching calls are let through first.
	After int `json:"after"`
	// This many fail then; 0 for all.
	Times int `json:"times"`

	pattern *regexp.Regexp
	errno   unix.Errno
	hang    bool
	seen    int
}

// event is one file operation of the program that was watched.
type event struct {
	Milliseconds int64     `json:"at"`
	Op           operation `json:"op"`
	Path         string    `json:"path"`
	// -1 for operations on paths.
	Descriptor int `json:"fd"`
	// Empty when it was let through.
	Fault string `json:"fault"`
}

type plan struct {
	mutex   sync.Mutex
	rules   []*rule
	watched *regexp.Regexp
	events  []event
	hanging []func(unix.Errno)
}

// More than any test makes; what is beyond is told by `truncated`.
const eventLimit = 500_000

var errorNames = map[string]unix.Errno{
	"EIO": unix.EIO, "ENOSPC": unix.ENOSPC, "EDQUOT": unix.EDQUOT, "EROFS": unix.EROFS, "EACCES": unix.EACCES,
	"EMFILE": unix.EMFILE,
}

func newPlan() *plan { return &plan{} }

// replace sets new rules; calls that hung by the old ones go on.
func (p *plan) replace(rules []*rule, watch string) error {
	for _, r := range rules {
		var err error
		if r.pattern, err = regexp.Compile(r.Path); err != nil {
			return err
		}
		r.hang = r.Fault == "hang"
		r.errno = errorNames[r.Fault]
		if !r.hang && r.errno == 0 {
			return fmt.Errorf("no such fault: %q", r.Fault)
		}
	}
	watched, err := regexp.Compile(watch)
	if err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.rules = rules
	if watch != "" {
		p.watched = watched
	}
	for _, release := range p.hanging {
		release(0)
	}
	p.hanging = nil
	return nil
}

// decide answers a call by `respond`: 0 lets it through. A call that hangs is answered when the rules change.
func (p *plan) decide(op operation, path string, descriptor int, respond func(unix.Errno)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var hit *rule
	for _, r := range p.rules {
		if r.Op != op || !r.pattern.MatchString(path) {
			continue
		}
		r.seen++
		if r.seen > r.After && (r.Times == 0 || r.seen <= r.After+r.Times) {
			hit = r
			break
		}
	}
	if p.watched != nil && p.watched.MatchString(path) && len(p.events) < eventLimit {
		e := event{Milliseconds: time.Now().UnixMilli(), Op: op, Path: path, Descriptor: descriptor}
		if hit != nil {
			e.Fault = hit.Fault
		}
		p.events = append(p.events, e)
	}
	switch {
	case hit == nil:
		respond(0)
	case hit.hang:
		p.hanging = append(p.hanging, respond)
	default:
		respond(hit.errno)
	}
}
